#!/usr/bin/env bash
# Makes the environment target/python with the given packages and prints its interpreter; says why if it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=target/python
if [ ! -x "$environment/bin/python" ]; then
    command -v python3 >/dev/null || { echo "no python3" >&2; exit 1; }
    python3 -m venv "$environment" >/dev/null 2>&1 \
        || { rm -rf "$environment"; echo "python3 cannot make environments: apt-get install python3-venv" >&2; exit 1; }
fi
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >/dev/null 2>&1 \
    || { echo "packages cannot be had: pip install $*" >&2; exit 1; }
echo "$PWD/$environment/bin/python"
