"""Published rewards and our own verifiers under `herokit check`: `python benchmarks/published_rewards.py [NAME ...]`.

Each runs unchanged from its released package, on completions in the format that its documentation asks for, in a process of
its own. Prints a Markdown table: attacks that paid, equivalent answers that lost their reward, other laws that failed, and
the first completion that paid. A package that cannot be imported is skipped with a line. Their requirements exclude each
other, so install each on its own (`pip install --no-deps --target FOLDER ...`) and name the folders in PYTHONPATH.

An attack is left out where it is right by the grader's documented rule: one that reads the last box accepts a box in the
thinking. A rewrite is left out where that rule finds another answer. `RULES` holds those rules, written from documentation.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module, metadata
from itertools import chain
from pathlib import Path
from random import Random
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from herokit.config import build
from herokit.errors import HerokitError
from herokit.testing.attacks import ATTACKS, REWRITES, Attack, Case, Rewrite
from herokit.testing.domains import DOMAINS
from herokit.testing.isolation import check_isolated
from herokit.testing.law import Report
from herokit.testing.samples import MARKER, MATH, PHRASE, PLAIN, TAG, AnswerFormat
from herokit.testing.scheme_checks import CheckOptions
from herokit.verifiers import Choice, Contains, ExactMatch, Number, RougeL, TokenF1

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent / "tests"), *(p for p in sys.path if p != str(HERE))]  # verifiers.py is no package
PANELS = ("hack_does_not_pay", "equivalents_keep_their_reward")
BUDGET_S = 150.0
EXAMPLES = 20

EXCLUDED = ("accepts_trainer_arguments",)
"""Laws of the functions below, which no trainer calls."""

TIMEOUT_S = 35.0
"""For one expensive answer: math-verify documents up to 15 s, verl up to 30 s."""

Rule = Callable[[str], str | None]

Target = tuple[str, str, Any, AnswerFormat | None, str]
"""Name, version, reward function or verifier, its answers (None if it reads no reference), how it is called."""


def read_box(text: str) -> str | None:
    """Return what is in the last box; None if there is none, or it is not closed."""
    _, box, rest = text.rpartition(r"\boxed{")
    depth = 1
    for at, char in enumerate(rest if box else ""):
        depth += (char == "{") - (char == "}")
        if not depth:
            return rest[:at].strip()
    return None


def read_marker(text: str) -> str | None:
    """Return the rest of the line after the last ####, up to a tag."""
    found = re.findall(r"####([^\n<]*)", text)
    return found[-1].strip() if found else None


def read_phrase(text: str) -> str | None:
    """Return the rest of the line after the last "Answer:", up to a tag; else the last box."""
    found = re.findall(r"(?i)answer\s*:\s*([^\n<]+)", text)
    return found[-1].strip() if found else read_box(text)


def read_tag(text: str) -> str | None:
    """Return what is in the last tag ``answer``."""
    found = re.findall(r"<answer>(.*?)</answer>", text, re.DOTALL)
    return found[-1].strip() if found else None


def read_number(text: str) -> str | None:
    """Return the last box, else the last number of the text."""
    found = re.findall(r"-?\d+(?:\.\d+)?", text)
    return read_box(text) or (found[-1] if found else None)


def after_thinking(text: str, *, unfinished: str = "") -> str:
    """Return the text after the last ``</think>``; `unfinished` if there is none."""
    return text.rpartition("</think>")[2] if "</think>" in text else unfinished


RULES: dict[str, Rule] = {
    "last box": read_box,
    "last ####": read_marker,
    "last Answer:, else box": read_phrase,
    "last answer tag": read_tag,
    "last box, else number": read_number,
    "last box after </think>": lambda text: read_box(after_thinking(text, unfinished=text)),
    "last box after finished thinking": lambda text: read_box(
        after_thinking(text, unfinished="" if "<think>" in text else text)
    ),
    "last box after </think>, which must be there": lambda text: read_box(
        after_thinking(text) if "</think>" in text else ""
    ),
}
"""What a grader reads, by its documentation."""

REASONING = replace(
    MATH, name="thinking and a box", write=lambda answer: f"<think>\nLet me see.\n</think>\n{MATH.write(answer)}"
)

FORMATS = {
    "box": MATH,
    "####": MARKER,
    "Answer:": PHRASE,
    "tag": TAG,
    "name in a tag": TAG.with_domain(DOMAINS["short-text"]),
    "thinking and box": REASONING,
}


@dataclass(frozen=True)
class Published:
    """A published reward.

    Attributes:
        package: its distribution.
        module: what is imported before it is checked.
        answer_format: how completions give answers, a key of `FORMATS`.
        rule: what it reads, a key of `RULES`.
        compares: what it compares: values, texts after normalization, or texts, for which no equal values are tried.
        call: calls it with the text of a completion and a reference.
    """

    package: str
    module: str
    answer_format: str
    rule: str
    compares: str
    call: Callable[[str, str], Any]


REWARDS: dict[str, Published] = {}


def published(package: str, module: str, answer_format: str, rule: str, compares: str = "values") -> Callable[..., Any]:
    """Register how a reward is called."""

    def decorate(call: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
        name = call.__name__.replace("__", ".")
        REWARDS[name] = Published(package, module, answer_format, rule, compares, call)
        return call

    return decorate


def message(text: str) -> list[dict[str, str]]:
    """Return a completion as TRL's conversations have it."""
    return [{"role": "assistant", "content": text}]


@published("trl", "trl.rewards.accuracy_rewards", "box", "last box")
def trl__accuracy_reward(solution_str: str, ground_truth: str) -> Any:
    """Call accuracy_reward([[message]], solution=["$41$"])."""
    from trl.rewards import accuracy_reward

    return accuracy_reward([message(solution_str)], solution=[f"${ground_truth}$"])[0]


@published("trl", "trl.rewards.accuracy_rewards", "thinking and box", "last box after </think>, which must be there")
def trl__reasoning_accuracy_reward(solution_str: str, ground_truth: str) -> Any:
    """Call reasoning_accuracy_reward([[message]], solution=["$41$"])."""
    from trl.rewards import reasoning_accuracy_reward

    return reasoning_accuracy_reward([message(solution_str)], solution=[f"${ground_truth}$"])[0]


@published("trl", "trl.rewards.format_rewards", "", "")
def trl__think_format_reward(solution_str: str) -> Any:
    """Call think_format_reward([[message]])."""
    from trl.rewards import think_format_reward

    return think_format_reward([message(solution_str)])[0]


@published("trl", "trl.rewards.other_rewards", "", "")
def trl__soft_overlong_punishment(solution_str: str) -> Any:
    """Call get_soft_overlong_punishment(100, 20)(completion_ids=[characters])."""
    from trl.rewards import get_soft_overlong_punishment

    return get_soft_overlong_punishment(max_completion_len=100, soft_punish_cache=20)([list(solution_str)])[0]


def verl_score(data_source: str, solution_str: str, ground_truth: Any) -> float:
    """Return the score of verl's dispatcher."""
    from verl.utils.reward_score import default_compute_score

    return default_compute_score(data_source, solution_str, ground_truth)


@published("verl", "verl.utils.reward_score.gsm8k", "####", "last ####", "texts")
def verl__gsm8k(solution_str: str, ground_truth: str) -> Any:
    """Call default_compute_score("openai/gsm8k", text, "41")."""
    return verl_score("openai/gsm8k", solution_str, ground_truth)


@published("verl", "verl.utils.reward_score.math_reward", "box", "last box", "normalized texts")
def verl__math_reward(solution_str: str, ground_truth: str) -> Any:
    """Call default_compute_score("lighteval/MATH", text, "41")."""
    return verl_score("lighteval/MATH", solution_str, ground_truth)


@published("verl", "verl.utils.reward_score.math_dapo", "Answer:", "last Answer:, else box", "normalized texts")
def verl__math_dapo(solution_str: str, ground_truth: str) -> Any:
    """Call default_compute_score("math_dapo", text, "41")."""
    return verl_score("math_dapo", solution_str, ground_truth)["score"]


@published("verl", "verl.utils.reward_score.prime_math", "box", "last box")
def verl__prime_math(solution_str: str, ground_truth: str) -> Any:
    """Call default_compute_score("numina_olympiads", text, "41")."""
    return verl_score("numina_olympiads", solution_str, ground_truth)


@published("verl", "verl.utils.reward_score.math_verify", "box", "last box, else number")
def verl__math_verify(solution_str: str, ground_truth: str) -> Any:
    """Call math_verify.compute_score(text, "41")."""
    from verl.utils.reward_score.math_verify import compute_score

    return compute_score(solution_str, ground_truth)


@published("verl", "verl.utils.reward_score.geo3k", "thinking and box", "last box")
def verl__geo3k(solution_str: str, ground_truth: str) -> Any:
    """Call default_compute_score("hiyouga/geometry3k", text, "41")."""
    return verl_score("hiyouga/geometry3k", solution_str, ground_truth)


@published("verl", "verl.utils.reward_score.search_r1_like_qa_em", "name in a tag", "last answer tag", "texts")
def verl__search_r1_like_qa_em(solution_str: str, ground_truth: str) -> Any:
    """Call default_compute_score("searchR1_nq", text, {"target": ["Paris"]})."""
    return verl_score("searchR1_nq", solution_str, {"target": [ground_truth]})


@published("skyrl-gym", "skyrl_gym.envs.gsm8k.env", "####", "last ####", "texts")
def skyrl_gym__gsm8k(solution_str: str, ground_truth: str) -> Any:
    """Call GSM8kEnv(extras={"reward_spec": {"ground_truth": "41"}}).step(text)["reward"]."""
    from skyrl_gym.envs.gsm8k.env import GSM8kEnv

    return GSM8kEnv(extras={"reward_spec": {"ground_truth": ground_truth}}).step(solution_str)["reward"]


@published("skyrl-gym", "skyrl_gym.envs.aime.env", "Answer:", "last Answer:, else box", "normalized texts")
def skyrl_gym__aime(solution_str: str, ground_truth: str) -> Any:
    """Call AIMEEnv(extras={"reward_model": {"ground_truth": "41"}}).step(text)["reward"]."""
    from skyrl_gym.envs.aime.env import AIMEEnv

    return AIMEEnv(extras={"reward_model": {"ground_truth": ground_truth}}).step(solution_str)["reward"]


@published("skyrl-gym", "skyrl_gym.envs.search.utils", "name in a tag", "last answer tag", "texts")
def skyrl_gym__search(solution_str: str, ground_truth: str) -> Any:
    """Call search.utils.compute_score(text, {"target": ["Paris"]})."""
    from skyrl_gym.envs.search.utils import compute_score

    return compute_score(solution_str, {"target": [ground_truth]})


@published("openrlhf", "openrlhf.utils.math_utils", "box", "last box")
def openrlhf__grade_answer(solution_str: str, ground_truth: str) -> Any:
    """Call grade_answer(extract_boxed_answer(text), "41")."""
    from openrlhf.utils.math_utils import extract_boxed_answer, grade_answer

    return float(grade_answer(extract_boxed_answer(solution_str), ground_truth))


@published("tinker-cookbook", "tinker_cookbook.recipes.math_rl.math_env", "box", "last box")
def tinker_cookbook__MathEnv_sympy(solution_str: str, ground_truth: str) -> Any:  # noqa: N802 - its class
    """Call MathEnv.check_answer(text), grader="sympy"."""
    from tinker_cookbook.recipes.math_rl.math_env import MathEnv

    env = SimpleNamespace(answer=ground_truth, grader="sympy", timeout=1.0)
    return float(MathEnv.check_answer(env, solution_str))


@published("tinker-cookbook", "tinker_cookbook.recipes.math_rl.math_env", "box", "last box")
def tinker_cookbook__MathEnv_math_verify(solution_str: str, ground_truth: str) -> Any:  # noqa: N802 - its class
    """Call MathEnv.check_answer(text), grader="math_verify"."""
    from tinker_cookbook.recipes.math_rl.math_env import MathEnv

    env = SimpleNamespace(answer=ground_truth, grader="math_verify", timeout=1.0)
    return float(MathEnv.check_answer(env, solution_str))


@published("ms-swift", "swift.rewards.orm", "box", "last box")
def ms_swift__MathAccuracy(solution_str: str, ground_truth: str) -> Any:  # noqa: N802 - its class
    """Call MathAccuracy()([text], ["$41$"])."""
    from swift.rewards.orm import MathAccuracy

    return MathAccuracy()([solution_str], [f"${ground_truth}$"])[0]


@published("areal", "areal.reward.gsm8k", "box", "last box, else number")
def areal__gsm8k_reward_fn(solution_str: str, ground_truth: str) -> Any:
    """Call gsm8k_reward_fn(prompt, text, None, None, "41")."""
    from areal.reward.gsm8k import gsm8k_reward_fn

    return gsm8k_reward_fn("", solution_str, None, None, ground_truth)


@published("atroposlib", "atroposlib.envs.reward_fns.accuracy_reward", "box", "last box after </think>")
def atroposlib__accuracy_reward(solution_str: str, ground_truth: str) -> Any:
    """Call accuracy_reward([text], solution=["41"])."""
    from atroposlib.envs.reward_fns.accuracy_reward import accuracy_reward

    return accuracy_reward([solution_str], solution=[ground_truth])[0]


@published("verifiers", "verifiers.v1.utils.score", "box", "last box after finished thinking")
def verifiers__verify_boxed_math_answer(solution_str: str, ground_truth: str) -> Any:
    """Call verify_boxed_math_answer(text, "41")."""
    from verifiers.v1.utils.score import verify_boxed_math_answer

    return verify_boxed_math_answer(solution_str, ground_truth)


math_rubric = cache(lambda: import_module("verifiers.rubrics.math_rubric").MathRubric())


@published("verifiers", "verifiers.rubrics.math_rubric", "box", "last box after </think>")
def verifiers__MathRubric(solution_str: str, ground_truth: str) -> Any:  # noqa: N802 - its class
    """Call MathRubric().correct_answer(parser, [message], "41")."""
    rubric = math_rubric()
    return asyncio.run(rubric.correct_answer(rubric.parser, message(solution_str), ground_truth))


@published("math-verify", "math_verify", "box", "last box, else number")
def math_verify__verify(solution_str: str, ground_truth: str) -> Any:
    """Call verify(parse("$41$"), parse(text))."""
    from math_verify import parse, verify

    return float(verify(parse(f"${ground_truth}$"), parse(solution_str)))


@published("reward-kit", "reward_kit.rewards.math", "box", "last box")
def reward_kit__math_reward(solution_str: str, ground_truth: str) -> Any:
    """Call math_reward(messages=[message], ground_truth="41")."""
    from reward_kit.rewards.math import math_reward

    return math_reward(messages=message(solution_str), ground_truth=ground_truth).score


@published("reasoning-gym", "reasoning_gym", "tag", "last answer tag", "texts")
def reasoning_gym__score_answer(solution_str: str, ground_truth: str) -> Any:
    """Call dataset.score_answer(extract_answer(text), {"answer": "41"}), basic_arithmetic."""
    import reasoning_gym

    dataset = reasoning_gym.create_dataset("basic_arithmetic", size=1, seed=0)
    return dataset.score_answer(reasoning_gym.utils.extract_answer(solution_str), {"answer": ground_truth})


def limit_to_rule(answer_format: AnswerFormat, rule: Rule, compares: str) -> AnswerFormat:
    """Return the format without attacks that are right by a rule, and without rewrites that are not."""

    def limit(attack: Attack) -> Attack:
        def make(case: Case) -> str | None:
            text = attack.make(case)
            return None if text is None or rule(text) == case.right else text

        return replace(attack, make=make)

    case = answer_format.draw_case(Random(0).randrange)  # noqa: S311 - an example, not a secret

    def is_right(rewrite: Rewrite) -> bool:
        return rule(rewrite.make(case).completion_text) == case.right

    return replace(
        answer_format,
        attacks=tuple(map(limit, answer_format.attacks)),
        rewrites=tuple(filter(is_right, answer_format.rewrites)),
        equivalents=() if compares == "texts" else answer_format.equivalents,
    )


@dataclass(frozen=True)
class Options(CheckOptions):
    """Options with an answer format that has no name."""

    used_format: AnswerFormat | None = None

    def subject_options(self, part: Any) -> dict[str, Any]:
        """Return the answer format."""
        del part
        return {} if self.used_format is None else {"answer_format": self.used_format, "timeout": TIMEOUT_S}


def check(target: Any, answer_format: AnswerFormat | None, laws: tuple[str, ...] = ()) -> Report:
    """Return the report of a reward function or a verifier, checked in a process of its own; no laws means all of them."""
    options = Options(budget=BUDGET_S, examples=EXAMPLES, laws=laws, excluded_laws=EXCLUDED, used_format=answer_format)
    (report,) = check_isolated(target, options)
    return report


def count(report: Report, law: str) -> str:
    """Return "3 of 64" of a panel, or why it was not tried."""
    result = next((result for result in report if result.law == law), None)
    if result is None:
        return "no reference"
    return " ".join(result.headline.split()[:3]) or result.message


def row(name: str, version: str, seconds: float, report: Report) -> str:
    """Return a row of the table."""
    others = [result.law for result in report.failures if result.law not in PANELS]
    cells = (name, version, *(count(report, law) for law in PANELS), ", ".join(others) or "none", f"{seconds:.0f}")
    return f"| {' | '.join(cells)} |"


def examples(report: Report) -> Iterator[str]:
    """Yield the attacks that paid and the rewrites that were lost, with the text of the first of each."""
    for law, first, kind in zip(PANELS, ("attack", "rewrite"), ("paid", "lost"), strict=True):
        violation = next((result.violation for result in report if result.law == law), None)
        if violation is None or first not in violation.columns:
            continue
        columns = violation.columns
        text, reference = columns["completion"][0], columns["reference"][0]
        yield f"  - {kind}: {'; '.join(columns[first])}. The first: `{text}` for `{reference}`"


def load_peers(names: list[str]) -> Iterator[Target]:
    """Yield each published reward that can be imported."""
    for name, entry in REWARDS.items():
        if names and name not in names:
            continue
        try:
            import_module(entry.module)
            version = metadata.version(entry.package)
        except Exception as error:  # noqa: BLE001 - a package that needs another is as good as absent
            print(f"{name}: skipped: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        call = str(entry.call.__doc__).removeprefix("Call ").removesuffix(".")
        if not entry.rule:
            yield name, version, entry.call, None, f"`{call}`; reads no reference"
            continue
        answers = limit_to_rule(FORMATS[entry.answer_format], RULES[entry.rule], entry.compares)
        yield name, version, entry.call, answers, f"`{call}`; {entry.rule}; compares {entry.compares}"


def mark_answer(name: str, answers: AnswerFormat) -> AnswerFormat:
    """Return the format with its answers in a mark: what stands alone in a test stands behind reasoning in a rollout."""
    marks = {"sql-result": "Let me see.\n```sql\n{}\n```", "function-call": "<tool_call>\n{}\n</tool_call>"}
    mark = marks.get(name, "Answer: {}")
    return replace(answers, write=lambda answer: mark.format(answers.write(answer)))


def load_own(names: list[str]) -> Iterator[Target]:
    """Yield our verifiers that read a reference and need no server; no attack and no rewrite is left out."""
    if names and not any(name.startswith("herokit.") for name in names):
        return
    from helpers.answer_formats import WITH_REFERENCE

    in_words, numbers = PHRASE.with_domain(DOMAINS["short-text"]), MATH.with_domain(DOMAINS["integers"])
    formats = {name: (verifier, mark_answer(name, answers)) for name, (verifier, answers) in WITH_REFERENCE.items()}
    del formats["ifeval"]  # its reference is a list of instructions, of which there is no denial and no list
    formats |= {
        "math": (build({"use": "math"}), MATH),
        "number": (Number(), numbers),
        "choice": (Choice(), MATH.with_domain(DOMAINS["choice"])),
        "contains": (Contains(), in_words),
        "exact-match": (ExactMatch(), in_words),
        "token-f1": (TokenF1(), in_words),
        "rouge-l": (RougeL(), PLAIN.with_domain(DOMAINS["short-text"])),
        "quantity": (build({"use": "quantity"}), numbers),
    }
    for name, (verifier, answers) in sorted(formats.items()):
        if not names or f"herokit.{name}" in names:
            full = replace(answers, attacks=answers.attacks or ATTACKS, rewrites=answers.rewrites or REWRITES)
            yield f"herokit.{name}", metadata.version("herokit"), verifier, full, answers.name


def main(names: list[str]) -> None:
    """Print the table, then what paid and what was lost."""
    print("| reward | version | attacks paid | equivalents lost | other laws failed | s |\n|---|---|---|---|---|---|")
    details: list[str] = []
    for name, version, target, answers, call in chain(load_peers(names), load_own(names)):
        begin = perf_counter()
        try:
            report = check(target, answers)
        except HerokitError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        print(row(name, version, perf_counter() - begin, report), flush=True)
        details += [f"- {name}: {call}", *examples(report)]
    print("\n" + "\n".join(details))


if __name__ == "__main__":
    main(sys.argv[1:])
