"""Tiny random reward models and tokenizers, written to a folder; nothing is downloaded."""

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
)
SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>", "<extra_0>", "<s>", "[CLS]", "[SEP]"]
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
}
KV = {"num_key_value_heads": 2}
FAMILIES = {
    "qwen2": ("Qwen2", KV),
    "qwen3": ("Qwen3", {**KV, "head_dim": 16}),
    "llama": ("Llama", KV),
    "modernbert": ("ModernBert", {"local_attention": 16, "global_attn_every_n_layers": 2}),
}


def write_tokenizer(folder, *, chat=CHATML, adds=None, pad="<|pad|>", special=()):
    """Write a byte tokenizer with ChatML; `adds` is a special token that the tokenizer itself puts in front.

    `special` are more special tokens, with the ids behind all others.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *letters])}
    raw = Tokenizer(models.BPE(vocabulary, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(SPECIAL)
    if adds:
        raw.post_processor = processors.TemplateProcessing(
            single=f"{adds} $A", special_tokens=[(adds, vocabulary[adds])]
        )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token=pad,
        eos_token="<|im_end|>",  # noqa: S106 - a marker
        bos_token="<s>" if adds else None,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(special)}, replace_extra_special_tokens=False)
    tokenizer.chat_template = chat
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_model(
    folder,
    family="qwen2",
    *,
    seed=0,
    labels=1,
    dtype=torch.float32,
    scale=0.3,
    mlp=None,
    kind="SequenceClassification",
    **settings,
):
    """Write a random reward model whose scores differ well; `mlp` names an architecture with an MLP head."""
    from herokit.reward_models.families import mlp_class

    torch.manual_seed(seed)
    prefix, more = FAMILIES[family]
    size = len(SPECIAL) + 256
    given = {**SIZES, **more, "vocab_size": size, "num_labels": labels, "initializer_range": scale, "pad_token_id": 0}
    given |= {"bos_token_id": None, "eos_token_id": 2, **settings}
    if family == "modernbert":
        given |= {"cls_token_id": 5, "sep_token_id": 6, "initializer_cutoff_factor": 2.0}
    config = getattr(transformers, f"{prefix}Config")(**given)
    made = mlp_class(mlp) if mlp else getattr(transformers, f"{prefix}For{kind}")
    model = made(config).eval().to(dtype)
    model.save_pretrained(folder)
    if mlp:
        import json

        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": [mlp]}))
    return model
