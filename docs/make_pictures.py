"""Draw what commands print, as pictures for the README and the site: python docs/make_pictures.py."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

PICTURES = Path(__file__).parent / "pictures"
WIDTH = 92
REWARD = """\
def accuracy(completions, answer, **kwargs):
    return [float(expected in text) for text, expected in zip(completions, answer)]
"""
"""A reward function that pays every completion that contains the reference."""

COMMANDS = {"check": ("herokit check my_rewards.py:accuracy", 34)}
"""Name of a picture -> the command, and how many lines of what it prints are shown."""

_FONT = re.compile(
    r"@font-face \{.*?\}\n", re.DOTALL
)  # from the network; the next font of the list is there
_NAME = re.compile(r"terminal-\d+")


def draw(command: str, lines: int) -> str:
    """Return a picture of a command and the first lines of what it prints, as SVG."""
    with TemporaryDirectory() as folder:
        Path(folder, "my_rewards.py").write_text(REWARD)
        environment = {**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1"}
        words = [sys.executable, "-m", *command.split()]
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    shown = [line.rstrip() for line in done.stdout.splitlines()]
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text(f"$ {command}", style="bold"))
    for line in shown[:lines]:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="ellipsis", crop=True)
    if len(shown) > lines:
        console.print("...")
    return _NAME.sub("terminal", _FONT.sub("", console.export_svg(title="herokit")))


def main() -> None:
    """Write all pictures."""
    PICTURES.mkdir(exist_ok=True)
    for name, (command, lines) in COMMANDS.items():
        PICTURES.joinpath(f"{name}.svg").write_text(draw(command, lines), encoding="utf-8")


if __name__ == "__main__":
    main()
