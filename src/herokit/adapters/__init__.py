"""Rewards in trainers: parts that every adapter shares, and one thin file a trainer.

A trainer's own package is imported inside functions only, so `herokit.adapters.trl.functions` costs nothing where TRL is absent.
`herokit.adapters.common.base` says how an adapter is built.
"""
