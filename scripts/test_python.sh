#!/usr/bin/env bash
# Builds the Python package into target/python and passes its tests; says aloud if it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "skipped: tests of the Python package ($1)"
    exit 0
}

python=$(scripts/need_python.sh maturin pytest numpy xarray h5netcdf h5py 2>&1) || skip "$python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || skip "Python 3.11 or newer is needed"
PATH="$PWD/target/python/bin:$PATH" "$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps .
"$python" -m pytest --quiet -rs crates/python/tests
"$python" -m pytest --quiet --doctest-modules --pyargs hge
