//! Converters, hold, delay and ramp act in training as they do in error studies.

use std::sync::Arc;

use device::{Activation, Device, DeviceError, NeuralSurrogate};
use estimators::differences::FiniteDifferences;
use estimators::filter::FilterSettings;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::instrument::{Converter, Instrument};
use estimators::random::Spsa;
use estimators::{Experiment, Route, Scheme};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use noise::{NoiseModel, RecordGenerator, Spectrum};
use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;
use tests::root;
use training::task::truth_table;
use training::{Answer, Limits, Loss, Meter, Session, Timing, TrainingError, Wiring};

const RATE_HZ: f64 = 10_000.0;
const CONTROLS_VOLT: [f64; 5] = [0.11, -0.23, 0.05, 0.31, -0.17];

fn surrogate() -> Arc<dyn Device> {
    let path = root().join("scenarios/devices/small_surrogate.npz");
    Arc::new(NeuralSurrogate::from_npz(&path, Activation::Tanh).expect("readable"))
}

/// The surrogate with its first two voltages held.
#[derive(Debug)]
struct Held([f64; 2]);

impl Device for Held {
    fn parameters(&self) -> usize {
        5
    }

    fn evaluate(&self, controls: ArrayView2<f64>, out: ArrayViewMut2<f64>) -> Result<(), DeviceError> {
        let all = |(p, m): (usize, usize)| if m < 2 { self.0[m] } else { controls[[p, m - 2]] };
        surrogate().evaluate(Array2::from_shape_fn((controls.nrows(), 7), all).view(), out)
    }

    fn gradient(&self, _: &[f64]) -> Result<Option<Array2<f64>>, DeviceError> {
        Ok(None)
    }
}

fn schemes() -> Vec<(&'static str, Scheme)> {
    let (frequencies_hz, phases_rad) = Hge::ladder(1000.0, 40.0, 5);
    let hge = Hge {
        rate_hz: RATE_HZ,
        duration_s: 0.05,
        amplitude_volt: vec![8e-3],
        frequencies_hz,
        phases_rad,
        mode: Mode::Parallel,
        readout: LockInReadout::X,
        filter: FilterSettings::default(),
        corrected_for: None,
    };
    let differences = FiniteDifferences::new(RATE_HZ, 0.05, 8e-3);
    let spsa = Spsa { directions: 5, ..Spsa::new(RATE_HZ, 0.05, 8e-3) };
    vec![
        ("HGE", Scheme::Fixed(hge.build(5).expect("a scheme"))),
        ("FD", Scheme::Fixed(differences.build(5).expect("a scheme"))),
        ("SPSA", Scheme::Random(spsa.build(5).expect("a scheme"))),
    ]
}

fn instruments() -> Vec<(&'static str, Instrument)> {
    let dac = Some(Converter::new("dac", 10, -1.0, 1.0).expect("a converter"));
    let adc = Some(Converter::new("adc", 12, -200.0, 200.0).expect("a converter"));
    let ideal = Instrument::default();
    vec![
        ("ideal", ideal),
        ("DAC", Instrument { dac, ..ideal }),
        ("ADC", Instrument { adc, ..ideal }),
        ("hold and delay", Instrument { hold_samples: 3, delay_samples: 7, ..ideal }),
        ("ramp", Instrument { ramp_s: 0.002, ..ideal }),
        ("all", Instrument { dac, adc, hold_samples: 2, delay_samples: 1, ramp_s: 0.001, dynamics: None }),
    ]
}

#[test]
fn gradients_are_those_of_error_studies() {
    // a level of the DAC, so that it does not matter which of the two converts it
    let dac = Converter::new("dac", 10, -1.0, 1.0).expect("a converter");
    let inputs = [dac.convert(0.2), dac.convert(-0.4)];
    let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 0.1 };
    for (name, instrument) in instruments() {
        for (estimator, scheme) in schemes() {
            let generator = RecordGenerator::new(&NoiseModel::None, RATE_HZ, scheme.samples()).expect("a generator");
            let experiment = Experiment::new(
                scheme.clone(),
                Arc::new(Held(inputs)),
                CONTROLS_VOLT.to_vec(),
                instrument,
                Arc::new(generator),
                true,
                Route::Weights,
            )
            .expect("an experiment");
            let mut expected = [0.0; 5];
            experiment
                .trial_into(
                    &mut Pcg64Dxsm::seed_from_u64(3),
                    &mut estimators::experiment::Workspace::default(),
                    &mut expected,
                )
                .expect("a trial");
            let wiring = Wiring::new(vec![0, 1], 7).expect("a wiring");
            let meter = Meter::new(surrogate(), wiring, Some(scheme), Answer::Sampled, &NoiseModel::None, timing, 1)
                .expect("a meter")
                .with_instrument(instrument);
            let inputs = ndarray::aview1(&inputs).insert_axis(ndarray::Axis(0));
            let found = meter.gradient(inputs, &CONTROLS_VOLT, &mut Pcg64Dxsm::seed_from_u64(3)).expect("a gradient");
            let scale = expected.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
            assert!(scale > 1.0, "{estimator} with {name}");
            for (g, e) in found.gradient_na_per_volt.iter().zip(expected) {
                assert!((g - e).abs() < 1e-9 * scale, "{estimator} with {name}: {g} {e}");
            }
        }
    }
}

/// Currents are read through both converters: a coarse ADC without noise gives its levels, and with noise of some levels their
/// mean.
#[test]
fn currents_are_read_through_the_converters() {
    let adc = Converter::new("adc", 7, -100.0, 100.0).expect("a converter");
    let instrument = Instrument { adc: Some(adc), ..Instrument::default() };
    let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 1.0 };
    let table = truth_table("XOR", [[-0.7, 0.7]; 2]).expect("a gate");
    let inputs = table.inputs_volt.view();
    let meter = |noise: &NoiseModel| {
        let wiring = Wiring::new(vec![0, 1], 7).expect("a wiring");
        Meter::new(surrogate(), wiring, None, Answer::Sampled, noise, timing, 4)
            .expect("a meter")
            .with_instrument(instrument)
    };
    let mut rng = Pcg64Dxsm::seed_from_u64(2);
    let quiet = meter(&NoiseModel::None);
    let exact = quiet.true_currents_na(inputs, &CONTROLS_VOLT).expect("currents");
    let read = quiet.currents(inputs, &CONTROLS_VOLT, &mut rng).expect("currents");
    let is_read = |(i, e): (&f64, &f64)| (i - adc.convert(*e)).abs() < 1e-9;
    assert!(read.currents_na.iter().zip(&exact).all(is_read) && !read.has_clipped, "{exact:?} {:?}", read.currents_na);
    // 2 nA of noise, 1.3 levels, in 10⁴ samples: five standard errors of 0.02 nA
    let noise = NoiseModel::Gaussian(Spectrum::White(4.0 / (0.5 * RATE_HZ)));
    let read = meter(&noise).currents(inputs, &CONTROLS_VOLT, &mut rng).expect("currents");
    assert!(read.currents_na.iter().zip(&exact).all(|(i, e)| (i - e).abs() < 0.1), "{:?} {exact:?}", read.currents_na);
}

/// Controls at which the output is clipped are drawn again, and the passes that tell so are counted; a range that no controls
/// fit is said.
#[test]
fn clipped_controls_are_drawn_again() {
    let range_volt = [(-1.0, 1.0); 5];
    let table = truth_table("XOR", [[-0.7, 0.7]; 2]).expect("a gate");
    let loss = Loss::MeanSquare;
    let limits = Limits { stop_below: 0.0, confirmations: 0, budget_s: 1e4, max_iterations: 10 };
    let timing = Timing { rate_hz: RATE_HZ, ramp_s: 0.01, hold_s: 0.1 };
    let attempts = |low: f64, high: f64| {
        let adc = Some(Converter::new("adc", 12, low, high).expect("a converter"));
        let wiring = Wiring::new(vec![0, 1], 7).expect("a wiring");
        let meter = Meter::new(surrogate(), wiring, None, Answer::Sampled, &NoiseModel::None, timing, 4)
            .expect("a meter")
            .with_instrument(Instrument { adc, ..Instrument::default() });
        let mut session = Session::new(&meter, &table, loss, limits, &range_volt);
        let mut rng = Pcg64Dxsm::seed_from_u64(4);
        for _ in 0..20 {
            let controls = session.begin_attempt(&mut rng)?;
            let currents = meter.true_currents_na(table.inputs_volt.view(), &controls)?;
            assert!(currents.iter().all(|i| (low..=high).contains(i)), "{currents:?}");
        }
        Ok::<f64, TrainingError>(session.seconds / (20.0 * meter.current_pass_s(4)))
    };
    let draws = attempts(-60.0, 60.0).expect("some that fit");
    assert!(draws > 1.0, "{draws}");
    let message = attempts(1e6, 2e6).expect_err("none fits").to_string();
    assert!(message.contains("1000 random draws") && message.contains("instrument.adc"), "{message}");
}
