"""Open a checkpoint: its tokenizer, its body, its head; refuse one whose head would be random."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from herokit.errors import HerokitError, SetupError
from herokit.reward_models.families import MLP_ARCHITECTURES, ModelProfile, model_class

LOG = logging.getLogger(__name__)
PROBES = ("Hello world, 3 + 4 = 7.", "\\boxed{12345}\n\n  x_1 naïve 你好", "<|im_start|>user\n1<|im_end|>\n<extra_0>")


@dataclass(frozen=True, slots=True)
class Source:
    """Which checkpoint, and how to put it on a device; the fields are those of `TorchRewardModel`."""

    model: str
    revision: str | None
    dtype: str
    device: str | None
    device_map: str | None
    attention: str
    remote_code: bool


@contextmanager
def explained(model: str) -> Iterator[None]:
    """Turn whatever transformers raises while opening into a `SetupError` that names the model."""
    try:
        yield
    except HerokitError:
        raise
    except Exception as error:  # it raises OSError, ValueError, KeyError, ImportError and jinja's own
        raise SetupError(f"{model}: cannot be opened as a reward model: {type(error).__name__}: {error}") from error


def library() -> Any:
    """Import transformers.

    Raises:
        SetupError: it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise SetupError(f'transformers cannot be imported ({error}); run: pip install "herokit-torch[rm]"') from error
    return transformers


def open_tokenizer(source: Source) -> Any:
    """Load the tokenizer, exactly as the checkpoint ships it.

    From version 5 on transformers rebuilds the tokenizer of some model types from its vocabulary, with the model type's
    usual pre-tokenizer; one that was shipped with another then splits text otherwise than in training. When the two
    differ on `PROBES` the shipped ``tokenizer.json`` is taken as it is, and a warning is logged.
    """
    transformers = library()
    with explained(source.model):
        where = {"revision": source.revision}
        usual = transformers.AutoTokenizer.from_pretrained(source.model, trust_remote_code=source.remote_code, **where)
        if not transformers.utils.cached_file(
            source.model, "tokenizer.json", _raise_exceptions_for_missing_entries=False, **where
        ):
            return usual
        shipped = transformers.PreTrainedTokenizerFast.from_pretrained(source.model, **where)
        if all(shipped.encode(text) == usual.encode(text) for text in PROBES):
            return usual
        LOG.warning(
            "%s: transformers splits text otherwise than the shipped tokenizer.json; taking the file", source.model
        )
        return shipped


def open_model(source: Source, known: ModelProfile) -> Any:
    """Load the model, in evaluation mode, on its device.

    Raises:
        SetupError: it cannot be opened, or weights are missing: transformers would draw them at random and go on.
    """
    transformers = library()
    import torch

    with explained(source.model):
        common = {"revision": source.revision, "trust_remote_code": source.remote_code}
        config = transformers.AutoConfig.from_pretrained(source.model, **common)
        named = (getattr(config, "architectures", None) or [""])[0]
        if named in MLP_ARCHITECTURES:
            common.pop("trust_remote_code")
        model, info = model_class(named, known.auto_class).from_pretrained(
            source.model,
            config=config,
            dtype=source.dtype,
            attn_implementation=source.attention,
            device_map=source.device_map,
            output_loading_info=True,
            **common,
        )
        if missing := sorted(info["missing_keys"]):
            raise SetupError(
                f"{source.model}: the checkpoint ({named or 'no architecture named'}) has no weights for "
                f"{', '.join(missing[:5])}; it is no reward model, or one that needs its own code (remote_code = true)"
            )
        if source.device_map is None:
            model.to(source.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        return model.eval()
