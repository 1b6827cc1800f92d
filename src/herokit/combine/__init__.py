"""Combiners: pure steps that turn signals into a reward or an advantage, and ways to compose them."""

from herokit.combine.base import Chain, Combiner, Mean, Stateless, Sync, ToAdvantage, Trace, Weight, alone, chain, start
from herokit.combine.basic import Blend, Take
from herokit.combine.group import Center, MinMax, Standardize
from herokit.combine.hero import Stratify, WeightBySpread

__all__ = [
    "Blend",
    "Center",
    "Chain",
    "Combiner",
    "Mean",
    "MinMax",
    "Standardize",
    "Stateless",
    "Stratify",
    "Sync",
    "Take",
    "ToAdvantage",
    "Trace",
    "Weight",
    "WeightBySpread",
    "alone",
    "chain",
    "start",
]
