"""Scheme files: read, build and describe schemes; their parameters and their JSON schema."""

from herokit.config.builder import build, describe
from herokit.config.schema import scheme_schema
from herokit.config.scheme import Scheme, build_scheme, load_scheme, read_scheme

__all__ = ["Scheme", "build", "build_scheme", "describe", "load_scheme", "read_scheme", "scheme_schema"]
