"""Adapters for trainers: one file or package per trainer, and what all share, in `herokit.adapters.common`.

An adapter imports its trainer inside functions only, so `herokit.adapters.trl` can be imported where TRL is not installed.
"""
