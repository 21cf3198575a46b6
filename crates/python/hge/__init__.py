"""Devices that learn by measuring their own gradient: simulated measurements of derivatives under noise.

Voltages are in V, currents in nA, times in s, frequencies in Hz. Settings have the names that they have in scenario files
(``docs/scenarios.md``), without their tables::

    import hge

    noise = hge.noise("power-law", psd_na2_per_hz=1e-5, at_hz=1000, exponent=1.5, corner_hz=0.1)
    plan = hge.estimator("hge", duration_s=0.1, amplitude_volt=8e-3, frequencies_hz=[1000, 960, 920])
    experiment = hge.Experiment([60, -20, 5], plan, noise)      # a linear device: its gradient in nA/V
    experiment.exact().mean_squared_error                        # (nA/V)², exact
    experiment.trials(1000, seed=1)                              # 1000 simulated measurements
"""

from hge.bench import Demodulated, NoiseFit, Proposal, demodulate, fit_noise, propose
from hge.devices import Device, device
from hge.experiments import ExactErrors, Experiment, Traces, estimator
from hge.networks import Network, network
from hge.noises import Noise, noise, welch
from hge.serving import serve
from hge.studies import open_results, run

__all__ = [
    "Demodulated",
    "Device",
    "ExactErrors",
    "Experiment",
    "Network",
    "NoiseFit",
    "Proposal",
    "Noise",
    "Traces",
    "demodulate",
    "fit_noise",
    "device",
    "estimator",
    "network",
    "noise",
    "open_results",
    "propose",
    "run",
    "serve",
    "welch",
]
