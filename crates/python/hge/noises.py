"""Noise."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hge import _hge
from hge._settings import Settings, array, folder, no_larger, seed_of, to_json, whole


class Noise(Settings):
    """Noise. :func:`noise` makes one."""

    def density(self, frequency_hz: ArrayLike, rate_hz: float = 10_000.0) -> NDArray[np.float64]:
        """One-sided density [nA²/Hz] at frequencies [Hz]; `rate_hz` matters to measured traces only."""
        frequency_hz = np.asarray(frequency_hz, dtype=np.float64)
        found = self._native(rate_hz).density(np.ascontiguousarray(frequency_hz.ravel()))
        return found.reshape(frequency_hz.shape)

    def records(
        self, samples: int, count: int = 1, *, rate_hz: float = 10_000.0, seed: int | np.random.Generator = 0
    ) -> NDArray[np.float64]:
        """Independent records [nA], shape (count, samples), exact in law; those of a seed do not depend on `count`."""
        samples, count = whole(samples, "samples", 1), whole(count, "count", 1)
        no_larger(samples * count, "samples, count")
        return self._native(rate_hz).records(samples, count, seed_of(seed))

    def record(
        self, samples: int, *, rate_hz: float = 10_000.0, seed: int | np.random.Generator = 0
    ) -> NDArray[np.float64]:
        """One record [nA], shape (samples,)."""
        return self.records(samples, rate_hz=rate_hz, seed=seed)[0]

    def _native(self, rate_hz: float) -> _hge.Noise:
        return _hge.Noise(to_json(self), float(rate_hz), folder())


def noise(kind: str, /, **settings: Any) -> Noise:
    """Noise of a kind of scenario files: "none", "white", "power-law", "tabulated", "relaxation", "telegraph", "trace",
    "mains", "sum".

    Examples
    --------
    >>> import hge
    >>> hge.noise("white", psd_na2_per_hz=1e-5).density(50.0)
    array(1.e-05)
    """
    made = Noise(kind=kind, **settings)
    made._native(10_000.0)
    return made


class WelchEstimate(NamedTuple):
    """Welch's estimate of a spectrum."""

    frequency_hz: NDArray[np.float64]
    """From 0 to half the sampling rate."""
    density: NDArray[np.float64]
    """One-sided, in the square of the record's unit per Hz."""
    low: NDArray[np.float64]
    """Lower end of the confidence band."""
    high: NDArray[np.float64]
    """Upper end."""


def welch(record: ArrayLike, rate_hz: float, segment: int, confidence: float = 0.95) -> WelchEstimate:
    """Welch's estimate of the one-sided density of a record, from half-overlapping Hann-windowed segments of `segment` samples, with
    the band in which the true density lies with the probability `confidence`."""
    record = array(record, "record", 1)
    segment = whole(segment, "segment", 2)
    frequency_hz, density, factors = _hge.welch(record, float(rate_hz), segment, confidence)
    return WelchEstimate(frequency_hz, density, density * factors[:, 0], density * factors[:, 1])
