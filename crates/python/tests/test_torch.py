"""A PyTorch module that learns by its own measured gradient."""

import numpy as np
import pytest

import hge

torch = pytest.importorskip("torch")


def test_a_module_finds_hidden_controls_by_homodyne_gradients():
    """Four currents of the module at hidden controls, from others: the mean squared error falls a hundredfold."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()
    device = hge.device(model, parameters=4)
    inputs, hidden = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.8, -0.6])
    wanted = np.array([device.currents([*x, *hidden])[0] for x in inputs])
    plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=0.02, frequencies_hz={"top": 1000, "spacing": 40})
    experiment = hge.Experiment(device, plan, hge.noise("white", psd_na2_per_hz=1e-8))
    controls, losses, rng = np.zeros(2), [], np.random.default_rng(1)
    for _ in range(100):
        points = [experiment.at([*x, *controls]) for x in inputs]
        off = np.array([point.current() for point in points]) - wanted
        slopes = np.array([point.trial(rng)[2:] for point in points])
        losses.append((off**2).mean())
        controls -= 5.0 * (2 * off[:, None] * slopes).mean(axis=0)
    assert losses[-1] < 0.01 * losses[0], losses


def test_a_module_has_the_gradient_of_torch():
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    at = torch.tensor([[0.1, 0.2, 0.3]], requires_grad=True)
    model(at).sum().backward()
    device = hge.device(model, parameters=3)
    assert device.gradient([0.1, 0.2, 0.3])[0] == pytest.approx(at.grad[0].numpy(), rel=1e-5)
    assert device.currents([0.1, 0.2, 0.3])[0] == pytest.approx(model(at).item(), rel=1e-6)
