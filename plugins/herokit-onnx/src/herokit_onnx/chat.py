"""A checkpoint's tokenizer and chat template, as a file and a plain text that need no transformers."""

from typing import Any

from herokit.errors import SetupError
from herokit_onnx import parity_probes
from herokit_onnx.text import Encoder

_PROMPT, _COMPLETION = "herokit-prompt-7f3a", "herokit-completion-7f3a"


def open_tokenizer(transformers: Any, checkpoint: str, revision: str | None) -> Any:
    """Load the tokenizer as shipped: transformers 5 rebuilds some with another pre-tokenizer than their file names."""
    where = {"revision": revision}
    usual = transformers.AutoTokenizer.from_pretrained(checkpoint, **where)
    if not transformers.utils.cached_file(
        checkpoint, "tokenizer.json", _raise_exceptions_for_missing_entries=False, **where
    ):
        return usual
    shipped = transformers.PreTrainedTokenizerFast.from_pretrained(checkpoint, **where)
    texts = [text for sample in parity_probes.ASKED for text in (sample.prompt, sample.completion)]
    same = all(shipped.encode(text) == usual.encode(text) for text in texts)
    return usual if same else shipped


def plain(tokenizer: Any, system_prompt: str, checkpoint: str) -> str:
    """Write a chat template as a plain one, by rendering it for two words that occur nowhere else."""
    text = _chat(tokenizer, system_prompt, _PROMPT, _COMPLETION)
    if text.count(_PROMPT) != 1 or text.count(_COMPLETION) != 1:
        raise SetupError(
            f"{checkpoint}: its chat template does not write prompt and completion once each; pass template"
        )
    return text.replace(_PROMPT, "{prompt}").replace(_COMPLETION, "{completion}")


def check_ids(tokenizer: Any, system_prompt: str, encoder: Encoder, rows: list[list[int]], checkpoint: str) -> None:
    """Compare the ids of the probes, nothing cut, with those that the chat template itself gives."""
    for sample, ids in zip(parity_probes.ASKED, rows, strict=True):
        text = _chat(tokenizer, system_prompt, *encoder.fields(sample))
        expected = tokenizer.encode(text, add_special_tokens=False)
        if ids != expected:
            raise SetupError(f"{checkpoint}: its chat template changes with what it is given; pass template")


def _chat(tokenizer: Any, system_prompt: str, prompt: str, completion: str) -> str:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
    return str(tokenizer.apply_chat_template([*system, *turns], tokenize=False))
