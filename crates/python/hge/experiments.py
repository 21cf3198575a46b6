"""Estimators on devices under noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hge import _hge
from hge._settings import Settings, array, folder, no_larger, seed_of, to_json, whole
from hge.devices import Device, device as device_of


def estimator(kind: str, /, **settings: Any) -> Settings:
    """An estimator of a kind of scenario files: "hge", "fd", "spsa", "walsh", "random-code", "curve-fit".

    Examples
    --------
    >>> import hge
    >>> plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz={"top": 1000, "spacing": 40})
    """
    made = Settings(kind=kind, **settings)
    _hge.check_estimator(to_json(made))
    return made


class ExactErrors(NamedTuple):
    """Exact errors of one measurement."""

    bias: NDArray[np.float64]
    """Mean deviation from the true derivatives [nA/V; nA/V² of second derivatives]."""
    variance: NDArray[np.float64]
    """[(nA/V)²; (nA/V²)²]."""
    gap: str | None
    """Why they are NaN, if they are."""

    @property
    def mean_squared_error(self) -> NDArray[np.float64]:
        """bias² + variance."""
        return self.bias**2 + self.variance


class Traces(NamedTuple):
    """One measurement, sample by sample."""

    time_s: NDArray[np.float64]
    """Shape (samples,)."""
    drive_volt: NDArray[np.float64]
    """Voltages at the device, shape (records, samples, parameters)."""
    clean_na: NDArray[np.float64]
    """Output without noise, shape (records, samples), as the next two."""
    noise_na: NDArray[np.float64]
    """Noise."""
    output_na: NDArray[np.float64]
    """What is recorded: both together, as the ADC converts them."""
    directions: NDArray[np.float64]
    """Of random estimators, block by block; empty for others."""
    derivatives: NDArray[np.float64]
    """What is read from it [nA/V, then nA/V² of second derivatives]."""

    def __repr__(self) -> str:
        return f"<hge.Traces: {self.output_na.shape[0]} record(s) of {self.output_na.shape[1]} samples>"


class Experiment:
    """An estimator on a device at its operating point, under noise.

    Parameters
    ----------
    device
        As :func:`hge.device`: a device, a list (the gradient of a linear one), or settings of one. Functions need
        ``hge.device(f, parameters=M)``.
    estimator
        As :func:`hge.estimator` makes it.
    noise
        As :func:`hge.noise` makes it; none if not given.
    at
        Operating point [V]; that of the device, the middle of its ranges, or zero if not given.
    rate_hz
        Sampling rate.
    dynamics
        Low-pass and delay between the device's current and the noise: ``bandwidth_hz``, ``order``, ``delay_s``.
    published_psd_na2_per_hz
        Noise density for the published expressions, where it is not that of the noise.
    """

    def __init__(
        self,
        device: Device | Sequence[float] | Mapping[str, Any],
        estimator: Mapping[str, Any],
        noise: Mapping[str, Any] | None = None,
        *,
        at: ArrayLike | None = None,
        rate_hz: float = 10_000.0,
        dynamics: Mapping[str, Any] | None = None,
        published_psd_na2_per_hz: float | None = None,
    ) -> None:
        if isinstance(device, Mapping):
            settings = dict(device)
            if "kind" not in settings:
                raise ValueError('device: settings need a "kind"')
            device = device_of(settings.pop("kind"), **settings)
        elif not isinstance(device, Device):
            device = device_of(device)
        place = {} if at is None else {"operating_point_volt": array(at, "at", 1)}
        tables = {
            "study": {"name": "experiment"},
            "sampling": {"rate_hz": float(rate_hz)},
            "device": {"kind": "given", **place},
            "dynamics": dynamics,
            "noise": noise,
            "estimator": estimator,
            "published": published_psd_na2_per_hz and {"psd_na2_per_hz": float(published_psd_na2_per_hz)},
        }
        self._native = _hge.Experiment(to_json(tables), folder(), device._native)

    @classmethod
    def _of(cls, native: _hge.Experiment) -> Experiment:
        made = cls.__new__(cls)
        made._native = native
        return made

    def at(self, volt: ArrayLike) -> Experiment:
        """The same measurement at another operating point [V]."""
        return self._of(self._native.at(array(volt, "volt", 1)))

    @property
    def operating_point_volt(self) -> NDArray[np.float64]:
        """Operating point [V]."""
        return self._native.operating_point_volt

    @property
    def amplitude_volt(self) -> NDArray[np.float64]:
        """By how much each parameter is moved [V]; 1 where the estimator has no amplitude."""
        return self._native.amplitude_volt

    @property
    def records(self) -> int:
        """Records of one measurement."""
        return self._native.records

    @property
    def samples(self) -> int:
        """Samples of a record."""
        return self._native.samples

    @property
    def duration_s(self) -> float:
        """Duration of all records [s]."""
        return self.records * self.samples / self._native.rate_hz

    def current(self) -> float:
        """Current [nA] at the operating point, without noise."""
        return self._native.current()

    def truth(self) -> NDArray[np.float64]:
        """True derivatives [nA/V, then nA/V² of second derivatives]; NaN where the device does not know them."""
        return self._native.truth()

    def exact(self, truth: ArrayLike | None = None) -> ExactErrors:
        """Exact bias and variance of one measurement, against the derivatives of the device or the given ones."""
        given = None if truth is None else array(truth, "truth", 1)
        bias, variance, gap = self._native.exact(given)
        if gap is None and np.isnan(bias).any() and not np.isnan(variance).any():
            gap = "the device does not know its derivatives: give them as `truth`"
        return ExactErrors(bias, variance, gap)

    def published(self) -> NDArray[np.float64]:
        """Mean squared error as published (Boon et al., Nat. Commun. 16, 10272 (2025), Eqs. (8) and (10)); NaN where it is not defined."""
        return self._native.published()

    def trials(self, count: int, *, seed: int | np.random.Generator = 0, first: int = 0) -> NDArray[np.float64]:
        """Simulated measurements, shape (count, derivatives) [nA/V, then nA/V²].

        On all cores. Those of a seed are the ones that a study of this seed stores; number `first` is the first of them.
        """
        count = whole(count, "count")
        first = whole(first, "first", 0, 2**63 - 1 - count)
        no_larger(count * self._native.derivatives, "count")
        return self._native.trials(count, seed_of(seed), first)

    def trial(self, seed: int | np.random.Generator = 0) -> NDArray[np.float64]:
        """One simulated measurement, shape (derivatives,)."""
        return self.trials(1, seed=seed)[0]

    def traces(self, seed: int | np.random.Generator = 0) -> Traces:
        """One simulated measurement, sample by sample."""
        found = self._native.traces(seed_of(seed), 0)
        return Traces(np.arange(self.samples) / self._native.rate_hz, **found)

    def read(self, output_na: ArrayLike, directions: ArrayLike = ()) -> NDArray[np.float64]:
        """The derivatives that measured records [nA], shape (records, samples) or (samples,), tell of."""
        records = np.atleast_2d(np.asarray(output_na, dtype=np.float64))
        return self._native.read(array(records, "output_na", 2), array(directions, "directions", 1))

    def weights(self, record: int = 0) -> NDArray[np.float64]:
        """Weights by which a record is read, shape (readings, samples); for lock-in readouts by their amplitude, two readings a line."""
        return self._native.weights(whole(record, "record"))

    def remarks(self) -> list[str]:
        """What the frequency planner finds, and what was left out of files."""
        return self._native.remarks()

    def __repr__(self) -> str:
        return f"<hge.Experiment: {self._native.derivatives} derivatives in {self.duration_s} s at {self.operating_point_volt} V>"
