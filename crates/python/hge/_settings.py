"""Settings on their way to the extension module."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_NUMBERS = 2**31


class Settings(dict):
    """A table of a scenario with its ``kind``."""


def plain(value: Any, name: str = "settings") -> Any:
    """NumPy numbers and arrays, paths and tuples as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item, str(key)) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return [plain(item, name) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: found {value}, must be finite")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name}: found {value!r}: settings are numbers, texts, lists, arrays and dictionaries")


def whole(value: Any, name: str, least: int = 0, most: int = 2**63 - 1) -> int:
    """A whole number within limits."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: found {value!r}, must be a whole number") from None
    if not least <= number <= most:
        raise ValueError(f"{name}: found {number}, must be {least} to {most}")
    return number


def array(value: ArrayLike, name: str, dimensions: int) -> NDArray[np.float64]:
    """Finite numbers in so many dimensions."""
    found = np.ascontiguousarray(value, dtype=np.float64)
    if np.ndim(value) != dimensions:
        raise ValueError(f"{name}: found the shape {np.shape(value)}, must have {dimensions} dimension{'s' * (dimensions > 1)}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name}: must be finite numbers")
    return found


def no_larger(numbers: int, name: str) -> None:
    """Refuses arrays that no memory holds."""
    if numbers > MOST_NUMBERS:
        raise ValueError(f"{name}: {numbers} numbers at once are too many (at most {MOST_NUMBERS}): ask for them in parts")


def value_to_json(value: Any, name: str) -> str:
    """One setting as JSON."""
    return json.dumps(plain(value, name), allow_nan=False)


def to_json(settings: Mapping[str, Any]) -> str:
    """As JSON, without what is ``None``."""
    return value_to_json({key: value for key, value in settings.items() if value is not None}, "settings")


def seed_of(seed: int | np.random.Generator) -> int:
    """A seed from 0 to 2⁶³ − 1, drawn where a generator is given."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    return whole(seed, "seed")


def folder() -> str:
    """Where relative paths start."""
    return os.getcwd()
