"""Scheme files: read, build and describe schemes; their parameters and their JSON schema."""

from herokit.config.builder import build, describe
from herokit.config.scheme import Scheme, build_scheme, load_scheme

__all__ = [
    "Scheme",
    "build",
    "build_scheme",
    "describe",
    "load_scheme",
]
