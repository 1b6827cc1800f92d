"""Sources that fail during a run; importable in worker processes."""

import subprocess
import sys
import time

from herokit.types import Verdict

ECHO = "import sys\nfor line in sys.stdin: print(len(line), flush=True)"


class Hangs:
    """Hangs on a completion that begins with 1."""

    def verify(self, samples):
        if any(sample.completion_text[:1] == "1" for sample in samples):
            time.sleep(3600)
        return [Verdict(float(len(sample.completion_text) % 2)) for sample in samples]


class Raises:
    """Raises for a completion that begins with 0, 1 or 2."""

    def verify(self, samples):
        if any(sample.completion_text[:1] in "012" for sample in samples):
            raise RuntimeError("no such digit")
        return [Verdict(float(len(sample.completion_text) % 2)) for sample in samples]


class Served:
    """A reward model in its own process, which the test kills."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def score(self, samples):
        scores = []
        for sample in samples:
            self.process.stdin.write(sample.completion_text.strip() + "\n")
            self.process.stdin.flush()
            scores.append(float(self.process.stdout.readline()))
        return scores

    def close(self):
        self.process.kill()
        self.process.communicate()
