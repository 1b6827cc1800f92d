"""Does it work with a real language model? SmolLM2-135M-Instruct, trained by GRPO under four schemes, in pieces.

``python -m benchmarks.language_model`` makes what is missing, piece by piece, and prints what there is.
"""
