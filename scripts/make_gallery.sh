#!/bin/sh
# Draws the figures of results/gallery from the shipped scenarios.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked --package homodyne
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p results/gallery
for name in error_vs_spacing fig1c fig2b fig2c fig2d fig2e fig3b fig3c fig3d suppl1 estimators; do
    ./target/release/homodyne run "scenarios/$name.toml" --output "$out" --quiet
done
cp "$out"/*.png results/gallery/
ls -l results/gallery
