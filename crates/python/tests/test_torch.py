"""A PyTorch module that learns by its own measured gradient."""

import numpy as np
import pytest

import hge

torch = pytest.importorskip("torch")


def test_a_module_learns_and_by_homodyne_gradients():
    """The loss after 150 steps under noise is below a tenth of the first one."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()
    inputs, wanted = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 0, 0, 1.0])
    plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=0.02, frequencies_hz={"top": 1000, "spacing": 40})
    noise = hge.noise("white", psd_na2_per_hz=1e-8)
    experiment = hge.Experiment(hge.device(model, parameters=4), plan, noise)
    controls, losses, rng = np.zeros(2), [], np.random.default_rng(1)
    for _ in range(150):
        points = [experiment.at([*x, *controls]) for x in inputs]
        off = np.array([point.current() for point in points]) - wanted
        slopes = np.array([point.trial(rng)[2:] for point in points])
        losses.append((off**2).mean())
        controls -= 0.5 * (2 * off[:, None] * slopes).mean(axis=0)
    assert losses[-1] < losses[0]
    point = experiment.at([0.1, 0.2, 0.3, 0.4])
    at = torch.tensor([[0.1, 0.2, 0.3, 0.4]], dtype=torch.float64, requires_grad=True)
    model(at).sum().backward()
    assert point.truth() == pytest.approx(at.grad[0].numpy())
