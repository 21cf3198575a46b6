//! Training: a gate of 300 iterations by HGE, every sample of every pattern computed and noisy (10 kHz, 0.1 s for each of four
//! patterns and a ramp of 10 ms). A real instrument needs 132 s for it: that is the figure to beat.

use std::path::PathBuf;
use std::sync::Arc;

use benches::{RATE_HZ, hge, noise_model};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use device::{Activation, Device, NeuralSurrogate};
use estimators::Scheme;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use training::Optimiser;
use training::descent::{Descent, GradientFrom};
use training::task::truth_table;
use training::{Answer, Limits, Loss, Meter, Separation, Session, Timing, Update, Wiring};

const ITERATIONS: usize = 300;
const CONTROLS: usize = 5;

/// Name, device, electrodes that are inputs, and their voltages for 0 and 1.
type Case = (&'static str, Arc<dyn Device>, Vec<usize>, [[f64; 2]; 2]);

/// The synthetic surrogate that ships, and that of a measured device where it is at hand.
fn cases() -> Vec<Case> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &PathBuf, activation| -> Arc<dyn Device> {
        Arc::new(NeuralSurrogate::from_npz(path, activation).expect("a surrogate"))
    };
    let synthetic = root.join("scenarios/devices/small_surrogate.npz");
    let mut cases = vec![("synthetic_device", read(&synthetic, Activation::Tanh), vec![0, 1], [[-0.7, 0.7]; 2])];
    let measured = root.join("../shared/dnpu_surrogate/skynet_checkpoint3000.npz");
    if measured.exists() {
        cases.push(("measured_device", read(&measured, Activation::Relu), vec![0, 5], [[-1.2, 0.6], [-0.48, 0.3]]));
    } else {
        eprintln!("skipped: {} is not here", measured.display());
    }
    cases
}

fn meter(device: &Arc<dyn Device>, inputs: &[usize]) -> Meter {
    let scheme = Scheme::Fixed(hge(CONTROLS).build(CONTROLS).expect("allowed settings"));
    let wiring = Wiring::new(inputs.to_vec(), device.parameters()).expect("a wiring");
    let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 0.1 };
    Meter::new(Arc::clone(device), wiring, Some(scheme), Answer::Sampled, &noise_model(), timing, 4).expect("a meter")
}

fn gate(c: &mut Criterion) {
    let loss = Loss::CorrelationOverSeparation {
        separation: Separation::Mean,
        scale_na: 1.0,
        offset_na: 0.0,
        threshold_na: 0.0,
    };
    let descent = Descent { gradient: GradientFrom::Measured, update: Update::Plain, learning_rate: 0.02 };
    let mut group = c.benchmark_group("gate_of_300_iterations");
    for (name, device, inputs, levels_volt) in cases() {
        let meter = meter(&device, &inputs);
        let table = truth_table("XOR", levels_volt).expect("a gate");
        let (low, high) = device.range_volt().expect("ranges");
        let range_volt: Vec<(f64, f64)> = meter.wiring.controls.iter().map(|&m| (low[m], high[m])).collect();
        let pass_s = meter.gradient_pass_s(table.targets.len());
        // it never succeeds, so that every run has all iterations and no more
        let limits = Limits {
            stop_below: f64::NEG_INFINITY,
            confirmations: 0,
            budget_s: (ITERATIONS as f64 - 0.5) * pass_s,
            max_iterations: ITERATIONS,
        };
        let samples = (ITERATIONS as f64 * pass_s * RATE_HZ).round() as u64;
        group.throughput(Throughput::Elements(samples)).sample_size(10);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut session = Session::new(&meter, &table, loss, limits, &range_volt);
                descent.train(&mut session, &mut Pcg64::seed_from_u64(1)).expect("a run");
                assert_eq!(session.history.len(), ITERATIONS);
                session.best().0
            });
        });
    }
    group.finish();
}

criterion_group!(benches, gate);
criterion_main!(benches);
