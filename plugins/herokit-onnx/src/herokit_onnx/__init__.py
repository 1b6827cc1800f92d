"""Reward models in ONNX Runtime, as a herokit source.

Importing this loads neither onnxruntime nor tokenizers: both wait for the first score.
"""

from herokit_onnx.exporting import export_reward_model
from herokit_onnx.model import OnnxRewardModel
from herokit_onnx.quantizing import quantize_reward_model

__all__ = ["OnnxRewardModel", "export_reward_model", "quantize_reward_model"]
