"""Estimators from Python: exact errors, trials, traces, and devices that are functions."""

import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import hge

GRADIENT = [60.0, -20.0, 5.0]


@pytest.fixture
def plan():
    return hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000, 960, 920])


@pytest.fixture
def noise():
    return hge.noise("power-law", psd_na2_per_hz=1e-5, at_hz=1000, exponent=1.5, corner_hz=0.1)


def test_the_exact_error_of_a_plan_in_a_few_lines(plan, noise):
    errors = hge.Experiment(GRADIENT, plan, noise).exact()
    # the value of the crate's first example
    assert errors.mean_squared_error[0] == pytest.approx(5.339, abs=1e-3)
    assert errors.gap is None


def test_trials_have_the_exact_error_and_are_those_of_a_study(plan, noise):
    """4000 trials: a mean square of Gaussian deviations is known to 2.2 %; five of these are passed once in 6e5 (three values)."""
    experiment = hge.Experiment(GRADIENT, plan, noise)
    trials = experiment.trials(4000, seed=1)
    found = ((trials - experiment.truth()) ** 2).mean(axis=0)
    assert found == pytest.approx(experiment.exact().mean_squared_error, rel=5 * np.sqrt(2 / 4000))
    assert np.array_equal(trials[100:110], experiment.trials(10, seed=1, first=100))
    scenario = {
        "study": {"name": "s", "seed": 1, "repetitions": 1000, "store_estimates": True},
        "device": {"kind": "linear", "gradient_na_per_volt": GRADIENT},
        "noise": noise,
        "estimator": plan,
    }
    stored = hge.run(scenario)
    assert np.allclose(stored.estimate.transpose("repetition", ...), trials[:1000], rtol=1e-12)


def test_seeds_may_come_from_a_generator_of_numpy(plan, noise):
    experiment = hge.Experiment(GRADIENT, plan, noise)
    first, second = (experiment.trials(3, seed=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)
    rng = np.random.default_rng(5)
    assert not np.array_equal(experiment.trial(rng), experiment.trial(rng))


def test_a_user_reads_traces_with_a_formula_of_their_own(noise):
    """One line far from noise: twice the mean of output times the drive's phase over its square is the derivative."""
    plan = hge.estimator(
        "hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000], filter={"order": 0}
    )
    with pytest.raises(ValueError, match="order"):
        hge.Experiment([60.0], plan)
    plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000])
    experiment = hge.Experiment([60.0], plan, noise)
    traces = experiment.traces(seed=2)
    assert traces.output_na.shape == (1, 1000) and traces.drive_volt.shape == (1, 1000, 1)
    assert np.allclose(traces.output_na, traces.clean_na + traces.noise_na)
    assert np.allclose(traces.clean_na[0], 60.0 * traces.drive_volt[0, :, 0])
    drive = traces.drive_volt[0, :, 0]
    own = (traces.output_na[0] @ drive) / (drive @ drive)
    deviation = np.sqrt(experiment.exact().variance[0])
    assert abs(own - 60.0) < 5 * deviation
    assert experiment.read(traces.output_na) == pytest.approx(traces.derivatives)
    assert experiment.read(traces.clean_na) == pytest.approx(experiment.truth() + experiment.exact().bias)
    with pytest.raises(ValueError, match="samples of a record"):
        experiment.read(np.zeros(10))


def test_a_function_is_a_device(plan, noise):
    slopes = np.array([1.0, 2.0, 3.0])

    def currents(volt):
        return 20 * np.tanh(volt @ slopes)

    def gradient(volt):
        return 20 * slopes / np.cosh(volt @ slopes) ** 2

    at = [0.1, 0.0, -0.05]
    plain = hge.Experiment(hge.device(currents, parameters=3), plan, noise, at=at)
    known = hge.Experiment(hge.device(currents, parameters=3, gradient=gradient), plan, noise, at=at)
    assert known.truth() == pytest.approx(gradient(np.array(at)))
    assert np.isnan(plain.truth()).all() and "derivatives" in plain.exact().gap
    # bias against derivatives that the user knows
    assert plain.exact(truth=gradient(np.array(at))).bias == pytest.approx(known.exact().bias)
    assert np.array_equal(plain.trials(5, seed=1), known.trials(5, seed=1))
    moved = known.at([0.2, 0.0, 0.0])
    assert moved.current() == pytest.approx(20 * np.tanh(0.2))
    assert moved.truth() == pytest.approx(gradient(np.array([0.2, 0.0, 0.0])))


def test_what_a_function_raises_is_told():
    def wrong(volt):
        if volt.any():
            raise RuntimeError("the cable is off")
        return np.zeros(len(volt))

    plan = hge.estimator("fd", duration_s=0.01, amplitude_volt=0.01)
    device = hge.device(wrong, parameters=2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="^the cable is off$"):
            hge.Experiment(device, plan)
    with pytest.raises(ValueError, match="shape"):
        hge.device(lambda volt: np.zeros(7), parameters=2)
    with pytest.raises(RuntimeError, match="NaN nA"):
        hge.device(lambda volt: np.full(len(volt), np.nan), parameters=1).currents([0.0])


def test_a_function_that_has_raised_is_not_called_again():
    calls = []

    def wrong(volt):
        calls.append(1)
        if len(calls) > 3:
            raise LookupError("no instrument")
        return volt.sum(axis=1)

    scenario = {
        "study": {"name": "s", "repetitions": 3},
        "device": {"kind": "given"},
        "estimator": {"kind": "fd", "duration_s": 0.01, "amplitude_volt": 0.01},
        "sweep": {"estimator.amplitude_volt": {"from": 0.01, "to": 0.1, "points": 50}},
    }
    with pytest.raises(LookupError, match="no instrument"):
        hge.run(scenario, device=hge.device(wrong, parameters=2))
    assert len(calls) == 4


def test_a_function_is_called_by_one_thread_at_a_time():
    inside, most = [], []

    def slow(volt):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.002)
        inside.pop()
        return volt.sum(axis=1)

    plan = {"kind": "spsa", "duration_s": 0.01, "amplitude_volt": 0.01}
    scenario = {
        "study": {"name": "s", "repetitions": 20},
        "device": {"kind": "given"},
        "estimator": plan,
        "sweep": {"estimator.amplitude_volt": [0.01, 0.02, 0.03, 0.04]},
    }
    hge.run(scenario, device=hge.device(slow, parameters=2), threads=4)
    assert len(most) > 80 and max(most) == 1


def test_numbers_out_of_range_are_named(plan):
    experiment = hge.Experiment(GRADIENT, plan)
    for wrong, name in [
        (lambda: experiment.trials(10**15), "count"),
        (lambda: experiment.trials(-1), "count"),
        (lambda: experiment.trials(1, seed=-1), "seed"),
        (lambda: experiment.trials(1, seed=2**63), "seed"),
        (lambda: experiment.trials(1.5), "count"),
        (lambda: experiment.at([np.nan] * 3), "volt"),
        (lambda: experiment.at([[0, 0, 0]]), "volt"),
        (lambda: experiment.read(np.full(1000, np.nan)), "output_na"),
        (lambda: hge.noise("white", psd_na2_per_hz=1e-5).record(10**12), "samples"),
        (lambda: hge.device(lambda volt: volt.sum(axis=1), parameters=0), "parameters"),
        (lambda: hge.network(acceptors=4).currents([0.0] * 8, "events", relative_error=0), "relative_error"),
        (lambda: hge.demodulate(np.full(1000, 9.9e37), plan), "overload"),
        (lambda: hge.Experiment([1.0], hge.estimator("hge", duration_s=0.1, amplitude_volt=1e-3, frequencies_hz=[-9])), "from 0 to below half"),
    ]:
        with pytest.raises((TypeError, ValueError), match=name):
            wrong()


def test_a_scenario_runs_on_a_function():
    device = hge.device(lambda volt: 10 * np.sin(volt[:, 0]) + volt[:, 1], parameters=2)
    scenario = {
        "study": {"name": "s", "kind": "response"},
        "device": {"kind": "linear", "gradient_na_per_volt": [1, 1]},
        "response": {"parameter": 1, "from_volt": -1.0, "to_volt": 1.0, "points": 5},
    }
    found = hge.run(scenario, device=device)
    assert found.current.values.ravel() == pytest.approx(10 * np.sin(np.linspace(-1, 1, 5)))


def test_wrong_settings_are_named(plan):
    with pytest.raises(ValueError, match="unknown field `psd`"):
        hge.noise("power-law", psd=1)
    with pytest.raises(ValueError, match="must be one of"):
        hge.noise("pink")
    with pytest.raises(ValueError, match="estimator.duration"):
        hge.estimator("hge", duration=0.1)
    with pytest.raises(ValueError, match="one for each of the 2 parameters"):
        hge.Experiment([1.0, 2.0], plan)
    with pytest.raises(ValueError, match="finite"):
        hge.noise("white", psd_na2_per_hz=np.nan)
    with pytest.raises(TypeError, match="parameters"):
        hge.device(lambda volt: volt)


def test_noise_has_its_density(noise):
    """White noise in 32 segments: the band of 95 % holds the density at most lines; fewer than 90 % of 127 do so once in 10³ seeds."""
    white = hge.noise("white", psd_na2_per_hz=2e-5)
    record = white.record(32 * 256, seed=4)
    assert record.var() == pytest.approx(2e-5 * 5000, rel=5 * np.sqrt(2 / record.size))
    found = hge.welch(record, 10_000.0, 256)
    inside = (found.low[1:-1] < 2e-5) & (2e-5 < found.high[1:-1])
    assert inside.mean() > 0.9
    assert noise.density([1000.0, 500.0]) == pytest.approx([1e-5, 1e-5 * 2**1.5], rel=1e-6)
    assert np.array_equal(noise.records(100, 3, seed=1)[:2], noise.records(100, 2, seed=1))


def test_measured_records_are_read():
    """200 records: the scatter over the stated standard errors is 1; six times its standard error of √(2/600) would be a chance of 1e-8."""
    plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000, 960, 920])
    experiment = hge.Experiment([60, -20, 5], plan, hge.noise("white", psd_na2_per_hz=1e-5))
    found = [hge.demodulate(experiment.traces(seed=seed).output_na[0], plan) for seed in range(200)]
    estimates, errors = (np.array([getattr(one, name) for one in found]) for name in ("derivatives", "standard_errors"))
    square = (((estimates - estimates.mean(axis=0)) / errors) ** 2).mean()
    freedom = found[0].degrees_of_freedom.mean()
    assert square == pytest.approx(freedom / (freedom - 2), rel=6 * np.sqrt(2 / estimates.size))
    assert all(one.signs[0] == 1 and one.signs[1] == -1 for one in found)
    assert found[0].remarks == []
    record = experiment.traces(seed=1).output_na[0]
    assert [kind for kind, _ in hge.demodulate(np.minimum(record, 0.3), plan).remarks][0] == "clipping"
    with pytest.raises(ValueError, match="100 samples: the plan has 1000"):
        hge.demodulate(record[:100], plan)
    with pytest.raises(ValueError, match="parallel"):
        hge.demodulate(record, {**plan, "mode": "sequential"})
    with pytest.raises(ValueError, match="hge"):
        hge.demodulate(record, hge.estimator("walsh", duration_s=0.1, amplitude_volt=8e-3))


def test_ctrl_c_ends_a_long_run():
    """After a short one, so that NumPy has loaded all of itself: where it has not, it says that instead."""
    program = textwrap.dedent("""
        import hge
        plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000])
        experiment = hge.Experiment([1.0], plan, hge.noise("white", psd_na2_per_hz=1e-5))
        experiment.trials(100)
        print("begun", flush=True)
        experiment.trials(100_000_000)
    """)
    # a process that a shell starts in the background ignores Ctrl-C, and so do its children
    listen = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes, **listen) as running:
        assert running.stdout.readline() == b"begun\n"
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors


def test_the_noise_of_a_record_is_fitted():
    """Two records of one noise; the fit of the first is the noise of an experiment whose exact errors are those of the true noise.

    The standard error of the density at the lines is about 3 %, that of a mean squared error as much.
    """
    true = hge.noise(
        "sum",
        terms=[
            dict(kind="white", psd_na2_per_hz=2e-5),
            dict(kind="power-law", psd_na2_per_hz=1e-3, at_hz=100, exponent=1.2, corner_hz=0.1),
            dict(kind="mains", base_hz=50, rms_na=[0.0, 0.0, 0.2]),
        ],
    )
    record = true.records(200_000, seed=3)[0]
    found = hge.fit_noise(record, 10_000)
    for (value, error), truth in [(found.white_na2_per_hz, 2e-5), (found.exponent, 1.2)]:
        assert abs(value - truth) < 4 * error < 0.2 * truth
    [(frequency_hz, (rms, error))] = found.lines
    assert frequency_hz == 150 and abs(rms - 0.2) < 4 * error < 0.05
    assert found.corner_hz is None and abs(found.mean_square[0] - 1) < 4 * found.mean_square[1]
    assert found.frequency_hz.shape == found.spectrum_na2_per_hz.shape == found.expected_na2_per_hz.shape
    plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000, 960, 920])
    mse = [hge.Experiment([60, -20, 5], plan, noise).exact().mean_squared_error for noise in (true, found.noise)]
    np.testing.assert_allclose(mse[1], mse[0], rtol=0.12)
    assert any("no corner is seen" in remark for remark in found.remarks)
    assert any("not looked for" in remark for remark in hge.fit_noise(record[:3000], 10_000).remarks)
    with pytest.raises(ValueError, match="does not vary"):
        hge.fit_noise(np.ones(1000), 10_000)
    with pytest.raises(ValueError, match="at least 256"):
        hge.fit_noise([1.0, 2.0], 10_000)


def test_dynamics_lower_what_is_read_unless_it_is_corrected(plan, noise):
    dynamics = {"bandwidth_hz": 500.0, "order": 2}
    bias = hge.Experiment(GRADIENT, plan, noise, dynamics=dynamics).exact().bias
    assert abs(bias[0] + GRADIENT[0]) < 0.5 * GRADIENT[0]
    corrected = hge.Experiment(GRADIENT, {**plan, "corrected_for": dynamics}, noise, dynamics=dynamics).exact().bias
    ideal = hge.Experiment(GRADIENT, plan, noise).exact().bias
    # the filter settles to 98 % in the record, and what that leaves differs a little
    np.testing.assert_allclose(corrected, ideal, atol=0.02 * GRADIENT[0])
    with pytest.raises(ValueError, match="dynamics.order"):
        hge.Experiment(GRADIENT, plan, noise, dynamics={"order": 0})


def test_a_proposal_is_a_measurement_of_the_wanted_error():
    noise = hge.noise("power-law", psd_na2_per_hz=1e-5, at_hz=1000, exponent=1.5, corner_hz=0.1)
    gradient = [60.0, 40.0, -20.0]
    known = dict(gradient_na_per_volt=gradient, third_na_per_volt3=[2000, 0, -9000], most_volt=0.05, bandwidth_hz=1000)
    found = hge.propose(noise, **known, relative_error=0.03, avoid_hz=[50])
    exact = hge.Experiment(
        hge.device("polynomial", coefficients=[[60, 0, 2000 / 6], [40, 0, 0], [-20, 0, -1500]]), found.estimator, noise
    ).exact()
    np.testing.assert_allclose(exact.mean_squared_error, found.mean_squared_error, rtol=1e-9)
    assert (found.mean_squared_error <= (0.03 * np.array(gradient)) ** 2).all()
    assert found.limited_by[1] == "noise, at the largest amplitude"
    assert (np.abs(found.frequencies_hz % 50 - 25) <= 25 - 1 / found.duration_s + 1e-6).all()
    with pytest.raises(ValueError, match="one of them"):
        hge.propose(noise, **known)
    with pytest.raises(ValueError, match="longest_s"):
        hge.propose(noise, **known, relative_error=1e-5)
