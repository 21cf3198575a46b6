"""Studies of scenario files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hge import _hge
from hge._settings import folder, to_json, value_to_json, whole
from hge.devices import Device

if TYPE_CHECKING:
    import xarray


def run(
    scenario: str | os.PathLike[str] | Mapping[str, Any],
    *,
    set: Mapping[str, Any] | None = None,
    device: Device | None = None,
    threads: int = 0,
) -> xarray.Dataset:
    """Runs a scenario in memory.

    Parameters
    ----------
    scenario
        Path of a scenario file, or its tables as a dictionary.
    set
        Changes: dotted keys and values, as ``{"estimator.duration_s": 0.2}``.
    device
        Runs on this device (:func:`hge.device`) instead of that of the scenario.
    threads
        0 for one on each core.

    Returns
    -------
    xarray.Dataset
        As :func:`open_results` reads it from the file that ``homodyne run`` writes.
    """
    if device is not None and not isinstance(device, Device):
        raise TypeError("device: must be made by hge.device")
    if set is not None and not isinstance(set, Mapping):
        raise TypeError("set: must be a dictionary of dotted keys and values")
    threads = whole(threads, "threads", 0, 10_000)
    changes = [(key, value_to_json(value, key)) for key, value in (set or {}).items()]
    native = None if device is None else device._native
    if isinstance(scenario, Mapping):
        found = _hge.run(None, to_json(scenario), folder(), changes, native, threads)
    else:
        found = _hge.run(os.fspath(scenario), "{}", folder(), changes, native, threads)
    return _dataset(found)


def open_results(path: str | os.PathLike[str]) -> xarray.Dataset:
    """A results file of ``homodyne run``, in memory."""
    with _xarray().open_dataset(path, engine="h5netcdf") as found:
        return found.load()


def _xarray() -> Any:
    try:
        import xarray
    except ImportError:
        raise ImportError("results are xarray Datasets: pip install 'hge[xarray]'") from None
    return xarray


def _dataset(found: dict[str, Any]) -> xarray.Dataset:
    xarray = _xarray()
    coordinates = {
        name: (name, np.asarray(values), {"units": units} if units else {})
        for name, values, units in found["dimensions"]
    }
    variables = {
        name: (over, values, {"units": units, "long_name": long_name})
        for name, over, values, units, long_name in found["variables"]
    }
    return xarray.Dataset(variables, coordinates, dict(found["attributes"]))
