#!/usr/bin/env bash
# Gives the program damaged files of every kind and reports what does not end well: scripts/fuzz.sh SECONDS SEED
# scripts/fuzz.sh 0 SEED --replay K keeps the files of trial K and shows what each command says to them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need_libhdf5.sh
cargo build --release --locked --quiet --package homodyne --package tests --bins
exec target/release/fuzz "$@"
