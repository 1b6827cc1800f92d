"""`step_tokens`: the steps of a process reward model become tokens of the policy, each trained token exactly one."""

import numpy as np
import pytest

from herokit import Sample
from herokit.credit import Credit
from herokit.errors import DataError
from herokit.reward_models.inputs import InputView
from herokit.step_tokens import step_tokens

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

CORPUS = [
    "So 2 + 2 is 4.\n\nThen it is 8.\r\n\r\nAnd so 😀 on\n",
    "<think>Hm, so.</think>\n\nThe answer is 16.",
    "é ü 數學",
] * 20
SPECIAL = ["<|end|>", "<|tool|>"]


def train(kind):
    """Return a small tokenizer of transformers: of bytes, as GPT-2's, or of words with their space, as Llama's."""
    models, trainers = tokenizers.models, tokenizers.trainers
    if kind == "bytes":
        tokenizer = tokenizers.Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.post_processor = tokenizers.processors.ByteLevel(trim_offsets=True)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=SPECIAL, initial_alphabet=alphabet)
    else:
        tokenizer = tokenizers.Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="first")
        tokenizer.decoder = tokenizers.decoders.Metaspace(prepend_scheme="first")
        trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=[*SPECIAL, "<unk>"], unk_token="<unk>")  # noqa: S106 - a token
    tokenizer.train_from_iterator(CORPUS, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=SPECIAL)


class DecodesOnly:
    """A tokenizer without offsets."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def decode(self, ids, **settings):
        return self.tokenizer.decode(ids, **settings)


class Letters:
    """One token a character; ``$`` is the end token, which no text has."""

    def encode(self, text):
        return [*map(ord, text)]

    def decode(self, ids, *, skip_special_tokens, **_):
        return "".join(chr(i) for i in ids if not (skip_special_tokens and chr(i) == "$"))


@pytest.fixture(scope="module", params=["bytes", "words", "bytes, decoded", "words, decoded"])
def tokenizer(request):
    kind, _, decoded = request.param.partition(", ")
    made = train(kind)
    return (DecodesOnly(made) if decoded else made), made


def spans_of(sample):
    return InputView(step_token="<s>").step_spans(sample)  # noqa: S106 - a marker


def parts_of_tokens(spans, count):
    """Return the step of each token, after checking that each is in exactly one."""
    numbers = np.arange(len(spans), dtype=float)
    return Credit(numbers, [len(spans)]).tokens([[1] * count], [spans])[0].astype(int).tolist()


TEXTS = {
    "plain": "So 2 + 2 is 4.\n\nThen it is 8.\n\nAnd so on",
    "white space": "\n So.\n\n\n\n  Then it is 8. \n\nAnd  \n",
    "carriage returns": "So 2.\r\n\r\nThen it is 4.\r\n\r\nAnd so on.\r\n",
    "thinking": "<think>Hm, so.\n\nThen 8.</think>\n\nThe answer is 16.\n\nSo.",
    "letters of several tokens": "So 😀 é.\n\n😀數學.\n\nü",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_token_is_in_the_step_of_its_first_character_that_is_no_space(tokenizer, text):
    given, made = tokenizer
    sample = Sample("p", text, "q")
    ids = [*made.encode(text, add_special_tokens=False), made.convert_tokens_to_ids("<|end|>")]
    steps = spans_of(sample)
    assert len(steps) > 1
    spans = step_tokens(sample, steps, given, ids)
    found = parts_of_tokens(spans, len(ids))
    written = made.decode(ids, clean_up_tokenization_spaces=False)
    shift = written.index(text)
    starts = np.array([start for start, _ in steps]) + shift
    assert found[-1] == len(steps) - 1  # the end token
    pieces, end = [], 0
    for number in range(len(ids)):  # what the tokens up to each one decode to: slow, and right
        shown = made.decode(ids[: number + 1], clean_up_tokenization_spaces=False)
        whole = len(shown) if not shown.endswith("\N{REPLACEMENT CHARACTER}") else None
        pieces.append((end, whole))
        end = end if whole is None else whole
    for number, (begin, until) in enumerate(pieces):
        if until is None:
            continue  # inside a character
        piece = written[begin:until]
        first = begin + (len(piece) - len(piece.lstrip()) if piece.strip() else 0)
        expected = max(int(np.searchsorted(starts, first, side="right")) - 1, 0)
        assert found[number] == expected, (piece, number)


def test_tokens_that_the_policy_did_not_write_as_the_tokenizer_does(tokenizer):
    # ms-swift 10012, verl 6719: offsets of a text that is tokenized again are not those of the tokens that were written
    given, made = tokenizer
    text = "So 2.\n\nThen it is 4."
    sample = Sample("p", text, "q")
    usual = made.encode(text, add_special_tokens=False)
    apart = [i for letter in text for i in made.encode(letter, add_special_tokens=False)]
    if made.decode(apart, clean_up_tokenization_spaces=False) != text:
        pytest.skip("this tokenizer writes a space before each piece")
    offsets = made(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    naive = next(number for number, (start, _) in enumerate(offsets) if start >= text.index("Then"))
    assert len(usual) < len(apart)
    assert naive < 7  # the naive form gives the second step tokens of the first one
    spans = step_tokens(sample, spans_of(sample), given, apart)
    assert spans == [(0, 7), (7, len(text))]


def chat(*turns):
    """Messages of the policy, with a result of a tool after each but the last."""
    return [m for turn in turns for m in ({"role": "assistant", **turn}, {"role": "tool", "content": "ok"})][:-1]


def written(*pieces):
    """Return tokens and mask: texts of the policy as they are, those of the world in tuples."""
    text = "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)
    mask = [int(isinstance(piece, str)) for piece in pieces for _ in (piece if isinstance(piece, str) else piece[0])]
    return Letters().encode(text), mask


def of(spans, ids, mask):
    """Return the trained text of each step."""
    return ["".join(chr(ids[i]) for i in range(*span) if mask[i]) for span in spans]


def test_turns_have_their_own_thinking_calls_and_end_tokens():
    call = {"id": "a", "function": {"name": "add", "arguments": "{}"}}
    sample = Sample(
        "p",
        chat({"reasoning_content": "hm", "content": "a.\n\nb.", "tool_calls": [call]}, {"content": "c.\n\nd."}),
        "q",
    )
    ids, mask = written("<think>hm</think>a.\n\nb.<call>{}</call>$", ("ok",), "<think></think>c.\n\nd.$")
    spans = step_tokens(sample, spans_of(sample), Letters(), ids, mask)
    assert of(spans, ids, mask) == [
        "<think>hm</think>a.\n\n",
        "b.<call>{}</call>$",
        "<think></think>c.\n\n",
        "d.$",
    ]
    values = Credit(np.arange(4.0), [4]).tokens([mask], [spans])[0]
    assert values[np.array(mask) == 0].tolist() == [0.0, 0.0]


def test_a_turn_without_steps_is_in_the_step_before_it_else_in_the_first():
    sample = Sample("p", chat({"content": "a.\n\nb."}, {"content": ""}, {"content": "c."}), "q")
    ids, mask = written("a.\n\nb.$", ("ok",), "$", ("ok",), "c.$")
    assert of(step_tokens(sample, spans_of(sample), Letters(), ids, mask), ids, mask) == ["a.\n\n", "b.$$", "c.$"]
    first = Sample("p", chat({"content": ""}, {"content": "c."}), "q")
    ids, mask = written("$", ("ok",), "c.$")
    assert of(step_tokens(first, spans_of(first), Letters(), ids, mask), ids, mask) == ["$c.$"]


def test_messages_that_follow_each_other_are_one_run():
    messages = [{"role": "assistant", "content": "a.\n\nb."}, {"role": "assistant", "content": "c."}]
    sample = Sample("p", messages, "q")
    ids, mask = written("a.\n\nb.$c.$")
    assert of(step_tokens(sample, spans_of(sample), Letters(), ids, mask), ids, mask) == ["a.\n\n", "b.$", "c.$"]


def test_special_tokens_that_the_trainer_left_out_of_the_text():
    sample = Sample("p", "a.\n\nb.", "q")
    ids, mask = written("a.$\n\nb.$")
    assert of(step_tokens(sample, spans_of(sample), Letters(), ids, mask), ids, mask) == ["a.$\n\n", "b.$"]


def test_the_end_of_a_step_is_not_off_by_one():
    # LightRFT 53: a token of a full stop and the separator was given to the next step, on every step
    class Words:
        pieces = ("a", ".\n\n", "b", ".\n\n", "c")

        def decode(self, ids, **_):
            return "".join(self.pieces[i] for i in ids)

    sample = Sample("p", "a.\n\nb.\n\nc", "q")
    steps = spans_of(sample)
    ends = np.cumsum([len(piece) for piece in Words.pieces])
    naive = [int(np.searchsorted(ends, end, side="left")) for _, end in steps]  # the token that reaches the step's end
    assert [end - 1 for end in naive[:2]] == [0, 2]  # exclusive ends: the full stop is lost
    assert step_tokens(sample, steps, Words(), range(5)) == [(0, 2), (2, 4), (4, 5)]


def test_a_step_inside_a_token_of_another_has_no_token():
    class Whole:
        def decode(self, ids, **_):
            return "a.\n\nb.\n\nc" if len(ids) else ""

    sample = Sample("p", "a.\n\nb.\n\nc", "q")
    assert step_tokens(sample, spans_of(sample), Whole(), [0]) == [(0, 1), (1, 1), (1, 1)]
    assert step_tokens(sample, [], Whole(), [0]) == []


CALL = {"id": "1", "function": {"name": "submit", "arguments": '{"claim": "a.\\n\\nb."}'}}
BOTH = "a.\n\nb."


@pytest.mark.parametrize(
    ("message", "before", "after"),
    [
        ({"reasoning_content": f"Draft: {BOTH} Check."}, f"<think>Draft: {BOTH} Check.</think>", "$"),
        ({"reasoning_content": f"Draft: {BOTH}"}, f"<think>\nDraft:  {BOTH}\n</think>\n\n", "$"),  # in other words
        ({"reasoning_content": "b."}, f"<think>B. {BOTH}</think>", "b.$"),
        ({"reasoning_content": "a"}, "<think>A.</think>", "$"),  # only the answer has the words of the thinking
        ({"reasoning_content": f"Draft: {BOTH}"}, f"(Draft:  {BOTH})", "$"),  # markers that no model has
        ({}, f"<think>{BOTH}</think>", "$"),  # the trainer's message has no thinking
        ({"reasoning_content": BOTH}, BOTH, "$"),
        ({"tool_calls": [CALL]}, "", f"<tool_call>{BOTH}</tool_call>$"),
        ({"reasoning_content": BOTH, "tool_calls": [CALL]}, f"<think>{BOTH}</think>", f"<call>{BOTH}</call>$"),
        ({"reasoning_content": "so", "tool_calls": [CALL]}, f"<think>{BOTH}</think>", f"<call>{BOTH}</call>$"),
    ],
)
def test_text_that_thinking_or_a_call_repeats_is_found_where_the_answer_is(message, before, after):
    sample = Sample("p", [{"role": "assistant", "content": BOTH, **message}], "q")
    ids, mask = written(before + BOTH + after)
    spans = step_tokens(sample, spans_of(sample), Letters(), ids, mask)
    assert of(spans, ids, mask) == [before + "a.\n\n", "b." + after]


def test_text_between_other_words_for_thinking_and_a_call_has_no_place():
    message = {"role": "assistant", "reasoning_content": "so", "content": BOTH, "tool_calls": [CALL]}
    sample = Sample("p", [message], "q")
    ids, mask = written(f"({BOTH}){BOTH}({BOTH})")
    with pytest.raises(DataError, match="occurs several times"):
        step_tokens(sample, spans_of(sample), Letters(), ids, mask)


def test_answer_that_only_the_thinking_has_is_not_found():
    sample = Sample("p", [{"role": "assistant", "content": BOTH}], "q")
    ids, mask = written(f"<think>{BOTH}</think>a. b.")
    with pytest.raises(DataError, match="occurs 0 times"):
        step_tokens(sample, spans_of(sample), Letters(), ids, mask)


@pytest.mark.parametrize(
    ("steps", "ids", "message"),
    [
        ([(0, 2), (4, 6)], written("a.\n\nb", ("x",), ".$"), "the completion has 1 turns, but its tokens have 2 runs"),
        ([(0, 2), (4, 6)], written("a.\n\nx.$"), "row 3, turn 0: the text of its message occurs 0 times in .*'a.*x"),
        ([(0, 2), (4, 6)], written("a.\n\nb.a.\n\nb."), "row 3, turn 0: the text of its message occurs several times"),
        ([(0, 2), (4, 9)], written("a.\n\nb.$"), "row 3: step 1 has the characters 4 to 9, which are in no text"),
        ([(4, 6), (0, 2)], written("a.\n\nb.$"), "row 3: the steps are not in the order of the text"),
    ],
)
def test_what_does_not_fit_raises_with_the_name(steps, ids, message):
    with pytest.raises(DataError, match=message):
        step_tokens(Sample("p", "a.\n\nb.", "q"), steps, Letters(), *ids, name="row 3")
