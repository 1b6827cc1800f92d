"""Reward models in ONNX Runtime as a herokit source. Importing this loads neither onnxruntime nor tokenizers."""

from herokit_onnx.export import export_reward_model
from herokit_onnx.model import OnnxRewardModel
from herokit_onnx.quantization import QuantizedModel, quantize_reward_model

__all__ = ["OnnxRewardModel", "QuantizedModel", "export_reward_model", "quantize_reward_model"]
