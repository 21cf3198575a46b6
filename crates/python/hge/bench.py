"""Measured records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hge import _hge
from hge._settings import Settings, array, to_json, whole
from hge.experiments import estimator
from hge.noises import Noise, noise


class Demodulated(NamedTuple):
    """What a record tells of, one number for each derivative: first ones, then second ones if the plan reads the curvature."""

    derivatives: NDArray[np.float64]
    """[nA/V, then nA/V²], offset and drift subtracted from the record."""
    standard_errors: NDArray[np.float64]
    """From the noise of the record around each line [nA/V, nA/V²]."""
    degrees_of_freedom: NDArray[np.float64]
    """Of the standard errors."""
    signs: NDArray[np.float64]
    """1 or -1 where they are certain at 95 %, else 0."""
    phases_rad: NDArray[np.float64]
    """Phases of the lines relative to the drive; NaN where two parameters share a frequency."""
    phase_standard_errors_rad: NDArray[np.float64]
    """Their standard errors."""
    psd_na2_per_hz: NDArray[np.float64]
    """One-sided density of the noise at each line."""
    gain: float
    """What the filter of the plan reads of a constant 1: by this factor the derivatives are too large."""
    remarks: list[tuple[str, str]]
    """Kind and text of what is wrong with the record, or may be."""


def demodulate(
    record_na: ArrayLike, plan: Mapping[str, Any], *, rate_hz: float = 10_000.0, parameters: int | None = None
) -> Demodulated:
    """Derivatives, with standard errors, of a measured record [nA] that begins with the drive, shape (samples,).

    Parameters
    ----------
    record_na
        The output.
    plan
        As :func:`hge.estimator` makes it, of kind "hge" in parallel.
    rate_hz
        Sampling rate of the record.
    parameters
        Their number, if the frequencies of the plan are no list.

    Examples
    --------
    >>> import hge
    >>> plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000, 960, 920])
    >>> noise = hge.noise("white", psd_na2_per_hz=1e-5)
    >>> found = hge.demodulate(hge.Experiment([60, -20, 5], plan, noise).traces(seed=1).output_na[0], plan)
    >>> found.remarks
    []
    """
    tables = {"sampling": {"rate_hz": float(rate_hz)}, "estimator": plan}
    if plan is None or plan.get("kind") != "hge":
        raise ValueError('plan: must be an estimator of the kind "hge"')
    if parameters is not None:
        parameters = whole(parameters, "parameters", 1, 10_000)
    record = array(record_na, "record_na", 1)
    return Demodulated(**_hge.demodulate(to_json(tables), record, parameters))


class NoiseFit(NamedTuple):
    """What the noise of a record is made of; pairs are a number and its standard error, ``None`` where the record shows nothing."""

    noise: Noise
    """The noise, for experiments and scenarios."""
    white_na2_per_hz: tuple[float, float] | None
    """Density of the white noise."""
    psd_na2_per_hz: tuple[float, float] | None
    """Density of the power law at ``at_hz``."""
    at_hz: float | None
    """Where that is known best [Hz]."""
    exponent: tuple[float, float] | None
    """Of the power law."""
    corner_hz: tuple[float, float] | None
    """Below which the power law is flat."""
    lines: list[tuple[float, tuple[float, float]]]
    """Frequencies [Hz] of lines of the mains, and their r.m.s. [nA]."""
    mean_square: tuple[float, float]
    """Mean square of the deviations of the spectrum from the fit, 1 if it describes the record, and its standard error."""
    remarks: list[str]
    """What a reader of the numbers must know of them."""
    frequency_hz: NDArray[np.float64]
    """Of the spectra."""
    spectrum_na2_per_hz: NDArray[np.float64]
    """Welch's estimate from the record."""
    expected_na2_per_hz: NDArray[np.float64]
    """What the fit lets expect of it, without the lines."""


def fit_noise(
    record_na: ArrayLike, rate_hz: float, *, segment: int | None = None, mains_hz: float | None = 50.0
) -> NoiseFit:
    """Fits white noise, a power law with a corner, and lines of the mains to a record [nA] without drive, shape (samples,).

    Parameters
    ----------
    record_na
        The output.
    rate_hz
        Its sampling rate.
    segment
        Samples in the segments whose spectra are averaged; an eighth of the record if not given, at most 65536, or longer where lines of
        the mains are to be told apart.
    mains_hz
        Frequency of the mains, or ``None``.

    Examples
    --------
    >>> import hge
    >>> record = hge.noise("white", psd_na2_per_hz=1e-5).records(10_000, 1, seed=1)[0]
    >>> found = hge.fit_noise(record, 10_000)
    >>> value, error = found.white_na2_per_hz
    >>> abs(value - 1e-5) < 4 * error
    True
    >>> found.exponent is None, found.lines
    (True, [])
    """
    if segment is not None:
        segment = whole(segment, "segment", 1)
    found = _hge.fit_noise(array(record_na, "record_na", 1), float(rate_hz), segment, mains_hz)
    table = json.loads(found.pop("table"))
    return NoiseFit(noise(table.pop("kind"), **table), **found)


class Proposal(NamedTuple):
    """A measurement by homodyne gradient extraction, one number for each parameter."""

    estimator: Settings
    """The measurement, for :class:`hge.Experiment`, :func:`hge.demodulate` and :func:`hge.run`."""
    duration_s: float
    """Of the record."""
    frequencies_hz: NDArray[np.float64]
    """Of the sines."""
    amplitude_volt: NDArray[np.float64]
    """Of the sines."""
    mean_squared_error: NDArray[np.float64]
    """Exact for a device of these derivatives [(nA/V)²]."""
    variance: NDArray[np.float64]
    """Part of the noise [(nA/V)²]."""
    bias_third_derivative: NDArray[np.float64]
    """Bias by the third derivative [nA/V]."""
    bias_crosstalk: NDArray[np.float64]
    """Bias by the other lines, second harmonics, and the onset of the record [nA/V]."""
    limited_by: list[str]
    """What makes most of each error."""


def propose(
    noise: Noise,
    *,
    gradient_na_per_volt: ArrayLike,
    most_volt: ArrayLike,
    bandwidth_hz: float,
    relative_error: float | None = None,
    error_na_per_volt: ArrayLike | None = None,
    curvature_na_per_volt2: ArrayLike | None = None,
    third_na_per_volt3: ArrayLike | None = None,
    lowest_hz: float = 0.0,
    avoid_hz: ArrayLike = (),
    longest_s: float = 10.0,
    rate_hz: float = 10_000.0,
) -> Proposal:
    """The shortest measurement, all parameters at once, that reaches a root mean square error of every derivative.

    Parameters
    ----------
    noise
        The noise, as :func:`hge.noise` makes it or :func:`hge.fit_noise` finds it.
    gradient_na_per_volt, curvature_na_per_volt2, third_na_per_volt3
        What is known of the first, second and third derivatives, one for each parameter.
    most_volt
        Largest amplitude, one for all parameters or one for each.
    bandwidth_hz, lowest_hz
        Highest and lowest usable frequency.
    relative_error, error_na_per_volt
        Wanted error, relative to each derivative, or in nA/V for all or for each; one of the two.
    avoid_hz
        Frequencies whose multiples are avoided, such as ``[50]``.
    longest_s
        Longest measurement.
    rate_hz
        Sampling rate.

    Examples
    --------
    >>> import hge
    >>> noise = hge.noise("white", psd_na2_per_hz=1e-5)
    >>> found = hge.propose(noise, gradient_na_per_volt=[60, -20], most_volt=0.02, bandwidth_hz=1000, relative_error=0.02)
    >>> bool((found.mean_squared_error <= (0.02 * np.array([60, 20])) ** 2).all())
    True
    """
    wanted = {
        "gradient_na_per_volt": np.asarray(gradient_na_per_volt, dtype=float),
        "curvature_na_per_volt2": curvature_na_per_volt2,
        "third_na_per_volt3": third_na_per_volt3,
        "error_na_per_volt": error_na_per_volt,
        "relative_error": relative_error,
        "most_volt": most_volt,
        "bandwidth_hz": float(bandwidth_hz),
        "lowest_hz": float(lowest_hz),
        "avoid_hz": np.atleast_1d(np.asarray(avoid_hz, dtype=float)),
        "longest_s": float(longest_s),
    }
    given = {key: value for key, value in wanted.items() if value is not None}
    found = _hge.propose(to_json({"wanted": given, "noise": noise, "sampling": {"rate_hz": float(rate_hz)}}))
    plan = estimator(
        "hge",
        duration_s=found["duration_s"],
        amplitude_volt=found["amplitude_volt"].tolist(),
        frequencies_hz=found["frequencies_hz"].tolist(),
        filter={"gain_corrected": True},
    )
    return Proposal(plan, **found)
