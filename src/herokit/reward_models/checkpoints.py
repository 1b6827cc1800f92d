"""Open transformers checkpoints: tokenizer as shipped, all weights present. Importing this loads no transformers."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from herokit.errors import HerokitError, SetupError
from herokit.reward_models.families import MLP_ARCHITECTURES, ModelProfile, model_class

__all__ = [
    "check_folder",
    "checkpoint_errors",
    "load_language_model",
    "load_model",
    "load_tokenizer",
    "resolve_max_length",
    "trailing_pad",
]

LOG = logging.getLogger(__name__)

_TEXTS = (
    "Hello world, 3 + 4 = 7.",
    "\\boxed{12345}\n\n  x_1 naïve 你好",
    "<|im_start|>user\n1<|im_end|>\n<extra_0>",
    "Solve \\(x^2 = 49\\) for x > 0.",
    "Yes: naïve café 🙂\n  and  spaces",
)
"""Texts on which tokenizers are compared."""


@contextmanager
def checkpoint_errors(checkpoint: str, action: str = "cannot be opened as a reward model") -> Iterator[None]:
    """Turn any exception of transformers inside into a `SetupError` that names the checkpoint."""
    try:
        yield
    except HerokitError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, ImportError and jinja's own
        reason = " ".join(str(error).split())[:400]
        raise SetupError(f"{checkpoint}: {action}: {type(error).__name__}: {reason}") from error


def check_folder(checkpoint: str) -> None:
    """Check that a folder holds what transformers opens; a name on the hub passes.

    Raises:
        SetupError: it is something else; the message says what it is, and what to do.
    """
    path = Path(checkpoint)
    if path.is_file():
        raise SetupError(f"{checkpoint}: is a file; expected the folder of a checkpoint, or a name on the hub")
    if not path.is_dir():
        return
    files = {file.name for file in path.iterdir()}
    if "config.json" not in files:
        for suffix, advice in _OTHER_FOLDERS.items():
            if name := next((name for name in sorted(files) if name.endswith(suffix)), None):
                raise SetupError(f"{checkpoint}: has {name} and no config.json: {advice}")
        shown = ", ".join(sorted(files)[:5]) or "nothing"
        raise SetupError(f"{checkpoint}: is no checkpoint of transformers: it has no config.json; it has {shown}")
    if not files & _TOKENIZER_FILES and not any(name.endswith((".model", ".tiktoken")) for name in files):
        raise SetupError(
            f"{checkpoint}: has no tokenizer, and transformers would make an empty one; copy tokenizer.json and "
            "tokenizer_config.json of the model that it was trained from"
        )


_TOKENIZER_FILES = {"tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt", "vocab.bpe"}
_OTHER_FOLDERS = {
    ".gguf": "GGUF holds language models: pass the path of the file to TorchJudge or TorchLikelihood",
    ".onnx": 'it is a model for ONNX Runtime: use = "onnx" with the path of the file',
    "modules.json": "it is a model of sentence-transformers; pass the folder inside it that has a config.json",
    ".pt": "it is a checkpoint of a trainer; export it in the format of transformers",
    ".distcp": "it is a sharded checkpoint of a trainer; export it in the format of transformers",
}
"""The end of a file's name -> what to do with its folder."""


def load_model(
    checkpoint: str,
    profile: ModelProfile,
    *,
    revision: str | None,
    trust_remote_code: bool = False,
    has_value_head: bool = False,
    **settings: Any,
) -> Any:
    """Load a model in evaluation mode.

    Args:
        checkpoint: a name on the hub or a folder.
        profile: of its family.
        revision: a branch, tag or commit of the hub's repository.
        trust_remote_code: run the code that the repository brings.
        has_value_head: the file has weights ``v_head``, which stand in place of the class's own head.
        settings: more arguments of `from_pretrained`.

    Raises:
        SetupError: it cannot be opened, or weights are missing, which transformers would draw at random.
    """
    library = _import_transformers()
    if _is_adapter(checkpoint):
        return _load_adapter(checkpoint, **settings)
    check_folder(checkpoint)
    with checkpoint_errors(checkpoint), _quiet_report(library) if has_value_head else nullcontext():
        config = library.AutoConfig.from_pretrained(checkpoint, revision=revision, trust_remote_code=trust_remote_code)
        architecture = (getattr(config, "architectures", None) or [""])[0]
        auto_class = _own_auto_class(config) if trust_remote_code else None
        if auto_class is None:
            _check_needs_no_code(config, architecture, checkpoint)
            loader = model_class(architecture, profile.auto_class)
        else:
            loader, settings["trust_remote_code"] = getattr(library, auto_class), True
        model, info = loader.from_pretrained(
            checkpoint, config=config, revision=revision, output_loading_info=True, **settings
        )
    if has_value_head:
        info["missing_keys"] = [key for key in info["missing_keys"] if not key.startswith("score.")]
        info["unexpected_keys"] = [key for key in info["unexpected_keys"] if not key.startswith("v_head.")]
    _check_weights(info, architecture, checkpoint)
    return model.eval()


@contextmanager
def _quiet_report(library: Any) -> Iterator[None]:
    """Silence transformers' report of weights that are missing: those of a head that another one replaces."""
    logging_of_library = library.utils.logging
    verbosity = logging_of_library.get_verbosity()
    logging_of_library.set_verbosity_error()
    try:
        yield
    finally:
        logging_of_library.set_verbosity(verbosity)


def _load_adapter(checkpoint: str, **settings: Any) -> Any:
    """Load a reward model that is an adapter of PEFT on another one or on a language model, and merge it.

    Raises:
        SetupError: PEFT is missing, or neither base nor adapter has a head.
    """
    try:
        peft: Any = import_module("peft")
    except ImportError as error:
        raise SetupError(f"{checkpoint}: is an adapter of PEFT ({error}); run: pip install peft") from error
    library = _import_transformers()
    with checkpoint_errors(checkpoint, "cannot be opened as an adapter"):
        config = peft.PeftConfig.from_pretrained(checkpoint)
        weights = peft.load_peft_weights(checkpoint, device="cpu")
        head = next((value for key, value in weights.items() if key.endswith("score.weight")), None)
        labels = {} if head is None else {"num_labels": len(head)}
        model, info = library.AutoModelForSequenceClassification.from_pretrained(
            config.base_model_name_or_path, output_loading_info=True, **labels, **settings
        )
        if head is not None:
            info["missing_keys"] = [key for key in info["missing_keys"] if not key.startswith("score.")]
        _check_weights(info, type(model).__name__, config.base_model_name_or_path)
        return peft.PeftModel.from_pretrained(model, checkpoint).merge_and_unload().eval()


def load_language_model(checkpoint: str, *, revision: str | None, **settings: Any) -> Any:
    """Load a causal language model in evaluation mode.

    Args:
        checkpoint: a name on the hub, a folder, or the path of a GGUF file, which is widened to `dtype`.
        revision: a branch, tag or commit of the hub's repository.
        settings: more arguments of `from_pretrained`.

    Raises:
        SetupError: it cannot be opened, is an adapter, needs code of its repository, or file and class have different
            weights.
    """
    library = _import_transformers()
    if _is_adapter(checkpoint):
        raise SetupError(f"{checkpoint}: is an adapter of PEFT; merge it into its base, save that, and pass its folder")
    place, gguf = _split_gguf(checkpoint)
    with checkpoint_errors(checkpoint, "cannot be opened as a language model"):
        config = library.AutoConfig.from_pretrained(place, revision=revision, **gguf)
        if (own := (getattr(config, "auto_map", None) or {}).get("AutoModelForCausalLM")) is not None:
            raise SetupError(f"{checkpoint}: needs code of its own repository ({own}), which is not run here")
        model, info = library.AutoModelForCausalLM.from_pretrained(
            place, config=config, revision=revision, output_loading_info=True, **gguf, **settings
        )
    _check_weights(info, type(model).__name__, checkpoint)
    return model.eval()


def _split_gguf(checkpoint: str) -> tuple[str, dict[str, str]]:
    """Return folder and further arguments of `from_pretrained`; checks anything that is no GGUF file."""
    path = Path(checkpoint)
    if path.suffix == ".gguf" and path.is_file():
        return str(path.parent), {"gguf_file": path.name}
    check_folder(checkpoint)
    return checkpoint, {}


def _is_adapter(checkpoint: str) -> bool:
    """Return whether a folder is an adapter of PEFT."""
    return (Path(checkpoint) / "adapter_config.json").is_file()


def _find_adapter_tokenizer(folder: str) -> str:
    """Return where the tokenizer of an adapter is: in its folder, or with its base."""
    if (Path(folder) / "tokenizer_config.json").is_file():
        return folder
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    return str(config.get("base_model_name_or_path"))


def _own_auto_class(config: Any) -> str | None:
    """Return the auto class under which a repository registers code of its own for a model; None if it has none."""
    registered = getattr(config, "auto_map", None) or {}
    names = ("AutoModelForSequenceClassification", "AutoModelForTokenClassification", "AutoModel")
    return next((name for name in names if name in registered), None)


def _check_needs_no_code(config: Any, architecture: str, checkpoint: str) -> None:
    """Check that no code of the repository belongs to the model: transformers would open a stock class in its place.

    Raises:
        SetupError: it does, and the architecture is none of `MLP_ARCHITECTURES`.
    """
    own = _own_auto_class(config)
    if own is not None and architecture not in MLP_ARCHITECTURES:
        raise SetupError(
            f"{checkpoint}: scores by code of its own repository ({config.auto_map[own]}); read it, then use "
            "TorchRewardModel with trust_remote_code = true"
        )


def _check_weights(info: Any, architecture: str, checkpoint: str) -> None:
    """Check that file and class have the same weights, except for the head of a language model that a trainer left.

    Raises:
        SetupError: weights are missing, which transformers would draw at random, or left over, which it would ignore.
    """
    named = architecture or "no architecture named"
    if missing := sorted(info["missing_keys"]):
        advice = (
            "it is not a language model"
            if all(key.startswith("lm_head.") for key in missing)
            else "it is not a reward model, or its head needs the repository's own code (TorchRewardModel with "
            "trust_remote_code = true)"
        )
        raise SetupError(
            f"{checkpoint}: the checkpoint ({named}) has no weights for {', '.join(missing[:5])}; {advice}"
        )
    unexpected = sorted(key for key in info["unexpected_keys"] if not key.startswith("lm_head."))
    if unexpected:
        raise SetupError(
            f"{checkpoint}: the class that opens it ({named}) does not take {len(unexpected)} weights of its file, "
            f"{', '.join(unexpected[:5])}; its score would be that of another model"
        )


def trailing_pad(model: Any, checkpoint: str) -> int | None:
    """Return the id that a stock class takes for padding at the end of a text, None if none matters; say so in the log.

    transformers reads the score of a sequence classifier at the last token that is not ``config.pad_token_id``. Where
    padding is the end token too, that is the token before the end, in training as in inference.
    """
    is_stock = type(model).__module__.startswith("transformers.models.")
    if not (is_stock and type(model).__name__.endswith("ForSequenceClassification") and hasattr(model, "score")):
        return None
    config = model.config.get_text_config()
    pad = getattr(config, "pad_token_id", None)
    ends = getattr(config, "eos_token_id", None)
    if pad is not None and pad in (ends if isinstance(ends, list) else [ends]):
        LOG.warning(
            "%s: padding and the end of a text are one token (%d); scores are read before it, as transformers does",
            checkpoint,
            pad,
        )
    return pad


def load_tokenizer(checkpoint: str, *, revision: str | None, trust_remote_code: bool = False) -> Any:
    """Load a tokenizer exactly as the checkpoint ships it.

    From version 5 on transformers rebuilds the tokenizer of some model types from its vocabulary, with the model type's
    usual pre-tokenizer; a checkpoint that ships another one would be split differently than in training. When the two
    differ on some texts, the shipped ``tokenizer.json`` is used and a warning is logged.

    Raises:
        SetupError: it cannot be opened.
    """
    library = _import_transformers()
    place, gguf = (_find_adapter_tokenizer(checkpoint), {}) if _is_adapter(checkpoint) else _split_gguf(checkpoint)
    with checkpoint_errors(checkpoint, "its tokenizer cannot be opened"):
        rebuilt = library.AutoTokenizer.from_pretrained(
            place, revision=revision, trust_remote_code=trust_remote_code, **gguf
        )
        if gguf:
            return rebuilt
        if not library.utils.cached_file(
            place, "tokenizer.json", _raise_exceptions_for_missing_entries=False, revision=revision
        ):
            if not any(rebuilt.encode(text, add_special_tokens=False) for text in _TEXTS):
                raise SetupError(f"{checkpoint}: its tokenizer is empty; the repository has no file of its vocabulary")
            return rebuilt
        shipped = library.PreTrainedTokenizerFast.from_pretrained(place, revision=revision)
        if all(shipped.encode(text) == rebuilt.encode(text) for text in _TEXTS):
            return rebuilt
        LOG.warning("%s: transformers would split text differently than tokenizer.json; using the file", checkpoint)
        return shipped


def resolve_max_length(requested: int | None, config: Any, checkpoint: str, default: int) -> int:
    """Return the longest input in tokens: the requested length, else the model's positions, else `default`.

    Raises:
        SetupError: the requested length is above the model's positions.
    """
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if requested and positions and requested > positions:
        raise SetupError(f"{checkpoint}: max_length = {requested}, but the model has {positions} positions")
    return int(requested or positions or default)


def _import_transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise SetupError(f"transformers cannot be imported ({error}); run: pip install transformers") from error
    return transformers
