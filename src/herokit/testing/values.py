"""Strategies for whole samples, verdicts with statuses and rollout files, for tests of what surrounds combiners."""

import json
from pathlib import Path

from hypothesis import strategies as st

from herokit.testing.law import Choose
from herokit.testing.samples import HOSTILE, make_chats
from herokit.testing.strategies import chosen
from herokit.types import Sample, Status, Verdict


def samples(*, hostile: bool = False) -> st.SearchStrategy[list[Sample]]:
    """One to six samples of chat completions in groups of two; some hostile if wished.

    Example:
        >>> from hypothesis import find
        >>> [s.group for s in find(samples(), lambda found: len(found) == 3)]
        [0, 0, 1]
    """

    def make(choose: Choose) -> list[Sample]:
        found = make_chats(choose)
        if hostile:
            found.append(Sample("prompt 0", HOSTILE[choose(len(HOSTILE))], 0, "1"))
        return found

    return chosen(make)


def verdicts() -> st.SearchStrategy[Verdict]:
    """Verdicts of every status: judged ones with a value, failed ones without.

    Example:
        >>> from hypothesis import find
        >>> find(verdicts(), lambda verdict: verdict.value is None).status
        <Status.FAILED: 'failed'>
    """
    judged = st.sampled_from([0.0, 1.0, 0.5]).map(Verdict)
    silent = st.sampled_from([Status.UNPARSED, Status.TIMEOUT]).map(lambda status: Verdict(0.0, status))
    return judged | silent | st.just(Verdict(None, Status.FAILED, "no reference"))


def rollout_files(folder: Path) -> st.SearchStrategy[tuple[Path, list[Sample]]]:
    """JSONL rollout files in a folder, with the samples they hold; column names vary.

    Example:
        >>> from hypothesis import find
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path, rows = find(rollout_files(Path(folder)), lambda found: len(found[1]) == 2)
        ...     len(path.read_text().splitlines())
        2
    """

    def make(choose: Choose) -> tuple[Path, list[Sample]]:
        rows = make_chats(choose)
        completion = ("completion", "response")[choose(2)]
        path = folder / "rollouts.jsonl"
        lines = [
            {"prompt": s.prompt, completion: s.completion, "group": s.group, "reference": s.reference} for s in rows
        ]
        path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
        return path, rows

    return chosen(make)
