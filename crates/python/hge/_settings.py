"""Settings on their way to the extension module."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np


class Settings(dict):
    """A table of a scenario with its ``kind``."""


def plain(value: Any) -> Any:
    """NumPy numbers and arrays, paths and tuples as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"found {value!r}: settings are numbers, texts, lists, arrays and dictionaries")


def to_json(settings: Mapping[str, Any]) -> str:
    """As JSON, without what is ``None``."""
    try:
        return json.dumps({key: plain(value) for key, value in settings.items() if value is not None}, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"{error}: settings must be finite numbers") from None


def seed_of(seed: int | np.random.Generator) -> int:
    """A seed from 0 to 2⁶³ − 1, drawn where a generator is given."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    return int(seed)


def folder() -> str:
    """Where relative paths start."""
    return os.getcwd()
