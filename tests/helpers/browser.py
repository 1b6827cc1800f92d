"""Chromium without a window, for tests of pages: keys, mouse and console through its DevTools pipe."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["Browser", "find_browser"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--remote-debugging-pipe",
]
MOVE_PIPES = "import os, sys; [os.dup2(int(fd), n) for n, fd in ((3, sys.argv[1]), (4, sys.argv[2]))]; os.execv(sys.argv[3], sys.argv[3:])"
"""The browser reads from descriptor 3 and writes to 4."""
TIMEOUT_S = 30.0
KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""),
        "ArrowRight": ("ArrowRight", 39, ""), "ArrowLeft": ("ArrowLeft", 37, "")}  # fmt: skip
"""Key -> its code, number and text; of other keys the letter is all."""


def find_browser():
    """Return the path of a browser; None where there is none, or no such pipes."""
    return None if sys.platform == "win32" else next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of one browser process.

    Attributes:
        messages: what the console said, and errors that nothing caught.
        requests: the addresses that the page asked for, itself among them.
    """

    def __init__(self, program, folder):
        reading, self._to = os.pipe()
        self._from, writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", MOVE_PIPES, str(reading), str(writing), program, *FLAGS, f"--user-data-dir={folder}"],
            pass_fds=(reading, writing), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(reading)
        os.close(writing)
        self.messages, self.requests = [], []
        self._number, self._rest, self._session = 0, b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def call(self, method, **params):
        """Return the result of a method of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        os.write(
            self._to, json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while (answer := self._read()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _read(self):
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], TIMEOUT_S)[0]:
                raise TimeoutError(f"the browser said nothing for {TIMEOUT_S:g} s")
            part = os.read(self._from, 1 << 20)
            if not part:
                raise RuntimeError(f"the browser ended: {self._process.wait()}")
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.messages.append(" ".join(str(part.get("value", part.get("description"))) for part in params["args"]))
        elif event.get("method") == "Runtime.exceptionThrown":
            self.messages.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
        elif event.get("method") == "Log.entryAdded":
            self.messages.append(params["entry"]["text"])
        elif event.get("method") == "Page.javascriptDialogOpening":
            self.messages.append(f"dialog: {params['message']}")

    def open(self, address):
        """Load a page from its start, also if only what follows # differs."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def run(self, expression):
        """Return the value of an expression in the page, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, condition):
        """Wait until an expression is true."""
        end = time.monotonic() + TIMEOUT_S
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise AssertionError(f"not true after {TIMEOUT_S:g} s: {condition}")
            time.sleep(0.01)

    def press(self, *names, shift=False):
        """Press keys, one after the other."""
        for name in names:
            code, number, text = KEYS.get(name, ("", ord(name[0].upper()), name))
            key = {"key": name, "code": code, "windowsVirtualKeyCode": number, "modifiers": 8 * shift}
            self.call("Input.dispatchKeyEvent", type="keyDown", **key, text=text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def type(self, text):
        """Write a text where the focus is."""
        self.call("Input.insertText", text=text)

    def click(self, element):
        """Click the middle of the element that an expression gives."""
        x, y = self._middle(element)
        self.drag((x, y), (x, y))

    def drag(self, start, end):
        """Press the mouse at one point of the window and release it at another."""
        points = {"mousePressed": start, "mouseMoved": end, "mouseReleased": end}
        for kind, (x, y) in points.items():
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def _middle(self, element):
        box = f"(({element}).scrollIntoView({{block: 'center'}}), ({element}).getBoundingClientRect())"
        return self.run(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({box})")

    def show(self, *, width=1300, height=1000, scheme="light"):
        """Set the size of the window and whether the reader likes it dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def take(self, path):
        """Take a screenshot."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
