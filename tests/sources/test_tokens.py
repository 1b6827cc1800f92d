"""Numbers of tokens as a signal."""

import pickle

import pytest

from herokit import Rewarder, Sample
from herokit.config.builder import build, describe
from herokit.errors import SetupError
from herokit.schemes import dapo
from herokit.sources import NumTokens, VerdictColumn
from herokit.types import Status


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "one": 1}, unk_token="[UNK]"))  # noqa: S106
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.enable_truncation(2)
    words.enable_padding(length=9)
    folder = tmp_path_factory.mktemp("policy")
    words.save(str(folder / "tokenizer.json"))
    return folder


def sample(text, **fields):
    return Sample("p", text, "q", **fields)


def test_num_tokens_prefers_the_trainers_number(tokenizer):
    scores = NumTokens(str(tokenizer)).score([sample("one two", num_tokens=7), sample("one two")])
    assert scores.values.tolist() == [7, 2]
    assert scores.reasons == ("", "counted by the tokenizer")


def test_num_tokens_counts_thinking_and_everything_that_the_policy_wrote(tokenizer):
    source = NumTokens(str(tokenizer / "tokenizer.json"))
    rows = [
        sample("one two three four five"),  # the tokenizer's own truncation and padding do not count
        sample(""),
        sample(
            [
                {"role": "assistant", "content": "one two"},
                {"role": "tool", "content": "three four"},
                {"role": "assistant", "content": "five"},
            ]
        ),
    ]
    assert source.score(rows).values.tolist() == [5, 0, 3]
    assert pickle.loads(pickle.dumps(source)).score(rows).values.tolist() == [5, 0, 3]
    source.close()


def test_num_tokens_fails_a_row_whose_number_is_unknown():
    verdicts = [sample("a", num_tokens=n, meta={"verifier": v}) for n, v in ((100, 1), (None, 1), (990, 0), (900, 1))]
    output = Rewarder({"verifier": VerdictColumn(), "tokens": NumTokens()}, dapo(max_tokens=1000, buffer=200))(verdicts)
    assert output.scores["tokens"].statuses[1] is Status.FAILED
    assert output.valid.tolist() == [True, False, True, True]
    assert output.reward[[0, 2, 3]].tolist() == pytest.approx([1, -1.95, 0.5])


def test_num_tokens_says_what_is_wrong_with_a_tokenizer(tmp_path):
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(SetupError, match=r"no tokenizer in .*expected a folder with tokenizer.json"):
        NumTokens(str(tmp_path)).score([sample("a")])


def test_num_tokens_in_scheme_files():
    assert build({"use": "num-tokens", "tokenizer": "policy"}) == NumTokens("policy")
    assert describe(NumTokens()) == {"use": "num-tokens"}
