"""Open a checkpoint: its tokenizer, its body, its head; refuse one whose head would be random."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from herokit.errors import HerokitError, SetupError
from herokit_torch.heads import MLP, mlp_class
from herokit_torch.known import Known


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
    """Load the tokenizer as transformers does."""
    with explained(source.model):
        return library().AutoTokenizer.from_pretrained(
            source.model, revision=source.revision, trust_remote_code=source.remote_code
        )


def open_model(source: Source, known: Known) -> Any:
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
        loader: Any
        if named in MLP:
            loader = mlp_class(named)
            common.pop("trust_remote_code")
        elif named.endswith("ForTokenClassification"):
            loader = transformers.AutoModelForTokenClassification
        else:
            loader = getattr(transformers, known.loader)
        model, info = loader.from_pretrained(
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
