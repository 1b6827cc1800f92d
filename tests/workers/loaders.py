"""What the workers of these tests do with a task: its text is a command."""

import os
import time


def commands(payload):
    """Return the function that runs a command and replies with the payload and the command."""

    def handle(task):
        command = task.decode()
        if command == "hang":
            time.sleep(60)
        if command == "pause":
            time.sleep(0.7)
        if command == "crash":
            os._exit(9)
        if command == "refuse":
            return {"setup_error": "no more"}
        return {"payload": payload.decode(), "command": command, "pid": os.getpid()}

    return handle


def starts_slowly(payload):
    """Return what `commands` returns, after a second."""
    time.sleep(1.0)
    return commands(payload)


def fails(_payload):
    """Raise, as a loader whose package is missing does."""
    raise ImportError("no such parser")


def exits(_payload):
    """End the process before it is ready."""
    os._exit(3)
