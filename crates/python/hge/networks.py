"""Networks of dopants between which holes hop."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hge import _hge
from hge._settings import array, seed_of, to_json, whole


class NetworkResult(NamedTuple):
    """Currents or derivatives."""

    values: NDArray[np.float64]
    """Currents into the electrodes [nA], or their derivatives [nA/V], ``[current, voltage]``."""
    standard_errors: NDArray[np.float64] | None
    """By events; ``None`` where there is no statistics."""
    occupations: NDArray[np.float64] | None
    """Probability that each acceptor holds a hole; not with derivatives."""


class Network:
    """A dopant network. :func:`network` makes one."""

    def __init__(self, native: _hge.Network) -> None:
        self._native = native

    @property
    def acceptors_nm(self) -> NDArray[np.float64]:
        """Positions, shape (N, 3)."""
        return self._native.acceptors_nm

    @property
    def electrodes_nm(self) -> NDArray[np.float64]:
        """Positions, shape (P, 2)."""
        return self._native.electrodes_nm

    def currents(
        self,
        volt: ArrayLike,
        method: str = "steady-state",
        *,
        relative_error: float = 0.01,
        hops: int = 10_000_000,
        seed: int | np.random.Generator = 0,
    ) -> NetworkResult:
        """Currents into all electrodes at one voltage for each of them [V].

        Parameters
        ----------
        method
            "steady-state" (exact, for few acceptors or strong interaction), "events" (any size; until no standard error exceeds
            `relative_error` of the largest current, or `hops` are made), "mean-field", "pair-mean-field" (approximations).
        """
        found = self._native.currents(array(volt, "volt", 1), method, _error(relative_error), _hops(hops), seed_of(seed))
        return NetworkResult(found["values"][0], _first(found["standard_errors"]), found["occupations"])

    def gradient(
        self,
        volt: ArrayLike,
        method: str = "steady-state",
        *,
        relative_error: float = 0.05,
        hops: int = 1_000_000_000,
        seed: int | np.random.Generator = 0,
    ) -> NetworkResult:
        """Derivatives of all currents by all voltages [nA/V], ``[current, voltage]``; methods as :meth:`currents`, without
        "pair-mean-field"."""
        return NetworkResult(
            **self._native.gradient(array(volt, "volt", 1), method, _error(relative_error), _hops(hops), seed_of(seed))
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the device file of a generated network, which scenarios and ``homodyne device`` read."""
        if self._native.description is None:
            raise ValueError("the network was read from a file: copy that")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._native.description + "\n")


def _error(relative_error: float) -> float:
    if not 1e-4 <= relative_error <= 1:
        raise ValueError(f"relative_error: found {relative_error}, must be 0.0001 to 1")
    return float(relative_error)


def _hops(hops: int) -> int:
    return whole(hops, "hops", 1000, 10**13)


def _first(rows: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if rows is None else rows[0]


def network(file: str | os.PathLike[str] | None = None, /, **settings: Any) -> Network:
    """A network from a device file, or made at random with the settings of ``[device.generate]``.

    Examples
    --------
    >>> import hge
    >>> made = hge.network(acceptors=8, seed=3)
    >>> made.currents([0.1, 0, 0, 0, 0, 0, 0, 0]).values.shape
    (8,)
    """
    if file is not None:
        if settings:
            raise TypeError("a network is read from a file or made from settings, not both")
        return Network(_hge.Network.of_file(os.fspath(file)))
    return Network(_hge.Network.generated(to_json(settings)))
