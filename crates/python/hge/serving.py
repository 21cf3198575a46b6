"""A function as a program that scenarios run on: ``[device] kind = "process"``."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

PROTOCOL = "homodyne-device 1"


def serve(
    function: Callable[[NDArray[np.float64]], ArrayLike],
    *,
    parameters: int,
    outputs: int = 1,
    gradient: Callable[[NDArray[np.float64]], ArrayLike] | None = None,
) -> None:
    """Answers the requests of ``homodyne`` on standard input and output until the input ends. Whatever is
    printed after this is called goes to standard error.

    Parameters
    ----------
    function
        ``f(volt)`` of voltages [V], shape (n, parameters), that returns currents [nA], shape (n,) or (n, outputs).
    gradient
        ``g(volt)``, derivatives [nA/V] of shape (parameters,) or (outputs, parameters) at voltages of shape (parameters,).

    Examples
    --------
    The file ``device.py``, and the scenario's ``[device]`` with ``kind = "process"`` and ``command = ["python", "device.py"]``::

        import hge
        hge.serve(lambda volt: 3 * volt[:, 0] + volt[:, 1] ** 2, parameters=2)
    """
    if parameters < 1 or outputs < 1:
        raise ValueError("parameters, outputs: must be 1 or more")
    requests = sys.stdin.buffer
    # whatever else writes to the standard output, programs that are started too, writes to the standard error
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    about = {"protocol": PROTOCOL, "parameters": parameters, "outputs": outputs, "gradient": gradient is not None}
    _say(answers, about)
    while line := requests.readline():
        request = json.loads(line)
        volt = np.frombuffer(_exactly(requests, 8 * parameters * request["points"]), dtype="<f8")
        volt = volt.reshape(request["points"], parameters).copy()
        try:
            if request["do"] == "gradient":
                found, shape = gradient(volt[0]), (outputs, parameters)
            else:
                found, shape = function(volt), (request["points"], outputs)
            found = np.asarray(found, dtype="<f8").reshape(shape)
        except Exception:
            _say(answers, {"error": traceback.format_exc()})
            continue
        _say(answers, {"points": request["points"]}, found.tobytes())


def _say(answers: BinaryIO, header: dict[str, Any], numbers: bytes = b"") -> None:
    answers.write(json.dumps(header).encode() + b"\n" + numbers)
    answers.flush()


def _exactly(requests: BinaryIO, length: int) -> bytes:
    found = requests.read(length)
    if len(found) < length:
        sys.exit("the input ended within a request")
    return found
