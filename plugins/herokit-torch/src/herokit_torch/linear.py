"""Linear layers of fp32 models on a CPU with weights in the layout of oneDNN, laid out once when the model opens.

torch multiplies fp32 matrices with MKL; where oneDNN is the faster of the two, as on AMD processors, this is most of the time of a
reward model. A second copy of the weights stays in memory.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

__all__ = ["use_onednn"]

LOG = logging.getLogger(__name__)

_MAX_BYTES = 4 * 2**30
"""Weights of a body above this are not copied."""
_ROWS = 2048
"""Rows of the product for which oneDNN chooses the layout; others are right, too."""


def use_onednn(model: Any) -> int:
    """Let the linear layers of the body of an fp32 model on a CPU run in oneDNN; return how many do.

    A layer whose result differs from torch's by more than rounding, or that oneDNN does not take, stays as it is.

    Args:
        model: a loaded transformers model.
    """
    layers = [layer for layer in model.base_model.modules() if type(layer) is nn.Linear]
    size = sum(layer.weight.numel() * layer.weight.element_size() for layer in layers)
    fits = model.device.type == "cpu" and model.dtype == torch.float32 and size <= _MAX_BYTES
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call] # torch has no types for it
    if not (fits and has_onednn and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")):
        return 0
    return sum(map(_lay_out, layers))


def _lay_out(layer: nn.Linear) -> bool:
    """Replace the forward of one layer if it computes the same; return whether it does."""
    probe = torch.sin(torch.arange(4 * layer.in_features, dtype=torch.float32)).reshape(4, -1)
    with torch.inference_mode():
        try:
            forward = _onednn_forward(layer)
            result, expected = forward(probe), layer(probe)
        except RuntimeError as error:  # an operator or a layout that this build does not have
            LOG.info("oneDNN does not take a layer of %s: %s", tuple(layer.weight.shape), error)
            return False
        is_same = torch.allclose(result, expected, rtol=1e-4, atol=1e-4 * float(1 + expected.abs().max()))
    if is_same:
        layer.forward = forward  # type: ignore[assignment, method-assign] # of this layer alone
    return is_same


def _onednn_forward(layer: nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    own = dict(layer.named_parameters()).get("bias")
    bias = None if own is None else own.detach()
    weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)  # noqa: SLF001 - as torch's compiler does
    multiply = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001

    def forward(x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = multiply(x, weight, bias, "none", [], "")
        return result

    return forward
