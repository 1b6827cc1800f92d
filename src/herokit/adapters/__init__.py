"""Adapters for trainers: parts that all share, and one file or package per trainer.

An adapter imports its trainer inside functions only, so `herokit.adapters.trl` can be imported where TRL is not installed.
`herokit.adapters.common.base` describes how an adapter is built.
"""

__all__: list[str] = []
