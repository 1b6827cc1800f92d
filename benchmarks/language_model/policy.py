"""A pretrained causal language model as a policy: it writes, and it says how likely a text was."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

__all__ = ["Policy", "Rollouts", "write"]

LENGTH = 8
"""The most tokens of a completion, the end among them."""


@dataclass(frozen=True, eq=False)
class Rollouts:
    """What a policy wrote.

    Attributes:
        prompts: (N, P) tokens, padded on the left.
        seen: (N, P), whether a token of the prompt is no padding.
        tokens: (N, T), padded after the end.
        mask: (N, T), 1 on tokens, the end among them.
        log_probability: (N, T) of each token when it was drawn, 0 on padding.
        finished: (N,), whether the end was written.
    """

    prompts: Tensor
    seen: Tensor
    tokens: Tensor
    mask: Tensor
    log_probability: Tensor
    finished: Tensor


class Policy:
    """A tokenizer and a model with fp32 weights; it computes in bf16 if asked.

    Args:
        tokenizer: with an end-of-text token.
        model: a causal language model of transformers.
        bf16: whether matrix products are in bf16.
    """

    def __init__(self, tokenizer: Any, model: Any, *, bf16: bool = True) -> None:
        self.tokenizer, self.model, self.bf16 = tokenizer, model, bf16
        self.end: int = tokenizer.eos_token_id
        named = signature(model.forward).parameters
        self.memory = "cache" if "cache" in named else "past_key_values"  # transformers renames it

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    def cast(self) -> Any:
        """Return the context that matrix products are computed in."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return prompts as (N, P), padded on the left, and which tokens are no padding."""
        rows = [self.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        width = max(map(len, rows))
        padded = torch.tensor([[self.end] * (width - len(row)) + row for row in rows], device=self.device)
        seen = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
        return padded, seen

    def completions(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return completions as (N, T) tokens, ended and padded, and their mask."""
        rows = [[*self.tokenizer.encode(text, add_special_tokens=False), self.end] for text in texts]
        width = max(map(len, rows))
        tokens = torch.tensor([row + [self.end] * (width - len(row)) for row in rows], device=self.device)
        mask = torch.tensor([[1.0] * len(row) + [0.0] * (width - len(row)) for row in rows], device=self.device)
        return tokens, mask

    def read(self, prompts: Tensor, seen: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each token of the completions, (N, T), and the last hidden states, (N, T, H)."""
        width = prompts.shape[1]
        attention = torch.cat([seen, mask.to(seen.dtype)], 1)
        with self.cast():
            out = self.model.model(
                input_ids=torch.cat([prompts, tokens], 1),
                attention_mask=attention,
                position_ids=(attention.cumsum(1) - 1).clamp(min=0),
            )
            hidden = out.last_hidden_state[:, width - 1 :]
            logits = self.model.lm_head(hidden[:, :-1])
        chances = logits.float().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
        return chances * mask, hidden[:, 1:].float()


@torch.no_grad()
def write(
    policy: Policy, texts: Sequence[str], each: int, generator: torch.Generator | None, length: int = LENGTH
) -> Rollouts:
    """Write `each` completions a prompt at temperature 1, or the likeliest tokens without a generator.

    Args:
        policy: what writes.
        texts: the prompts.
        each: how many completions of one prompt; they follow one another.
        generator: the dice.
        length: the most tokens, the end among them.
    """
    prompts, seen = (x.repeat_interleave(each, 0) for x in policy.encode(texts))
    attention, given, past = seen, prompts, {policy.memory: DynamicCache(config=policy.model.config)}
    places = (seen.cumsum(1) - 1).clamp(min=0)
    done = torch.zeros(len(prompts), dtype=torch.bool, device=policy.device)
    tokens, masks, chances = list[Tensor](), list[Tensor](), list[Tensor]()
    for _ in range(length):
        with policy.cast():
            out = policy.model(
                input_ids=given, attention_mask=attention, position_ids=places, use_cache=True, logits_to_keep=1, **past
            )
        logs = out.logits[:, -1].float().log_softmax(-1)
        drawn = logs.argmax(-1) if generator is None else torch.multinomial(logs.exp(), 1, generator=generator)[:, 0]
        drawn = drawn.where(~done, policy.end)
        masks.append((~done).float())
        tokens.append(drawn)
        chances.append(logs.gather(-1, drawn[:, None])[:, 0] * masks[-1])
        done = done | (drawn == policy.end)
        if done.all():
            break
        attention = torch.cat([attention, torch.ones_like(attention[:, :1])], 1)
        given, places = drawn[:, None], places[:, -1:] + 1
    rows = [torch.stack(found, 1) for found in (tokens, masks, chances)]
    return Rollouts(prompts, seen, *rows, done)
