#!/usr/bin/env bash
# Builds the Python package into target/python and passes its tests; says aloud if it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "skipped: tests of the Python package ($1)"
    exit 0
}

python=target/python/bin/python
if [ ! -x "$python" ]; then
    command -v python3 >/dev/null || skip "no python3"
    python3 -m venv target/python >/dev/null 2>&1 || { rm -rf target/python; skip "python3 cannot make environments: apt-get install python3-venv"; }
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || skip "Python 3.11 or newer is needed"
"$python" -m pip install --quiet --disable-pip-version-check maturin pytest numpy xarray h5netcdf h5py >/dev/null 2>&1 \
    || skip "packages cannot be had: pip install maturin pytest numpy xarray h5netcdf h5py"
PATH="$PWD/target/python/bin:$PATH" "$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps .
"$python" -m pytest --quiet -rs crates/python/tests
"$python" -m pytest --quiet --doctest-modules --pyargs hge
