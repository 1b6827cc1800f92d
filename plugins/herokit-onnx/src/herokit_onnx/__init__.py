"""Reward models in ONNX Runtime, as a herokit source.

Importing this loads neither onnxruntime nor tokenizers: both wait for the first score.
"""

from herokit_onnx.model import OnnxRewardModel

__all__ = ["OnnxRewardModel"]
