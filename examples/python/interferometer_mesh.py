"""A mesh of Mach-Zehnder interferometers whose heaters are trained: eight voltages, the photocurrent at one output.

The device of ``interferometer_mesh.toml``: ``homodyne run examples/python/interferometer_mesh.toml``.

Four waveguides, six interferometers in a triangle (Reck et al., Phys. Rev. Lett. 73, 58 (1994)), each with an inner and an outer phase.
Heaters turn a voltage into a phase that goes as its square. The first two voltages are inputs, in front of the mesh; the other
six are inner phases. The outer phases are fixed at random.
"""

import numpy as np

import hge

WAVEGUIDES = 4
PAIRS = [(0, 1), (1, 2), (0, 1), (2, 3), (1, 2), (0, 1)]
PHASE_RAD_PER_VOLT2 = 2.0
PHOTOCURRENT_NA = 100.0
OUTER_RAD = np.random.default_rng(1).uniform(0, 2 * np.pi, len(PAIRS))


def phase(volt):
    """Of a heater around its bias of 1 V."""
    return PHASE_RAD_PER_VOLT2 * (1.0 + volt) ** 2


def currents(volt):
    field = np.full((len(volt), WAVEGUIDES), 0.5, dtype=complex)
    for waveguide in (0, 2):
        field[:, waveguide] *= np.exp(1j * phase(volt[:, waveguide // 2]))
    for (a, b), inner, outer in zip(PAIRS, volt[:, 2:].T, OUTER_RAD, strict=True):
        half = 0.5 * phase(inner)
        first, second = np.exp(1j * outer) * field[:, a], field[:, b]
        field[:, a] = np.sin(half) * first + np.cos(half) * second
        field[:, b] = np.cos(half) * first - np.sin(half) * second
    return PHOTOCURRENT_NA * np.abs(field[:, 0]) ** 2


if __name__ == "__main__":
    hge.serve(currents, parameters=2 + len(PAIRS))
