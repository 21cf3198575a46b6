"""Scenarios on programs of one's own."""

import sys
from pathlib import Path

import numpy as np
import pytest

import hge

EXAMPLES = Path(__file__).parents[3] / "examples" / "python"


def test_a_scenario_runs_on_a_function_that_is_served(tmp_path):
    (tmp_path / "device.py").write_text("""
import hge
def f(volt):
    print("this goes to standard error")
    return 3 * volt[:, 0] + volt[:, 1] ** 2
hge.serve(f, parameters=2)
""")
    scenario = {
        "study": {"name": "s", "kind": "response"},
        "device": {"kind": "process", "command": [sys.executable, str(tmp_path / "device.py")], "operating_point_volt": [1.0, 0.0]},
        "response": {"parameter": 2, "from_volt": -1.0, "to_volt": 1.0, "points": 5},
    }
    found = hge.run(scenario)
    assert found.current.values.ravel() == pytest.approx(3.0 + np.linspace(-1, 1, 5) ** 2)


def test_what_the_function_raises_is_in_the_message(tmp_path):
    (tmp_path / "device.py").write_text("""
import hge
def f(volt):
    raise RuntimeError("the cable is off")
hge.serve(f, parameters=2)
""")
    device = hge.device("process", command=[sys.executable, str(tmp_path / "device.py")])
    with pytest.raises(RuntimeError, match="the cable is off"):
        device.currents([0.0, 0.0])


def test_a_mesh_of_interferometers_learns_xor():
    found = hge.run(EXAMPLES / "interferometer_mesh.toml", set={"device.command": [sys.executable, "interferometer_mesh.py"]})
    assert (found.solved == 1).all()


def test_derivatives_of_a_quantum_dot_have_their_exact_errors():
    """27 mean squared errors of 200 measurements each, in standard errors: none beyond 5 (2e-5 of all seeds)."""
    found = hge.run(EXAMPLES / "quantum_dot.toml", set={"device.command": [sys.executable, "quantum_dot.py"]})
    off = (found.mse - found.mse_exact) / found.mse_standard_error
    assert found.mse.size == 27 and float(abs(off).max()) < 5
