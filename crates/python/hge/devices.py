"""Devices: those of scenario files, any function, PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hge import _hge
from hge._settings import array, folder, to_json, whole


class Device:
    """A device: M voltages in, K currents out. :func:`device` makes one.

    Attributes
    ----------
    parameters : int
        M.
    outputs : int
        K; estimators measure devices with one.
    """

    def __init__(self, native: _hge.Device) -> None:
        self._native = native

    @property
    def parameters(self) -> int:
        return self._native.parameters

    @property
    def outputs(self) -> int:
        return self._native.outputs

    def currents(self, volt: ArrayLike) -> NDArray[np.float64]:
        """Currents [nA], shape (n, K), at voltages [V], shape (n, M); of shape (K,) at a single point."""
        if np.ndim(volt) == 1:
            return self._native.currents(array(volt, "volt", 1)[None, :])[0]
        return self._native.currents(array(volt, "volt", 2))

    def gradient(self, volt: ArrayLike) -> NDArray[np.float64] | None:
        """Exact derivatives [nA/V], shape (K, M), at voltages [V]; ``None`` if the device does not know them."""
        return self._native.gradient(array(volt, "volt", 1))

    def __repr__(self) -> str:
        return f"<hge.Device: {self.parameters} voltages, {self.outputs} currents>"


def device(
    what: str | Callable[..., Any] | Sequence[float] | Device,
    /,
    *,
    parameters: int | None = None,
    gradient: Callable[[NDArray[np.float64]], ArrayLike] | None = None,
    **settings: Any,
) -> Device:
    """A device.

    Parameters
    ----------
    what
        A kind of scenario files ("linear", "polynomial", "neural-surrogate", "dopant-network", "layered"), with its settings as
        keywords; or a function ``f(volt)`` of voltages [V], shape (n, M), that returns currents [nA], shape (n,) or (n, K); or a
        PyTorch module that does the same with tensors; or a list: the gradient [nA/V] of a linear device. A function is called by one
        thread at a time, and not again in the same work after it has raised an exception, which is passed on.
    parameters
        M, for functions and modules.
    gradient
        For functions: ``g(volt)``, derivatives [nA/V] of shape (M,) or (K, M) at voltages of shape (M,). Without it, exact biases are
        not known (NaN). Modules have theirs by automatic differentiation.

    Examples
    --------
    >>> import numpy as np, hge
    >>> hge.device(lambda volt: 20 * np.tanh(volt).sum(axis=1), parameters=3).currents([0.1, 0.0, 0.0])
    array([1.99335989])
    """
    if isinstance(what, Device):
        return what
    if isinstance(what, str):
        return Device(_hge.Device.of_settings(to_json({"kind": what, **settings}), folder()))
    if settings:
        raise TypeError(f"{', '.join(settings)}: settings belong to kinds of scenario files")
    if what is None:
        raise TypeError("a device is a kind, a function, a module, or a list of numbers: found None")
    if not callable(what):
        if parameters is not None or gradient is not None:
            raise TypeError("parameters, gradient: a linear device has those of its list")
        linear = {"kind": "linear", "gradient_na_per_volt": np.asarray(what, dtype=float)}
        return Device(_hge.Device.of_settings(to_json(linear), folder()))
    if parameters is None:
        raise TypeError("parameters: a function does not say of how many voltages it is")
    parameters = whole(parameters, "parameters", 1, 100_000)
    if gradient is not None and not callable(gradient):
        raise TypeError("gradient: must be a function of voltages")
    if _is_module(what):
        what, gradient = _of_module(what)
    return _of_function(what, gradient, parameters)


def _of_function(function: Callable[..., Any], gradient: Callable[..., Any] | None, parameters: int) -> Device:
    def currents(volt: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.asarray(function(volt), dtype=np.float64)
        if found.ndim == 0 or found.shape[0] != len(volt) or found.ndim > 2:
            raise ValueError(f"the function returned the shape {found.shape} for {len(volt)} points: must be (n,) or (n, K)")
        return np.ascontiguousarray(found.reshape(len(volt), found.size // max(len(volt), 1)))

    def derivatives(volt: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ascontiguousarray(np.atleast_2d(np.asarray(gradient(volt), dtype=np.float64)))

    outputs = currents(np.zeros((1, parameters))).shape[1]
    return Device(_hge.Device.of_function(currents, derivatives if gradient else None, parameters, outputs))


def _is_module(what: Any) -> bool:
    return any(f"{kind.__module__}.{kind.__name__}".startswith("torch.nn.") for kind in type(what).__mro__)


def _of_module(module: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    import torch

    kind = next((p.dtype for p in module.parameters()), torch.float64)

    def currents(volt: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.no_grad():
            return module(torch.as_tensor(volt, dtype=kind)).double().numpy()

    def derivatives(volt: NDArray[np.float64]) -> NDArray[np.float64]:
        at = torch.as_tensor(volt, dtype=kind)
        jacobian = torch.autograd.functional.jacobian(lambda v: module(v[None, :]).reshape(-1), at)
        return jacobian.double().numpy()

    return currents, derivatives
