//! Low-pass and delay between the device's current and the noise: exact errors against trials, and what the readings tell then.

use std::sync::Arc;

use device::{Device, Linear};
use estimators::demodulate::demodulate;
use estimators::hge::{Hge, LockInReadout, Mode};
use estimators::{Dynamics, Experiment, Instrument};
use noise::{NoiseModel, Spectrum};
use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;
use tests::{Scenario, run_text, variable};
use training::{Answer, Meter, Timing, Wiring};

const CURVED: &str = "kind = \"polynomial\"\noffset_na = 5.0\ncoefficients = [[50, 3], [-30, 2, 100], [80, 1], [10]]\n";
const AFFINE: &str = "kind = \"linear\"\noffset_na = 5.0\ngradient_na_per_volt = [50, -30, 80, 10]\n";

fn text(device: &str, estimator: &str, dynamics: &str) -> String {
    format!(
        "[study]\nname = \"t\"\nseed = 3\nrepetitions = 4000\n[device]\n{device}[noise]\nkind = \"power-law\"\npsd_na2_per_hz = 1e-5\n\
         at_hz = 1000.0\nexponent = 1.5\ncorner_hz = 1.0\n{dynamics}[estimator]\nduration_s = 0.05\n{estimator}"
    )
}

/// Every estimator, on curved devices where its exact error is known there: bias, variance and mean squared error within 4.5 standard errors,
/// with 112 numbers: one in 1000 choices of the seed fails. Every bias is another one than without dynamics.
#[test]
fn exact_errors_are_those_of_the_trials_for_every_estimator() {
    let volt = "amplitude_volt = [0.01, 0.02, 0.03, 0.01]\n";
    let hge = "kind = \"hge\"\nfrequencies_hz = [1000, 900, 800, 700]\n";
    let dynamics = "[dynamics]\nbandwidth_hz = 500.0\norder = 2\ndelay_s = 0.00013\n";
    for (device, estimator) in [
        (CURVED, format!("{volt}{hge}")),
        (CURVED, format!("{volt}{hge}mode = \"sequential\"\n")),
        (CURVED, format!("{volt}{hge}readout = \"r\"\n")),
        (CURVED, format!("{volt}{hge}readout = \"curvature\"\n")),
        (CURVED, format!("{volt}{hge}corrected_for = {{ bandwidth_hz = 500.0, order = 2, delay_s = 0.00013 }}\n")),
        (CURVED, format!("{volt}kind = \"fd\"\ninstrument = {{ dac = {{ bits = 16, low = -1.0, high = 1.0 }} }}\n")),
        (CURVED, format!("{volt}kind = \"walsh\"\nperiods = 3\n")),
        (AFFINE, format!("{volt}kind = \"spsa\"\ndirections = 3\n")),
        (AFFINE, format!("{volt}kind = \"spsa\"\nsides = \"one\"\ndistribution = \"segmented-uniform\"\n")),
        (AFFINE, format!("{volt}kind = \"random-code\"\nchips = 30\ninstrument = {{ ramp_s = 0.0004 }}\n")),
        (CURVED, "kind = \"curve-fit\"\npoints = 11\nrange_volt = [-0.1, 0.1]\n".to_owned()),
    ] {
        let with = run_text(&text(device, &estimator, dynamics), &[]);
        for d in tests::deviations(&with).into_iter().flatten() {
            assert!(d.abs() < 4.5, "{estimator}: {d}");
        }
        let without = run_text(&text(device, &estimator, ""), &["study.repetitions=2"]);
        let exact = |results| variable(results, "bias_exact").values.clone();
        for (a, b) in exact(&with).iter().zip(exact(&without)) {
            assert!((a - b).abs() > 0.01, "{estimator}: a bias of {a} nA/V with, {b} nA/V without dynamics");
        }
    }
}

fn bias(hge: Hge, dynamics: Dynamics, gradient_na_per_volt: &[f64]) -> Vec<f64> {
    let device = Linear::new(gradient_na_per_volt.to_vec(), 2.0).unwrap();
    let instrument = Instrument { dynamics: Some(dynamics), ..Instrument::default() };
    let noise = NoiseModel::Gaussian(Spectrum::White(1e-5));
    let exact = Experiment::on(device).with(hge).through(instrument).under(&noise).build().unwrap().exact().unwrap();
    exact.bias
}

/// X reads the real part of H, R its amplitude, and a reading that is corrected for H the derivative: to a thousandth, which is the onset of the
/// dynamics in five seconds.
#[test]
fn readings_are_those_of_the_transfer_function() {
    let gradient = [50.0, -30.0];
    let dynamics = Dynamics { bandwidth_hz: Some(400.0), order: 2, delay_s: 1.7e-4 };
    let hge = Hge { mode: Mode::Sequential, ..Hge::new(10_000.0, 5.0, 0.01, vec![310.0, 120.0]) };
    let near = |readout, corrected_for, expected: &dyn Fn(f64) -> f64| {
        let plan = Hge { readout, corrected_for, ..hge.clone() };
        let found = bias(plan.clone(), dynamics, &gradient);
        let ideal = bias(Hge { corrected_for: None, ..plan }, Dynamics::default(), &gradient);
        for m in 0..2 {
            // the filter has not settled to a few thousandths, with and without dynamics
            let reading = (found[m] + gradient[m]) / (ideal[m] + gradient[m]);
            let expected = expected(hge.frequencies_hz[m]);
            assert!((reading - expected).abs() < 1e-3, "{readout:?}, {m}: {reading} {expected}");
        }
    };
    let passed = |f: f64| dynamics.sampled_response(f, 10_000.0);
    near(LockInReadout::X, None, &|f| passed(f).re);
    near(LockInReadout::R, None, &|f| passed(f).norm());
    near(LockInReadout::X, Some(dynamics), &|_| 1.0);
    near(LockInReadout::R, Some(dynamics), &|_| 1.0);
    assert!(passed(310.0).re < 0.4 && passed(310.0).norm() > 0.5, "they differ");
}

/// In training, sampled and by linear response and without noise, readings are those of an experiment at the same voltages.
#[test]
fn a_training_run_reads_through_the_dynamics() {
    let device: Arc<dyn Device> = Arc::new(Linear::new(vec![50.0, -30.0, 20.0], 2.0).unwrap());
    // what is left of it with the input at 0.3 V
    let controlled = Linear::new(vec![-30.0, 20.0], 2.0 + 50.0 * 0.3).unwrap();
    let dynamics = Dynamics { bandwidth_hz: Some(400.0), order: 1, delay_s: 0.0 };
    let instrument = Instrument { dynamics: Some(dynamics), ..Instrument::default() };
    for plan in [
        Hge::new(10_000.0, 0.5, 0.01, vec![310.0, 120.0]),
        Hge { mode: Mode::Sequential, ..Hge::new(10_000.0, 0.1, 0.01, vec![310.0, 120.0]) },
    ] {
        let experiment = Experiment::on(controlled.clone()).at(&[0.1, -0.2]).with(plan.clone()).through(instrument);
        let bias = experiment.build().unwrap().exact().unwrap().bias;
        for answer in [Answer::Sampled, Answer::LinearResponse] {
            let scheme = estimators::Scheme::Fixed(plan.build(2).unwrap());
            let timing = Timing { rate_hz: 10_000.0, ramp_s: 0.01, hold_s: 0.1 };
            let wiring = Wiring::new(vec![0], 3).unwrap();
            let meter = Meter::new(Arc::clone(&device), wiring, Some(scheme), answer, &NoiseModel::None, timing, 1);
            let meter = meter.unwrap().with_instrument(instrument);
            let inputs = ndarray::array![[0.3]];
            let reading = meter.gradient(inputs.view(), &[0.1, -0.2], &mut Pcg64Dxsm::seed_from_u64(1)).unwrap();
            for (m, gradient) in [-30.0, 20.0].into_iter().enumerate() {
                let found = reading.gradient_na_per_volt[[0, m]];
                assert!((found - gradient - bias[m]).abs() < 1e-9, "{answer:?}, {m}: {found}, bias {}", bias[m]);
                assert!(bias[m].abs() > 1.0, "{bias:?}");
            }
        }
    }
}

/// A measured record, read with a plan that is corrected: derivatives within 4.5 of their standard errors (one false alarm in 70 000), and no
/// phases left.
#[test]
fn a_measured_record_is_corrected() {
    let gradient = [50.0, -30.0];
    let dynamics = Dynamics { bandwidth_hz: Some(400.0), order: 2, delay_s: 1e-4 };
    let instrument = Instrument { dynamics: Some(dynamics), ..Instrument::default() };
    let plan = Hge::new(10_000.0, 1.0, 0.02, vec![310.0, 120.0]);
    let noise = NoiseModel::Gaussian(Spectrum::White(1e-6));
    let device = Linear::new(gradient.to_vec(), 2.0).unwrap();
    let experiment = Experiment::on(device).with(plan.clone()).through(instrument).under(&noise).build().unwrap();
    let record = experiment.traces(&mut Pcg64Dxsm::seed_from_u64(2)).unwrap().output_na.remove(0);
    let read = |corrected_for| demodulate(&Hge { corrected_for, ..plan.clone() }, 2, &record).unwrap().derivatives;
    let gain: f64 = demodulate(&plan, 2, &record).unwrap().gain;
    for (derivative, truth) in read(Some(dynamics)).into_iter().zip(gradient) {
        let off = (derivative.value - gain * truth) / derivative.standard_error;
        // what the onset of the dynamics takes of a record of one second is less than a standard error
        assert!(off.abs() < 4.5, "{derivative:?}, {off}");
        // π for a negative one
        let phase_rad = derivative.phase_rad.unwrap().sin();
        assert!(phase_rad.abs() < 0.01, "{derivative:?}");
    }
    assert!(read(None).iter().all(|d| d.phase_rad.unwrap().sin().abs() > 0.3));
}

/// Only studies that have records take the table, and its numbers are checked by their keys.
#[test]
fn settings_that_do_not_fit_are_refused_by_their_keys() {
    let volt = "amplitude_volt = 0.01\nkind = \"hge\"\nfrequencies_hz = [1000, 900, 800, 700]\n";
    let refused = |estimator: &str, dynamics: &str, words: &[&str]| {
        let scenario = Scenario::new(&text(CURVED, &format!("{volt}{estimator}"), dynamics));
        let message = study::Study::new(scenario.document()).unwrap_err().to_string();
        assert!(words.iter().all(|w| message.contains(w)), "{message}");
    };
    refused("", "[dynamics]\nbandwidth_hz = -1.0\n", &["dynamics.bandwidth_hz", "-1", "positive"]);
    refused("", "[dynamics]\norder = 9\n", &["dynamics.order", "1 to 8"]);
    refused("", "[dynamics]\ndelay_s = 1.0\n", &["dynamics.delay_s", "0 to 0.05 s"]);
    refused("", "[dynamics]\nbandwith_hz = 1.0\n", &["dynamics.bandwith_hz", "did you mean `bandwidth_hz`?"]);
    refused("corrected_for = { order = 0 }\n", "", &["estimator.corrected_for.order", "1 to 8"]);
    refused("corrected_for = { bandwidth_hz = 0.1, order = 4 }\n", "", &["estimator.corrected_for", "1000 Hz"]);
}
