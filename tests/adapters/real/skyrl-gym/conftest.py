"""skyrl's own dictionaries are for pydantic, which wants those of typing_extensions below Python 3.12."""

import sys
import typing

import typing_extensions

if sys.version_info < (3, 12):
    typing.TypedDict = typing_extensions.TypedDict
