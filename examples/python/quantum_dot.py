"""A quantum dot with two plunger gates and a barrier, measured near a Coulomb peak: three voltages, the current through it.

The device of ``quantum_dot.toml``: ``homodyne run examples/python/quantum_dot.toml``.

Single-electron tunnelling through one level at a temperature above its width (Beenakker, Phys. Rev. B 44, 1646 (1991)):
I = e Γ_L Γ_R/(Γ_L + Γ_R) (f_L − f_R); the barrier gate changes Γ_R exponentially, and all gates shift the level by their lever arms.
"""

import numpy as np

import hge

LEVER_ARMS = np.array([0.08, 0.05, 0.02])
LEVEL_EV = 2e-3
BIAS_VOLT = 1e-3
THERMAL_EV = 8.617e-5 * 1.5
CHARGE_TIMES_RATE_NA = 1.602e-10 * 5e9
BARRIER_VOLT = 0.02


def currents(volt):
    level = LEVEL_EV - volt @ LEVER_ARMS
    occupied = [1 / (1 + np.exp((level - side * BIAS_VOLT / 2) / THERMAL_EV)) for side in (1, -1)]
    right = np.exp(volt[:, 2] / BARRIER_VOLT)
    return CHARGE_TIMES_RATE_NA * right / (1 + right) * (occupied[0] - occupied[1])


def gradient(volt):
    """Exact to rounding: currents are analytic, so that a step along the imaginary axis needs no difference."""
    step = 1e-30
    return currents(volt + 1j * step * np.eye(3)).imag / step


if __name__ == "__main__":
    hge.serve(currents, parameters=3, gradient=gradient)
