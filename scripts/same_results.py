#!/usr/bin/env python3
"""Shows that two builds of homodyne give the same results: every scenario with few repetitions, compared value by value and bit by bit.

    scripts/same_results.py BEFORE AFTER [--keep FOLDER] [--weights skynet_checkpoint3000.npz]

BEFORE and AFTER are binaries. Only attributes that name the program or the moment may differ: version, revision, and what
says when, where and by which command. Figures are compared byte for byte. With --keep, results of BEFORE that are already in
FOLDER are not computed again. Ends with exit code 1 if anything differs. Needs h5py and numpy.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES_THE_PROGRAM = {"version", "program_version", "git_revision", "created", "host", "command", "elapsed_s", "date", "hostname", "written"}


def scenarios():
    yield from sorted((ROOT / "scenarios").glob("*.toml"))
    yield from sorted((ROOT / "scenarios" / "real_size").glob("*.toml"))
    yield from sorted((ROOT / "scenarios" / "real_device").glob("*.toml"))


def run(binary, scenario, folder, weights):
    """Results and figure of a scenario, small."""
    text = scenario.read_text()
    kind_is_training = 'kind = "training"' in text
    changes = ["training.budget_s=5", "study.repetitions=2"] if kind_is_training else ["study.repetitions=4"]
    if "real_device" in scenario.parts:
        surrogate = [f"device.file={weights}"] if weights else [
            f"device.file={ROOT}/scenarios/devices/small_surrogate.npz", "device.activation=tanh"]
        changes += surrogate
    command = [str(binary), "run", str(scenario), "--output", str(folder), "--quiet"]
    for change in changes:
        command += ["--set", change]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout.replace(str(folder), "") + done.stderr.replace(str(folder), "")


def attributes(of):
    found = {}
    for name, value in of.attrs.items():
        # `kind` is new: results of before do not say it
        if name in NAMES_THE_PROGRAM or name == "kind" or name in ("REFERENCE_LIST", "DIMENSION_LIST"):
            continue
        if name == "identity":
            value = {k: v for k, v in json.loads(value).items() if not k.startswith("program ")}
        found[name] = value.tobytes() if isinstance(value, numpy.ndarray) else value
    return found


def differences(before, after):
    """What differs between two results files, one line each."""
    lines = []
    with h5py.File(before) as a, h5py.File(after) as b:
        for what, x, y in [("the file", a, b)] + [(n, a[n], b[n]) for n in sorted(set(a) & set(b))]:
            x, y = attributes(x), attributes(y)
            lines += [f"attribute {k} of {what}: {x.get(k)!r:.200} -> {y.get(k)!r:.200}"
                      for k in sorted(set(x) | set(y)) if x.get(k) != y.get(k)]
        lines += [f"variable {n} only in one" for n in sorted(set(a) ^ set(b))]
        for n in sorted(set(a) & set(b)):
            x, y = a[n], b[n]
            dims = [[d[0].name if len(d) else "" for d in v.dims] for v in (x, y)]
            if x.shape != y.shape or x.dtype != y.dtype or dims[0] != dims[1] or x[()].tobytes() != y[()].tobytes():
                if h5py.check_string_dtype(x.dtype) and list(x[()].flat) == list(y[()].flat):
                    continue
                lines.append(f"variable {n}: {x.shape} {dims[0]} -> {y.shape} {dims[1]}, or other bytes")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("/tmp/same_results"))
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--before-only", action="store_true", help="compute those of BEFORE, for later")
    parser.add_argument("--only", default="", help="only scenarios whose path holds this text")
    arguments = parser.parse_args()
    before, after = arguments.keep / "before", arguments.keep / "after"
    after.mkdir(parents=True, exist_ok=True)
    before.mkdir(parents=True, exist_ok=True)
    files = figures = 0
    wrong = []
    for scenario in scenarios():
        if arguments.only not in str(scenario):
            continue
        said = before / f"{scenario.stem}.said"
        if not said.exists():
            code, text = run(arguments.before, scenario, before, arguments.weights)
            said.write_text(json.dumps([code, text]))
        known = json.loads(said.read_text())
        for old in after.glob("*"):
            old.unlink()
        if arguments.before_only:
            continue
        code, _ = run(arguments.after, scenario, after, arguments.weights)
        if code != known[0]:
            wrong.append(f"{scenario.name}: exit code {known[0]} -> {code}")
        for new in sorted(after.iterdir()):
            old = before / new.name
            if not old.exists():
                wrong.append(f"{scenario.name}: {new.name} is new")
            elif new.suffix == ".h5":
                files += 1
                wrong += [f"{scenario.name}: {line}" for line in differences(old, new)]
            elif new.suffix in (".svg", ".png"):
                figures += 1
                if old.read_bytes() != new.read_bytes():
                    wrong.append(f"{scenario.name}: {new.name} is another figure")
    print("\n".join(wrong) if wrong else "nothing differs")
    print(f"{files} results files, {figures} figures compared")
    sys.exit(1 if wrong or (files == 0 and not arguments.before_only) else 0)


if __name__ == "__main__":
    main()
