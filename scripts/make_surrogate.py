#!/usr/bin/env python3
"""Makes scenarios/devices/small_surrogate.npz: a smooth random network in the format of a neural surrogate.

It stands in for a measured device where none is at hand: seven voltages in [-1, 1] V, one current of some hundred nA,
gradients of up to about 150 nA/V of either sign, curved enough to show second harmonics at 50 mV. It is synthetic: no measured
device is in it. Run with numpy from the project's root: python3 scripts/make_surrogate.py
"""
import numpy as np

rng = np.random.default_rng(20251116)
sizes = [7, 24, 24, 1]
arrays = {"input_min_volt": -np.ones(7), "input_max_volt": np.ones(7), "output_scale_na": np.array([160.0])}
for k, (n_in, n_out) in enumerate(zip(sizes, sizes[1:])):
    arrays[f"layer{k}_weight"] = rng.normal(size=(n_out, n_in)) * np.sqrt((2.0, 1.5, 1.0)[k] / n_in)
    arrays[f"layer{k}_bias"] = 0.3 * rng.normal(size=n_out)
np.savez("scenarios/devices/small_surrogate.npz", **arrays)
