#!/usr/bin/env python3
"""Makes tests/golden/golden.json with SciPy, independently of this project's code.

usage: python3 tests/golden/make_golden.py   (needs numpy and scipy; versions are recorded in the file)

filters  scipy.signal.butter(output="sos") for several orders and cut-offs, and sosfilt of a fixed sequence
settling 2 pi fc T of the analog prototype by scipy.signal.step
exact    bias and variance of each derivative for a few scenarios: the noiseless output through sosfilt, and
         the variance as the integral of S(f) |W(f)|^2 with Gauss-Legendre panels (not by the autocovariance)
"""
import itertools, json, sys
import numpy as np, scipy
from scipy import signal, integrate

fs = 10_000.0
out = {"numpy": np.__version__, "scipy": scipy.__version__, "filters": [], "settling": [], "exact": []}

probe = np.sin(0.37 * np.arange(50)) + 0.2 * np.cos(1.9 * np.arange(50)) + 0.5
for order, fc in itertools.product(range(1, 9), (3.0, 10.5638, 211.0, 3000.0)):
    sos = signal.butter(order, fc, fs=fs, output="sos")
    out["filters"].append({"order": order, "cutoff_hz": fc, "sos": sos.tolist(), "response": signal.sosfilt(sos, probe).tolist()})
out["probe"] = probe.tolist()

def settling(order, settled):
    b, a = signal.butter(order, 1.0, analog=True)
    t = np.linspace(0, 60, 600_001)
    _, y = signal.step((b, a), T=t)
    k = np.nonzero(np.abs(y - 1) > 1 - settled)[0][-1]
    d0, d1 = abs(y[k] - 1) - (1 - settled), abs(y[k + 1] - 1) - (1 - settled)
    return t[k] + (t[k + 1] - t[k]) * d0 / (d0 - d1)

for order, settled in ((1, 0.98), (2, 0.95), (3, 0.98), (3, 0.9), (4, 0.99), (6, 0.98)):
    out["settling"].append({"order": order, "settled": settled, "product": settling(order, settled)})


def impulse(n, order=3, settled=0.98, gain_corrected=False):
    """Weights of the filter output at the last of n samples."""
    from scipy.optimize import brentq
    b, a = signal.butter(order, 1.0, analog=True)
    r, p, _ = signal.residue(b, np.polymul(a, [1, 0]))
    y = lambda t: np.real(np.sum(r * np.exp(p * t)))
    coarse = settling(order, settled)
    product = brentq(lambda t: abs(y(t) - 1) - (1 - settled), coarse - 1e-3, coarse + 1e-3, xtol=1e-14)
    fc = product / (2 * np.pi * n / fs)
    sos = signal.butter(order, fc, fs=fs, output="sos")
    h = signal.sosfilt(sos, np.r_[1.0, np.zeros(n - 1)])[::-1]
    return h / h.sum() if gain_corrected else h

x16, w16 = np.polynomial.legendre.leggauss(16)

def spectrum_integral(S, corner, Wa, Wb):
    """Re int_0^{fs/2} S conj(Wa(f)) Wb(f) df with panels that resolve the corner and every oscillation."""
    n = len(Wa)
    edges = [0.0, corner]
    while edges[-1] < fs / 2:
        edges.append(min(edges[-1] * 1.3, edges[-1] + 2 * fs / n, fs / 2))
    edges = np.array(edges)
    mid, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    f, w = (mid[:, None] + half[:, None] * x16).ravel(), (half[:, None] * w16).ravel()
    total, k = 0.0, np.arange(n)
    for i in range(0, len(f), 400):
        E = np.exp(-2j * np.pi * np.outer(f[i:i + 400], k) / fs)
        total += np.sum(w[i:i + 400] * S(f[i:i + 400]) * np.real(np.conj(E @ Wa) * (E @ Wb)))
    return total

def power_law(psd, at, beta, corner):
    return (lambda f: psd * (at / np.maximum(f, corner)) ** beta), corner

NOISE = {"psd_na2_per_hz": 1e-5, "at_hz": 1000.0, "exponent": 1.5, "corner_hz": 0.1}
def noise_of(d): return power_law(d["psd_na2_per_hz"], d["at_hz"], d["exponent"], d["corner_hz"])
def toml_noise(d): return '[noise]\nkind = "power-law"\n' + "".join(f"{k} = {v}\n" for k, v in d.items())
def toml_device(g, offset): return f'[device]\nkind = "linear"\ngradient_na_per_volt = {list(g)}\noffset_na = {offset}\n'
HEAD = '[study]\nname = "golden"\nrepetitions = 1\n'
G7 = [123.0, 123.0, 123.0, 60.0, 123.0, 123.0, 123.0]

def add(name, scenario, bias, variance, tolerance=1e-6):
    out["exact"].append({"name": name, "scenario": scenario, "bias": list(map(float, bias)),
                         "variance": list(map(float, variance)), "tolerance": tolerance})

def hge(name, g, f, offset=0.0, phases=None, mode="parallel", alpha=8e-3, T=0.1, noise=NOISE, extra="", filt={}, readout="x",
        response=None, device=None):
    n = int(round(T * fs)); t = np.arange(n) / fs; m = len(g)
    phases = np.zeros(m) if phases is None else np.asarray(phases)
    h = impulse(n, **filt); S, corner = noise_of(noise)
    ref = np.array([np.sin(2 * np.pi * f[k] * t + phases[k]) for k in range(m)])
    quad = np.array([np.cos(2 * np.pi * f[k] * t + phases[k]) for k in range(m)])
    respond = response or (lambda dw: offset + np.asarray(g) @ dw)
    bias, variance = [], []
    for k in range(m):
        dw = alpha * ref if mode == "parallel" else alpha * ref * (np.arange(m) == k)[:, None]
        y = respond(dw)
        X, Y = 2 / alpha * h * ref[k], 2 / alpha * h * quad[k]
        if readout == "x":
            bias.append(X @ y - g[k]); variance.append(spectrum_integral(S, corner, X, X))
        else:
            mu = np.array([X @ y, Y @ y])
            c = np.array([[spectrum_integral(S, corner, a, b) for b in (X, Y)] for a in (X, Y)])
            inv, det = np.linalg.inv(c), np.linalg.det(c)
            s = np.sqrt(np.diag(c))
            pdf = lambda yy, xx: np.exp(-0.5 * np.array([xx - mu[0], yy - mu[1]]) @ inv @ np.array([xx - mu[0], yy - mu[1]])) / (2 * np.pi * np.sqrt(det))
            lo, hi = mu - 9 * s, mu + 9 * s
            part = lambda a, b, sign: integrate.dblquad(lambda yy, xx: sign * np.hypot(xx, yy) * pdf(yy, xx), a, b, lo[1], hi[1], epsabs=1e-7, epsrel=1e-7)[0] if b > a else 0.0
            mean = part(max(lo[0], 0), hi[0], 1) + part(lo[0], min(hi[0], 0), -1)
            bias.append(mean - g[k]); variance.append(mu @ mu + np.trace(c) - mean ** 2)
    scenario = (HEAD + (device or toml_device(g, offset)) + toml_noise(noise)
        + f'[estimator]\nkind = "hge"\nmode = "{mode}"\nreadout = "{readout}"\nduration_s = {T}\namplitude_volt = {alpha}\nfrequencies_hz = {list(map(float, f))}\n' + extra)
    add(name, scenario, bias, variance, 1e-3 if readout == "r" else 1e-6)

ladder = lambda top, s, m: [top - s * k for k in range(m)]
hge("parallel 30 Hz", G7, ladder(1000, 30, 7))
hge("parallel 40 Hz", G7, ladder(1000, 40, 7))
hge("parallel 40 Hz with offset", G7, ladder(1000, 40, 7), offset=20.0)
hge("sequential, 1/f", G7, ladder(1000, 40, 7), mode="sequential", noise=NOISE | {"exponent": 1.0})
hge("white", G7[:3], [510.0, 440.0, 333.0], noise=NOISE | {"exponent": 0.0})
hge("brownian", G7[:3], [510.0, 440.0, 333.0], noise=NOISE | {"exponent": 2.0})
hge("quadrature", [50.0, -80.0, 20.0, 90.0], [700.0, 700.0, 600.0, 600.0], phases=[0, np.pi / 2, 0, np.pi / 2],
    extra=f"phases_rad = [0.0, {np.pi / 2!r}, 0.0, {np.pi / 2!r}]\n")
hge("second order, gain corrected", G7[:4], [900.0, 800.0, 700.0, 600.0], T=0.05,
    filt=dict(order=2, settled=0.95, gain_corrected=True), extra="filter = { order = 2, settled = 0.95, gain_corrected = true }\n")
c = [[60.0, 45.0, -110.0], [-30.0, 20.0, 5.0]]
def cubic(dw):
    w = dw + np.array([[0.1], [-0.2]])
    return 20.0 + sum(c[m][k] * w[m] ** (k + 1) for m in range(2) for k in range(3))
slope = [sum((k + 1) * c[m][k] * w ** k for k in range(3)) for m, w in enumerate((0.1, -0.2))]
hge("cubic", slope, [800.0, 650.0], alpha=0.1, response=cubic,
    device=f'[device]\nkind = "polynomial"\noffset_na = 20.0\ncoefficients = {c}\noperating_point_volt = [0.1, -0.2]\n')
hge("amplitude, strong", [60.0, 40.0], [900.0, 700.0], readout="r")
hge("amplitude, weak", [1.5, -2.5], [900.0, 700.0], readout="r")
hge("amplitude, sequential", [-3.0], [300.0], readout="r", mode="sequential")

def fd(name, g, difference, alpha=8e-3, T=0.1, offset=20.0):
    n = int(round(T * fs)); half = n // 2; h = impulse(half); S, corner = noise_of(NOISE)
    low, scale = (0.0, 1 / alpha) if difference == "forward" else (-alpha, 0.5 / alpha)
    W = np.zeros(n); W[:half] = -scale * h; W[half:2 * half] = scale * h
    v = spectrum_integral(S, corner, W, W)
    bias = [W @ np.r_[np.full(half, offset + gk * low), np.full(n - half, offset + gk * alpha)] - gk for gk in g]
    add(name, HEAD + toml_device(g, offset) + toml_noise(NOISE) + f'[estimator]\nkind = "fd"\ndifference = "{difference}"\nduration_s = {T}\namplitude_volt = {alpha}\n', bias, [v] * len(g))

fd("central differences", [123.0, 60.0], "central")
fd("forward differences", [123.0, 60.0], "forward")

def spsa(name, g, sides, directions, alpha=8e-3, T=0.1, offset=20.0):
    g = np.asarray(g); n = int(round(T * fs)); window = n // (2 * directions); h = impulse(window); S, corner = noise_of(NOISE)
    low, scale = (0.0, 1.0) if sides == "one" else (-1.0, 0.5)
    gain = h.sum(); estimates = []
    for signs in itertools.product((-1, 1), repeat=len(g)):
        d = np.array(signs)
        difference = gain * scale * ((offset + g @ (alpha * d)) - (offset + low * g @ (alpha * d)))
        estimates.append(difference / (alpha * d))
    estimates = np.array(estimates)
    W = np.zeros(n); W[:window] = -scale * h / alpha; W[window:2 * window] = scale * h / alpha
    noise = spectrum_integral(S, corner, W, W)
    add(name, HEAD + toml_device(g.tolist(), offset) + toml_noise(NOISE) + f'[estimator]\nkind = "spsa"\nsides = "{sides}"\ndirections = {directions}\nduration_s = {T}\namplitude_volt = {alpha}\n',
        estimates.mean(0) - g, (estimates.var(0) + noise) / directions)

spsa("two-sided perturbation", G7, "two", 1)
spsa("two-sided perturbation, five directions", G7, "two", 5)
spsa("one-sided perturbation", G7, "one", 1)

json.dump(out, open(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/golden.json", "w"), indent=0)
