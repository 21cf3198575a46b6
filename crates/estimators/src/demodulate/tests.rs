//! Synthetic records, of which everything is known.

use std::f64::consts::TAU;

use device::{Linear, Polynomial};
use noise::{NoiseModel, PowerLaw, Spectrum};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;
use crate::Experiment;

const RATE_HZ: f64 = 10_000.0;

fn white() -> NoiseModel {
    NoiseModel::Gaussian(Spectrum::White(1e-5))
}

fn coloured() -> NoiseModel {
    PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent: 1.5, corner_hz: 0.1 }.noise().unwrap()
}

fn plan() -> Hge {
    Hge::new(RATE_HZ, 0.1, 8e-3, vec![1000.0, 960.0, 920.0, 880.0, 300.0])
}

const GRADIENT: [f64; 5] = [60.0, -50.0, 40.0, 30.0, -20.0];

fn experiment(plan: &Hge, noise: &NoiseModel) -> Experiment {
    let device = Linear::new(GRADIENT.to_vec(), 2.0).unwrap();
    Experiment::on(device).with(plan.clone()).under(noise).build().unwrap()
}

/// Mean over the records and derivatives of ((estimate − mean)/standard error)², over what Student's law of the stated
/// degrees of freedom makes it, and the standard error of this ratio.
fn coverage(plan: &Hge, noise: &NoiseModel, records: usize, seed: u64) -> (f64, f64) {
    let (experiment, demodulator) = (experiment(plan, noise), Demodulator::new(plan, GRADIENT.len()).unwrap());
    let mut rng = Pcg64::seed_from_u64(seed);
    let read: Vec<Vec<Derivative>> =
        (0..records).map(|_| demodulator.read(&experiment.traces(&mut rng).unwrap().output_na[0]).unwrap()).collect();
    let lines = read[0].len();
    let mean = |m: usize| read.iter().map(|d| d[m].value).sum::<f64>() / records as f64;
    let means: Vec<f64> = (0..lines).map(mean).collect();
    let of_record = |d: &Vec<Derivative>| {
        let square = |m: usize| {
            let freedom = d[m].degrees_of_freedom;
            ((d[m].value - means[m]) / d[m].standard_error).powi(2) * (freedom - 2.0) / freedom
        };
        (0..lines).map(square).sum::<f64>() / lines as f64
    };
    let squares: Vec<f64> = read.iter().map(of_record).collect();
    let ratio = squares.iter().sum::<f64>() / records as f64;
    let variance = squares.iter().map(|s| (s - ratio).powi(2)).sum::<f64>() / records as f64;
    (ratio, (variance / records as f64).sqrt())
}

/// 4000 records of 5 lines: the ratio is 1 within four of its standard errors of 1.1 % at most, which a right standard
/// error misses for one seed in 16 000, and one wrong by 5 % (a ratio of 0.9 or 1.1) would miss.
#[test]
fn standard_errors_cover_the_scatter() {
    let long = Hge { duration_s: 0.2, ..plan() };
    let gentle = Hge { readout: LockInReadout::Curvature, ..plan() };
    for (name, plan, noise, records) in [
        ("white", plan(), white(), 4000),
        ("coloured", plan(), coloured(), 4000),
        ("coloured, long", long, coloured(), 4000),
        ("curvature", gentle, coloured(), 2000),
    ] {
        let (ratio, standard_error) = coverage(&plan, &noise, records, 11);
        println!("{name}: {ratio:.4} ± {standard_error:.4}");
        assert!(standard_error < 0.0115, "{name}: {standard_error}");
        assert!((ratio - 1.0).abs() < 4.0 * standard_error, "{name}: {ratio} ± {standard_error}");
    }
}

fn kinds(record: &[f64]) -> Vec<RemarkKind> {
    demodulate(&plan(), 5, record).unwrap().remarks.iter().map(|r| r.kind).collect()
}

fn record(noise: &NoiseModel, seed: u64) -> Vec<f64> {
    experiment(&plan(), noise).traces(&mut Pcg64::seed_from_u64(seed)).unwrap().output_na.swap_remove(0)
}

#[test]
fn readings_are_those_of_the_experiment() {
    let (experiment, mut rng) = (experiment(&plan(), &coloured()), Pcg64::seed_from_u64(5));
    let traces = experiment.traces(&mut rng).unwrap();
    let exact = experiment.exact().unwrap();
    let read = demodulate(&plan(), 5, &traces.output_na[0]).unwrap();
    // settled to within 2 %
    assert!((read.gain - 1.0).abs() < 0.025 && (read.gain - 1.0).abs() > 1e-3, "{}", read.gain);
    for (m, one) in read.derivatives.iter().enumerate() {
        println!("{one:?} {}", exact.variance[m].sqrt());
        assert!((one.as_recorded - traces.derivatives[m]).abs() < 1e-9);
        assert_eq!((one.parameter, one.order, f64::from(one.sign())), (m, 1, GRADIENT[m].signum()));
        // ν is 30 or more: a standard error off by 50 % has a chance of 1e-4
        assert!((one.standard_error / exact.variance[m].sqrt() - 1.0).abs() < 0.5, "{one:?}");
        let phase_rad = if GRADIENT[m] > 0.0 { one.phase_rad.unwrap() } else { one.phase_rad.unwrap().abs() - PI };
        assert!(phase_rad.abs() < 5.0 * one.phase_standard_error_rad, "{one:?}");
    }
}

/// Records without fault: none of 300 gets a remark of the kinds that rest on statistics.
#[test]
fn what_holds_no_line_has_no_phase() {
    let samples = plan().samples().unwrap();
    let demodulator = Demodulator::new(&plan(), GRADIENT.len()).unwrap();
    for record_na in [vec![0.0; samples], vec![7.3; samples]] {
        for derivative in demodulator.read(&record_na).unwrap() {
            assert_eq!(derivative.phase_rad, None, "{derivative:?}");
        }
    }
}

#[test]
fn sound_records_get_no_remarks() {
    let experiment = experiment(&plan(), &white());
    let mut rng = Pcg64::seed_from_u64(3);
    for _ in 0..300 {
        let record = experiment.traces(&mut rng).unwrap().output_na.swap_remove(0);
        let remarks = demodulate(&plan(), 5, &record).unwrap().remarks;
        assert!(remarks.is_empty(), "{remarks:?}");
    }
}

#[test]
fn clipped_records_are_told() {
    let sound = record(&white(), 1);
    let top = sound.iter().copied().fold(0.0, f64::max);
    let clipped: Vec<f64> = sound.iter().map(|x| x.min(0.9 * top)).collect();
    assert_eq!(kinds(&clipped)[0], RemarkKind::Clipping);
    // a coarse converter that does not clip: 2 + sum of five sines, 64 levels
    let coarse: Vec<f64> = sound.iter().map(|x| (x * 16.0).round() / 16.0).collect();
    assert!(!kinds(&coarse).contains(&RemarkKind::Clipping));
}

/// The drive of the second parameter lies off the plan by 0.05 to 0.9 cycles in a record; the frequency is told to within
/// a tenth of a cycle.
#[test]
fn other_drive_frequencies_are_told() {
    for cycles in [-0.9, -0.4, 0.05, 0.2, 0.6] {
        let mut driven = plan();
        driven.frequencies_hz[1] += cycles / 0.1;
        let record =
            experiment(&driven, &white()).traces(&mut Pcg64::seed_from_u64(2)).unwrap().output_na.swap_remove(0);
        let remarks = demodulate(&plan(), 5, &record).unwrap().remarks;
        let told: Vec<&Remark> = remarks.iter().filter(|r| r.kind == RemarkKind::Frequency).collect();
        assert!(told.iter().any(|r| r.message.contains("the line at 960 Hz")), "{cycles}: {remarks:?}");
        let said = told.iter().find(|r| r.message.contains("960 Hz")).unwrap();
        let at = said.message.split("its drive is at ").nth(1).unwrap().split(' ').next().unwrap();
        let found: f64 = at.parse().unwrap();
        assert!((found - driven.frequencies_hz[1]).abs() < 1.0, "{cycles}: {}", said.message);
    }
}

#[test]
fn lines_out_of_phase_are_told() {
    let mut lagging = plan();
    lagging.phases_rad[0] = -0.3;
    let record = experiment(&lagging, &white()).traces(&mut Pcg64::seed_from_u64(4)).unwrap().output_na.swap_remove(0);
    let read = demodulate(&plan(), 5, &record).unwrap();
    assert_eq!(read.remarks.iter().map(|r| r.kind).collect::<Vec<_>>(), [RemarkKind::Phase]);
    assert!((read.derivatives[0].phase_rad.unwrap() + 0.3).abs() < 0.05, "{:?}", read.derivatives[0]);
}

/// Hum at 850 Hz, 30 Hz from the lock-in at 880 Hz, and at 150 Hz.
#[test]
fn hum_is_told() {
    for (noise, at_hz) in [(white(), 850.0), (coloured(), 850.0), (white(), 150.0)] {
        let mut hum = record(&noise, 6);
        let phase: f64 = Pcg64::seed_from_u64(1).random();
        hum.iter_mut().enumerate().for_each(|(n, x)| *x += 1.5 * (TAU * (at_hz * n as f64 / RATE_HZ + phase)).sin());
        let remarks = demodulate(&plan(), 5, &hum).unwrap().remarks;
        let told = remarks.iter().find(|r| r.kind == RemarkKind::Mains).unwrap_or_else(|| panic!("{remarks:?}"));
        assert!(told.message.contains(&format!("50 Hz: {at_hz} Hz")), "{}", told.message);
        assert!(told.message.contains("the line at 1000 Hz cannot be told from one"), "{}", told.message);
        // and leaves the standard error as it is: ν is about 30, of records that differ in nothing but the hum
        let (with, without) =
            (demodulate(&plan(), 5, &hum).unwrap(), demodulate(&plan(), 5, &record(&noise, 6)).unwrap());
        let ratio = with.derivatives[3].standard_error / without.derivatives[3].standard_error;
        assert!((0.7..1.4).contains(&ratio), "{ratio}");
        assert_eq!(told.message.contains("the lock-in at 880 Hz reads"), at_hz > 800.0, "{}", told.message);
    }
}

/// A curved device: 2 f_1 and f_1 + f_2 stand out.
#[test]
fn mixing_is_told() {
    let device = Polynomial::new(2.0, vec![vec![60.0, 4000.0], vec![-50.0], vec![40.0]], None).unwrap();
    let curved = Hge::new(RATE_HZ, 0.1, 8e-3, vec![1000.0, 940.0, 870.0]);
    let experiment = Experiment::on(device).with(curved.clone()).under(&white()).build().unwrap();
    let record = experiment.traces(&mut Pcg64::seed_from_u64(7)).unwrap().output_na.swap_remove(0);
    let remarks = demodulate(&curved, 3, &record).unwrap().remarks;
    let told = remarks.iter().find(|r| r.kind == RemarkKind::Mixing).unwrap_or_else(|| panic!("{remarks:?}"));
    assert!(told.message.starts_with("1 of ") && told.message.contains("2 f_1 at 2000 Hz ("), "{}", told.message);
    // amplitude I'' α²/4, within five of its standard errors of √(S/T) = 0.010 nA
    let amplitude_na: f64 = told.message.split(" Hz (").nth(1).unwrap().split(" nA").next().unwrap().parse().unwrap();
    assert!((amplitude_na - 0.128).abs() < 0.05, "{}", told.message);
}

#[test]
fn drift_is_told() {
    let ramp: Vec<f64> = record(&white(), 8).iter().enumerate().map(|(n, x)| x + 5e-3 * n as f64).collect();
    let read = demodulate(&plan(), 5, &ramp).unwrap();
    assert!(
        read.remarks.iter().any(|r| r.kind == RemarkKind::Drift && r.message.contains("drifts by 5.0")),
        "{:?}",
        read.remarks
    );
    // which does not change what is read
    let steady = demodulate(&plan(), 5, &record(&white(), 8)).unwrap();
    for (a, b) in read.derivatives.iter().zip(&steady.derivatives) {
        assert!((a.value - b.value).abs() < 1e-6 && (a.standard_error - b.standard_error).abs() < 1e-6);
    }
    let offset: Vec<f64> = record(&white(), 8).iter().map(|x| x + 300.0).collect();
    assert!(kinds(&offset).contains(&RemarkKind::Drift));
}

#[test]
fn other_lengths_are_told_or_refused() {
    let sound = record(&white(), 9);
    let longer: Vec<f64> = sound.iter().chain(&sound[..200]).copied().collect();
    assert_eq!(kinds(&longer), [RemarkKind::Length]);
    assert!(kinds(&sound[..800]).contains(&RemarkKind::Length));
    let message = |record: &[f64]| demodulate(&plan(), 5, record).unwrap_err().to_string();
    assert!(message(&sound[..300]).contains("300 samples: the plan has 1000"));
    let mut broken = sound.clone();
    broken[17] = f64::NAN;
    assert!(message(&broken).contains("NaN at sample 17"));
}

#[test]
fn plans_that_cannot_be_read_are_refused() {
    let sound = record(&white(), 9);
    let message = |plan: &Hge| demodulate(plan, 5, &sound).unwrap_err().to_string();
    assert!(message(&Hge { mode: Mode::Sequential, ..plan() }).contains("parallel"));
    let slow = Hge { frequencies_hz: vec![1000.0, 960.0, 920.0, 880.0, 3.0], ..plan() };
    assert!(message(&slow).contains("at least one cycle"));
    let tiny = Hge { duration_s: 1.6e-3, frequencies_hz: vec![2000.0; 1], phases_rad: vec![0.0], ..plan() };
    assert!(demodulate(&tiny, 1, &sound).unwrap_err().to_string().contains("fewer than 6 frequencies"));
}

/// Nothing but zeros, and nothing but one value, give readings and no panic.
#[test]
fn records_without_noise_are_read() {
    for level in [0.0, 3.0] {
        let read = demodulate(&plan(), 5, &vec![level; 1000]).unwrap();
        assert!(read.derivatives.iter().all(|d| d.value.abs() < 1e-9), "{read:?}");
        assert!(read.remarks.iter().any(|r| r.kind == RemarkKind::Clipping));
    }
}
