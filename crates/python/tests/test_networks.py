"""Dopant networks and scenario files from Python."""

import numpy as np
import pytest

import hge

VOLT = [0.2, -0.1, 0.3, 0.0, -0.2, 0.1, -0.3, 0.0]


def test_events_agree_with_the_steady_state():
    """Eight currents within five standard errors: passed by chance once in 2e5."""
    network = hge.network(acceptors=8, seed=3)
    exact = network.currents(VOLT)
    events = network.currents(VOLT, "events", relative_error=0.01, seed=1)
    assert abs(exact.values.sum()) < 1e-9 * abs(exact.values).max()
    assert (abs(events.values - exact.values) < 5 * events.standard_errors).all()
    assert events.standard_errors.max() <= 0.01 * abs(events.values).max()
    assert exact.occupations.shape == (8,) and network.acceptors_nm.shape == (8, 3)


def test_derivatives_are_those_of_the_currents():
    network = hge.network(acceptors=6, seed=1)
    exact = network.gradient(VOLT).values
    step = 1e-4
    for m in (0, 3):
        moved = [np.array(VOLT) + sign * step * np.eye(8)[m] for sign in (1, -1)]
        high, low = (network.currents(volt).values for volt in moved)
        assert (high - low) / (2 * step) == pytest.approx(exact[:, m], abs=1e-3 * abs(exact).max())


def test_files_are_shared_with_the_command_line(tmp_path):
    made = hge.network(acceptors=6, seed=1)
    made.save(tmp_path / "d.json")
    read = hge.network(tmp_path / "d.json")
    assert np.array_equal(read.currents(VOLT).values, made.currents(VOLT).values)
    device = hge.device("dopant-network", file=tmp_path / "d.json", output_electrode=7)
    assert device.parameters == 7
    assert device.currents(VOLT[:7])[0] == pytest.approx(made.currents(VOLT).values[7], rel=1e-6)
    with pytest.raises(ValueError, match="one for each electrode"):
        read.currents([0.0])
    with pytest.raises(ValueError, match='"events"'):
        read.currents(VOLT, "guess")
    with pytest.raises(ValueError, match="acceptors"):
        hge.network(acceptors=0)


def test_a_scenario_file_gives_a_dataset(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text("""
        [study]
        name = "s"
        seed = 2
        repetitions = 200
        [device]
        kind = "linear"
        gradient_na_per_volt = [60, -20]
        [estimator]
        kind = "hge"
        duration_s = 0.1
        amplitude_volt = 8e-3
        frequencies_hz = { top = 1000, spacing = 40 }
        [noise]
        kind = "white"
        psd_na2_per_hz = 1e-5
        [sweep]
        "estimator.mode" = ["parallel", "sequential"]
    """)
    found = hge.run(file)
    assert found.mse.dims == ("estimator.mode", "parameter") and found.mse.units == "nA^2/V^2"
    parallel = found.mse_exact.sel({"estimator.mode": "parallel"})
    twice = hge.run(file, set={"estimator.duration_s": 0.2}).mse_exact.sel({"estimator.mode": "parallel"})
    assert (twice < parallel).all()
    with pytest.raises(ValueError, match=r"s.toml:11: `estimator.durations`"):
        file.write_text(file.read_text().replace("duration_s", "durations"))
        hge.run(file)
