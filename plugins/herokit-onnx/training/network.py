"""The embedded model: a causal transformer with rotary positions; one score for every token."""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn


class Block(nn.Module):
    """Attention and SwiGLU, each behind an RMS norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        inner = int(width * 8 / 3) // 32 * 32
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * inner, bias=False), nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (B, S, width) to (B, S, width)."""
        x = x + self.out(self.attend(self.qkv(self.norm1(x)), cos, sin))
        gate, up = self.up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

    def attend(self, qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map (B, S, 3 width) to (B, S, width); `export.py` puts one fused operator in its place."""
        b, s, w = qkv.shape
        q, k, v = qkv.view(b, s, 3, self.heads, w // 3 // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(_rotate(q, cos, sin), _rotate(k, cos, sin), v, is_causal=True)
        return y.transpose(1, 2).reshape(b, s, w // 3)


def _rotate(t: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = t.chunk(2, -1)
    cos, sin = cos[: t.shape[2]], sin[: t.shape[2]]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class TinyRM(nn.Module):
    """Token ids (B, S), right padded, to scores (B, S); position t has seen tokens 0..t only, so padding needs no mask."""

    def __init__(self, vocab: int, *, width: int = 96, layers: int = 2, heads: int = 3, positions: int = 1024) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.head = nn.RMSNorm(width, eps=1e-6), nn.Linear(width, 1)
        half = width // heads // 2
        angle = torch.outer(torch.arange(positions).float(), 1000.0 ** (-torch.arange(half) / half))
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def hidden(self, ids: Tensor) -> Tensor:
        """Return (B, S, width)."""
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.norm(x)

    def forward(self, ids: Tensor) -> Tensor:
        """Return (B, S) scores."""
        return self.head(self.hidden(ids)).squeeze(-1)
