//! Training: measured loss gradients against exact ones, whole runs on a real device's surrogate, and the comparison of B25
//! Suppl. 4.

use std::sync::Arc;

use device::{Activation, Device, DeviceError, NetworkDevice, NetworkMethod, NeuralSurrogate};
use dopant_network::steady::SteadyOptions;
use dopant_network::{DopantNetwork, Generate};
use estimators::exact::ExactErrors;
use estimators::filter::FilterSettings;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::{Experiment, Instrument, Route, Scheme};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use noise::{NoiseModel, PowerLaw, RecordGenerator, Spectrum};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Dxsm;
use tests::{root, run_shipped, run_text, shared, variable};
use training::task::truth_table;
use training::{Answer, Loss, Meter, Separation, Timing, Wiring};

const RATE_HZ: f64 = 10_000.0;
const LOSS: Loss =
    Loss::CorrelationOverSeparation { separation: Separation::Mean, scale_na: 1.0, offset_na: 0.0, threshold_na: 0.0 };

fn surrogate() -> Arc<dyn Device> {
    let path = root().join("scenarios/devices/small_surrogate.npz");
    Arc::new(NeuralSurrogate::from_npz(&path, Activation::Tanh).expect("readable"))
}

fn hge(amplitude_volt: f64) -> Hge {
    let (frequencies_hz, phases_rad) = Hge::ladder(1000.0, 40.0, 5);
    Hge {
        rate_hz: RATE_HZ,
        duration_s: 0.1,
        amplitude_volt: vec![amplitude_volt],
        frequencies_hz,
        phases_rad,
        mode: Mode::Parallel,
        readout: LockInReadout::X,
        filter: FilterSettings::default(),
        corrected_for: None,
    }
}

fn meter(amplitude_volt: f64, answer: Answer, noise: &NoiseModel) -> Meter {
    let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 0.1 };
    let wiring = Wiring::new(vec![0, 1], 7).expect("a wiring");
    let scheme = Scheme::Fixed(hge(amplitude_volt).build(5).expect("a scheme"));
    Meter::new(surrogate(), wiring, Some(scheme), answer, noise, timing, 4).expect("a meter")
}

fn pink() -> NoiseModel {
    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 };
    NoiseModel::Gaussian(Spectrum::PowerLaw(law))
}

/// Exact bias and variance of derivatives of a device that is linear around its current: without what curvature adds.
fn errors_of_a_plane(gradient_na_per_volt: &[f64], current_na: f64, amplitude_volt: f64) -> ExactErrors {
    let experiment = Experiment::new(
        Scheme::Fixed(hge(amplitude_volt).build(5).expect("a scheme")),
        Arc::new(device::Linear::new(gradient_na_per_volt.to_vec(), current_na).expect("a device")),
        vec![0.0; 5],
        Instrument::default(),
        Arc::new(RecordGenerator::new(&pink(), RATE_HZ, 1000).unwrap()),
        true,
        Route::Weights,
    );
    experiment.and_then(|e| e.exact_against(gradient_na_per_volt)).expect("an exact error")
}

const CONTROLS_VOLT: [f64; 5] = [0.1, -0.2, 0.05, 0.15, -0.1];

/// Bias and variance of ∂E/∂w, with ∂E/∂I exact, predicted by the exact error of each derivative; errors of different patterns
/// are taken as independent, since the lock-in passes little of the noise that lasts from one to the next.
#[test]
fn the_measured_loss_gradient_scatters_as_predicted() {
    const PASSES: usize = 8000;
    let table = truth_table("XOR", [[-0.7, 0.7]; 2]).expect("a gate");
    let inputs = table.inputs_volt.view();
    let meter = meter(8e-3, Answer::Sampled, &pink());
    let currents = meter.true_currents_na(inputs, &CONTROLS_VOLT).expect("currents");
    let slope = LOSS.of(&currents, &table.targets).derivative_per_na;
    let exact_gradient = meter.true_gradient(inputs, &CONTROLS_VOLT).expect("a gradient");
    let (mut expected, mut variance) = ([0.0; 5], [0.0; 5]);
    for p in 0..4 {
        let row: Vec<f64> = exact_gradient.row(p).to_vec();
        let exact = errors_of_a_plane(&row, currents[p], 8e-3);
        for m in 0..5 {
            expected[m] += slope[p] * (row[m] + exact.bias[m]);
            variance[m] += slope[p].powi(2) * exact.variance[m];
        }
    }
    let mut rng = Pcg64Dxsm::seed_from_u64(11);
    let (mut first, mut second) = ([0.0; 5], 0.0);
    for _ in 0..PASSES {
        let reading = meter.gradient(inputs, &CONTROLS_VOLT, &mut rng).expect("a reading");
        for m in 0..5 {
            let found: f64 = (0..4).map(|p| slope[p] * reading.gradient_na_per_volt[[p, m]]).sum();
            first[m] += (found - expected[m]) / variance[m].sqrt();
            second += (found - expected[m]).powi(2) / variance[m];
        }
    }
    let mean_square = second / (5 * PASSES) as f64;
    println!("scatter over prediction {mean_square:.4}");
    // one standard error is 0.7 % (8000 passes of five derivatives that are nearly independent): a right program fails for one
    // seed in 50 000, and variances that are 5 % off are caught but for one seed in 400
    assert!((mean_square - 1.0).abs() < 0.03, "scatter over prediction {mean_square}");
    // means are known to 0.011 standard deviations each; 4.5 of these are missed by one seed in 30 000
    for (m, sum) in first.iter().enumerate() {
        let deviation = sum / PASSES as f64;
        assert!(deviation.abs() < 0.05, "control {m}: mean {deviation} standard deviations off");
    }
}

/// What the curvature adds falls as the square of the amplitude, `LinearResponse` leaves it out, and without it the readings are the exact
/// derivatives and the predicted bias.
#[test]
fn without_noise_only_curvature_is_not_predicted_and_it_falls_as_the_square_of_the_amplitude() {
    let table = truth_table("AND", [[-0.7, 0.7]; 2]).expect("a gate");
    let inputs = table.inputs_volt.view();
    let read = |amplitude_volt: f64, answer: Answer| {
        let meter = meter(amplitude_volt, answer, &NoiseModel::None);
        let mut rng = Pcg64Dxsm::seed_from_u64(1);
        meter.gradient(inputs, &CONTROLS_VOLT, &mut rng).expect("a reading").gradient_na_per_volt
    };
    let curvature = |amplitude_volt: f64| {
        let difference = read(amplitude_volt, Answer::Sampled) - read(amplitude_volt, Answer::LinearResponse);
        difference.iter().map(|d| d * d).sum::<f64>().sqrt()
    };
    let (large, small) = (curvature(40e-3), curvature(20e-3));
    println!("curvature adds {large:.4} nA/V at 40 mV, {small:.4} nA/V at 20 mV");
    assert!((3.5..4.5).contains(&(large / small)), "{large} {small}");
    let quiet = meter(1e-3, Answer::Sampled, &NoiseModel::None);
    let exact = quiet.true_gradient(inputs, &CONTROLS_VOLT).expect("a gradient");
    let currents = quiet.true_currents_na(inputs, &CONTROLS_VOLT).expect("currents");
    let found = read(1e-3, Answer::Sampled);
    let scale = exact.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
    for p in 0..4 {
        // the lock-in's filter lets some of the current, and of the other derivatives, into each: that is predicted
        let bias = errors_of_a_plane(&exact.row(p).to_vec(), currents[p], 1e-3).bias;
        for m in 0..5 {
            let rest = (found[[p, m]] - exact[[p, m]] - bias[m]).abs();
            assert!(rest < 1e-3 * scale, "pattern {p}, control {m}: {rest} nA/V of {scale}");
        }
    }
}

tests::needs!(
    dnpu_surrogate,
    /// B25 Fig. 4a on the surrogate of a measured device: tables by plain descent, published step, stop and noise.
    #[test]
    fn a_real_devices_surrogate_learns_gates() {
        // five of the nine gates that 20 of 20 runs solved, three runs each: fewer than 12 successes are had by one seed in 5000 if 98 of 100 runs
        // succeed, and by 98 seeds of 100 if half of them do
        const EASY: &str = r#"sweep."task.gate"=["0010", "0100", "0110", "0111", "1000"]"#;
        let folder = shared("dnpu_surrogate");
        let text = std::fs::read_to_string(root().join("scenarios/real_device/gates.toml")).expect("a scenario");
        let (head, _) = text.split_once("[[sweep.zip]]").expect("a sweep");
        let file = format!("device.file={}", folder.join("skynet_checkpoint3000.npz").display());
        let results = run_text(head, &[&file, "study.repetitions=3", EASY]);
        let solved = variable(&results, "solved").values.iter().sum::<f64>();
        assert!(solved >= 12.0, "{solved} of 15");
    }
);

tests::needs!(
    dnpu_surrogate_and_patience,
    /// The same for all sixteen.
    #[test]
    fn a_real_devices_surrogate_learns_all_gates() {
        const GATES: usize = 16;
        const RUNS: usize = 8;
        let folder = shared("dnpu_surrogate");
        let text = std::fs::read_to_string(root().join("scenarios/real_device/gates.toml")).expect("a scenario");
        let (head, _) = text.split_once("[[sweep.zip]]").expect("a sweep");
        let file = format!("device.file={}", folder.join("skynet_checkpoint3000.npz").display());
        let results = run_text(head, &[&file, &format!("study.repetitions={RUNS}")]);
        let solved = variable(&results, "solved");
        assert_eq!(solved.values.len(), GATES * RUNS);
        let of_gate: Vec<f64> = solved.values.chunks_exact(RUNS).map(|runs| runs.iter().sum()).collect();
        println!("solved runs of {RUNS}: {of_gate:?}");
        // 20 runs of each gave 45 % of 0001, 60 % of 1001 and 1011, 65 % of 0101, 75, 80 and 85 % of 1101, 1110 and 0011, and all of
        // the others: one choice of the seed in 100 has no success at one of them, and the total scatters by 3.3 around 109.6, so
        // that one in 40 falls below 103
        assert!(of_gate.iter().all(|n| *n >= 1.0), "{of_gate:?}");
        let total = of_gate.iter().sum::<f64>();
        assert!(total >= 103.0, "{total} of {}", GATES * RUNS);
        // XOR was solved in all of these runs
        assert!(of_gate[0b0110] >= 7.0, "{of_gate:?}");
    }
);

/// B25 Fig. 4a on the simulated dopant network that ships, published step, stop, voltages and noise.
#[test]
fn a_simulated_network_learns_xor() {
    const RUNS: usize = 6;
    let changes = ["sweep.\"task.gate\"=[\"XOR\"]", &format!("study.repetitions={RUNS}")];
    let results = run_shipped("fig4a.toml", &changes, 0);
    let solved = variable(&results, "solved").values.iter().sum::<f64>();
    // 20 of 20 were solved when this was written; a device on which nine in ten are would give 3 or fewer for one seed in 63
    assert!(solved >= 4.0, "{solved} of {RUNS}");
}

/// What `linear-response` leaves out on that network: 8 mV are more than kT/e there, so the answer is bent.
/// Knows its gradient, but cannot find it anywhere.
#[derive(Debug)]
struct Stuck;

impl Device for Stuck {
    fn parameters(&self) -> usize {
        7
    }

    fn evaluate(&self, _: ArrayView2<f64>, _: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        Err(DeviceError::Evaluation("needs more than 60000 states".to_owned()))
    }

    fn gradient(&self, _: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        Err(DeviceError::Evaluation("needs more than 60000 states".to_owned()))
    }
}

#[test]
fn a_gradient_that_cannot_be_found_is_not_called_unknown() {
    let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 0.1 };
    let wiring = Wiring::new(vec![0, 1], 7).expect("a wiring");
    let scheme = Scheme::Fixed(hge(8e-3).build(5).expect("a scheme"));
    let answer = Answer::LinearResponse;
    // that it is found at 0 V is not asked for
    let meter = Meter::new(Arc::new(Stuck), wiring, Some(scheme), answer, &NoiseModel::None, timing, 4);
    let meter = meter.expect("a meter");
    let table = truth_table("XOR", [[-0.7, 0.7]; 2]).expect("a gate");
    let inputs = table.inputs_volt.view();
    let exact = meter.true_gradient(inputs, &CONTROLS_VOLT).expect_err("stuck").to_string();
    let measured =
        meter.gradient(inputs, &CONTROLS_VOLT, &mut Pcg64Dxsm::seed_from_u64(1)).expect_err("stuck").to_string();
    for message in [exact, measured] {
        assert!(message.contains("60000 states") && !message.contains("no exact gradient"), "{message}");
    }
}

#[test]
fn on_a_network_curvature_adds_little_to_the_measured_gradient() {
    let generate = Generate {
        acceptors: 6,
        donors: 1,
        electrodes: 8,
        seed: 46,
        attempt_frequency_hz: 1e13,
        localization_radius_nm: Some(8.0),
        ..Generate::default()
    };
    let description = generate.describe().expect("a device");
    let network = Arc::new(DopantNetwork::from_description(&description).expect("a network"));
    let range_volt = Some((-1.5, 1.5));
    let device = NetworkDevice::new(network, 7, NetworkMethod::SteadyState, SteadyOptions::default(), range_volt);
    let device: Arc<dyn Device> = Arc::new(device.expect("a device"));
    let table = truth_table("XOR", [[-0.7, 0.7]; 2]).expect("a gate");
    let read = |answer: Answer, controls_volt: &[f64]| {
        let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 0.1 };
        let wiring = Wiring::new(vec![1, 6], 7).expect("a wiring");
        let scheme = Scheme::Fixed(hge(8e-3).build(5).expect("a scheme"));
        let meter = Meter::new(Arc::clone(&device), wiring, Some(scheme), answer, &NoiseModel::None, timing, 4);
        let mut rng = Pcg64Dxsm::seed_from_u64(1);
        let reading = meter.expect("a meter").gradient(table.inputs_volt.view(), controls_volt, &mut rng);
        reading.expect("a reading").gradient_na_per_volt
    };
    let mut rng = Pcg64Dxsm::seed_from_u64(3);
    let (mut difference, mut size) = (0.0, 0.0);
    for _ in 0..3 {
        let controls: Vec<f64> = (0..5).map(|_| rng.random_range(-1.5..1.5)).collect();
        let (sampled, linear) = (read(Answer::Sampled, &controls), read(Answer::LinearResponse, &controls));
        difference += (&sampled - &linear).iter().map(|d| d * d).sum::<f64>();
        size += linear.iter().map(|g| g * g).sum::<f64>();
    }
    let relative = (difference / size).sqrt();
    println!("curvature adds {:.2} % of the gradient, r.m.s.", 100.0 * relative);
    assert!(relative < 0.05, "{relative}");
}

/// B25 Suppl. 5: two layers of devices learn a ring that one device cannot.
#[test]
fn two_layers_learn_what_one_device_cannot() {
    let results = run_shipped("layered_ring.toml", &["study.repetitions=3", "training.budget_s=6000.0"], 0);
    let accuracies = &variable(&results, "noiseless_test_accuracy").values;
    let solved: f64 = variable(&results, "solved").values[..3].iter().sum();
    let best_alone = accuracies[3..].iter().copied().fold(0.0, f64::max);
    println!(
        "two layers solve {solved} of 3, right without noise {:?}, one device at most {best_alone}",
        &accuracies[..3]
    );
    // of eight runs, five of two layers have 94 % of the test points right when this was written, and the best of one device 82 %
    assert!(solved >= 1.0 && best_alone < 0.88, "{solved} {best_alone}");
}

/// B25 Suppl. 4: below every SPSA variant (two- and one-sided, ten directions, segmented uniform) and a random code at equal
/// measurement time, from 2 to 1000 parameters under 1/f^1.5 noise, and at all powers of it with 100.
#[test]
fn hge_has_a_smaller_exact_error_than_spsa_under_coloured_noise() {
    for (name, points) in [("suppl4_dimension.toml", 7), ("suppl4_noise.toml", 11)] {
        let results = run_shipped(name, &["study.repetitions=2"], 0);
        let mse = variable(&results, "mse_exact");
        let shape = results.shape(mse);
        let parameters = shape[2];
        assert_eq!((shape[0] * shape[1], mse.values.len()), (points * 6, points * 6 * parameters), "{name}: {shape:?}");
        let at_estimator = |point: usize, estimator: usize| {
            let (i, j) = if shape[0] == points { (point, estimator) } else { (estimator, point) };
            let start = (i * shape[1] + j) * parameters;
            let known: Vec<f64> =
                mse.values[start..start + parameters].iter().copied().filter(|v| v.is_finite()).collect();
            known.iter().sum::<f64>() / known.len() as f64
        };
        for point in 0..points {
            let ours = at_estimator(point, 0);
            assert!(ours.is_finite(), "{name}, point {point}");
            for other in (1..6).map(|e| at_estimator(point, e)) {
                assert!(other.is_finite() && ours < other, "{name}, point {point}: {ours} against {other}");
            }
        }
    }
}

/// Drift that is slow against a pass moves training and test patterns alike where they are applied between each other, and so
/// costs no accuracy; applied one set after the other, it does.
#[test]
fn interleaved_patterns_share_their_drift() {
    let law = PowerLaw { psd_na2_per_hz: 1e-3, at_hz: 1.0, exponent: 2.0, corner_hz: 1e-3 };
    let noise = NoiseModel::Gaussian(Spectrum::PowerLaw(law));
    let device: Arc<dyn Device> = Arc::new(device::Linear::new(vec![1.0, 0.0], 0.0).expect("a device"));
    let timing = Timing { rate_hz: 100.0, ramp_s: 0.0, hold_s: 0.1 };
    let wiring = Wiring::new(vec![0], 2).expect("a wiring");
    let meter = Meter::new(device, wiring, None, Answer::Sampled, &noise, timing, 400).expect("a meter");
    let inputs = |patterns: usize| Array2::zeros((patterns, 1));
    let (training, test): (Array2<f64>, Array2<f64>) = (inputs(100), inputs(300));
    let mut rng = Pcg64Dxsm::seed_from_u64(8);
    let mean = |currents: &[f64]| currents.iter().sum::<f64>() / currents.len() as f64;
    let (mut between, mut after) = (0.0, 0.0);
    for _ in 0..50 {
        let sets = [training.view(), test.view()];
        let [a, b] = meter.interleaved_currents_na(sets, &[0.0], &mut rng).expect("currents");
        assert_eq!((a.len(), b.len()), (100, 300));
        between += (mean(&a) - mean(&b)).powi(2);
        let all = meter.currents(inputs(400).view(), &[0.0], &mut rng).expect("currents").currents_na;
        after += (mean(&all[..100]) - mean(&all[100..])).powi(2);
    }
    // sums of 50 squares of Gaussians: of equal expectation, one exceeds 20 times the other once in 10^20
    assert!(after > 20.0 * between, "{after} {between}");
}

/// Each pattern has its own current, whatever the order in which they are applied.
#[test]
fn interleaved_patterns_keep_their_places() {
    let meter = meter(5e-3, Answer::Sampled, &NoiseModel::None);
    let [a, b] = [0.2, 0.9].map(|top| Array2::from_shape_fn((7, 2), |(p, k)| top * (p + k) as f64 / 8.0));
    let controls = [0.1; 5];
    let mut rng = Pcg64Dxsm::seed_from_u64(1);
    for (a, b) in [(a.view(), b.slice(ndarray::s![..3, ..])), (a.slice(ndarray::s![..1, ..]), b.view())] {
        let found = meter.interleaved_currents_na([a, b], &controls, &mut rng).expect("currents");
        for (found, inputs) in found.iter().zip([a, b]) {
            let expected = meter.true_currents_na(inputs, &controls).expect("currents");
            assert!(found.iter().zip(&expected).all(|(i, j)| (i - j).abs() < 1e-12), "{found:?} {expected:?}");
        }
    }
}
