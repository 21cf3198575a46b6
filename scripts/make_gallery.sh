#!/bin/sh
# Draws the figures of results/gallery from the shipped scenarios.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked --package homodyne
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p results/gallery
for name in error_vs_spacing curvature fig1c fig2b fig2b_derivative fig2c fig2d fig2d_flat fig2e fig2e_derivative fig3b fig3c fig3d suppl1 suppl2 estimators \
    network_iv network_amplitude network_scatter_10hz network_scatter_40hz network_ndc network_gates network_abundance network_samples \
    fig4a gates_network gates_random_networks fig4b layered_ring two_moons suppl4 suppl4_dimension suppl4_noise \
    suppl4_training suppl4_training_dimension curvature_training balanced \
    real_size/fig2b real_size/fig2e real_size/fig3c real_size/fig3d real_size/fig4a real_size/fig4b; do
    ./target/release/homodyne run "scenarios/$name.toml" --output "$out" --quiet
done
# weights of the surrogate of a measured device, which are not part of this project; takes two hours
if [ -n "${WEIGHTS:-}" ]; then
    ./target/release/homodyne run scenarios/real_device/sphere.toml --set "device.file=$WEIGHTS" --output "$out" --quiet
fi
./target/release/homodyne device map scenarios/devices/rnpu_8.json --voltages 0.2,0,-0.1,0,0.3,0.1,-0.3,0 --output "$out/device-map"
./target/release/homodyne device fit "$out/network-samples.h5" --output "$out/network-model.npz"
cp "$out"/*.png results/gallery/
ls -l results/gallery
