//! Generated noise has the spectrum that it states.

use noise::stream::{NoiseStream, RelaxationStream, TelegraphStream, WhiteStream};
use noise::welch::Welch;
use noise::{Autocovariance, CirculantScratch, NoiseModel, PowerLaw, RecordGenerator, RelaxationEnsemble, Spectrum};
use rand_pcg::Pcg64;

const RATE_HZ: f64 = 10_000.0;
const SEGMENT: usize = 2000;

/// The density as a Hann window sees it: spread over the neighbouring lines with weights 1/6, 2/3, 1/6.
fn smoothed(density: impl Fn(f64) -> f64) -> impl Fn(f64) -> f64 {
    let resolution = RATE_HZ / SEGMENT as f64;
    move |f| (density(f - resolution) + 4.0 * density(f) + density(f + resolution)) / 6.0
}

/// Compares a Welch estimate with what it should see, in bands from 2/T to 0.8 of half the sampling rate.
///
/// Each band of a sixth of a decade holds enough degrees of freedom that 0.2 dB (4.7 %) is more than five standard
/// errors.
fn within_0_2_db(name: &str, welch: &Welch, seen: impl Fn(f64) -> f64) {
    let estimate = welch.estimate();
    let resolution = RATE_HZ / SEGMENT as f64;
    let mut low = 2.0 * resolution;
    while low < 0.8 * RATE_HZ / 2.0 {
        let high = (low * 1.47).max(low + resolution).min(0.8 * RATE_HZ / 2.0);
        let (mut found, mut stated, mut lines) = (0.0, 0.0, 0.0);
        for (f, s) in estimate.frequency_hz.iter().zip(&estimate.psd) {
            if *f >= low && *f < high {
                found += s / seen(*f);
                stated += 1.0;
                lines += 1.0;
            }
        }
        if lines > 0.0 {
            let standard_error_db = 4.34 * (2.0 / (estimate.degrees_of_freedom * lines)).sqrt() * 1.4;
            assert!(5.0 * standard_error_db < 0.2, "{name}: {standard_error_db} dB at {low} Hz");
            let db = 10.0 * (found / stated).log10();
            assert!(db.abs() < 0.2, "{name}: {db:.3} dB between {low:.0} and {high:.0} Hz");
        }
        low = high;
        if (low - 0.8 * RATE_HZ / 2.0).abs() < 1e-9 {
            break;
        }
    }
}

/// Expected Welch estimate at `frequency_hz`, window and all: `2/(fs Σw²) Σ_nk w_n w_k r_{n−k} cos 2πf(n−k)/fs`.
fn through_the_window(r: &Autocovariance, frequency_hz: f64) -> f64 {
    let window: Vec<f64> =
        (0..SEGMENT).map(|n| (std::f64::consts::PI * n as f64 / SEGMENT as f64).sin().powi(2)).collect();
    let overlap = |k: usize| -> f64 { window[k..].iter().zip(&window).map(|(a, b)| a * b).sum() };
    let turn = std::f64::consts::TAU * frequency_hz / RATE_HZ;
    let sum: f64 =
        (0..SEGMENT).map(|k| r.at(k) * overlap(k) * (turn * k as f64).cos() * if k == 0 { 1.0 } else { 2.0 }).sum();
    2.0 * sum / (RATE_HZ * overlap(0))
}

/// From 2/T on. For an exponent of 2 the window lets 0.26 dB of the power below 2/T into the lines just above, so there the
/// stated density is taken through the window, exactly.
#[test]
fn records_of_every_exponent_have_their_spectrum() {
    for exponent in [0.0, 1.0, 1.5, 2.0] {
        let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 1000.0, exponent, corner_hz: 0.1 };
        let model = NoiseModel::Gaussian(Spectrum::PowerLaw(law));
        let generator = RecordGenerator::new(&model, RATE_HZ, SEGMENT).unwrap();
        let mut welch = Welch::new(RATE_HZ, SEGMENT);
        let (mut rng, mut scratch) = (Pcg64::new(11, 4), CirculantScratch::default());
        for _ in 0..25_000 {
            let mut record = vec![0.0; SEGMENT];
            generator.add_to(&mut rng, &mut scratch, &mut record);
            welch.add(&record);
        }
        let r = generator.autocovariance();
        let plain = smoothed(|f| model.density(f));
        within_0_2_db(&format!("exponent {exponent}"), &welch, |f| {
            if exponent > 1.9 && f < 60.0 { through_the_window(r, f) } else { plain(f) }
        });
    }
}

fn streamed(stream: &mut impl NoiseStream, rng: &mut Pcg64, blocks: usize) -> Welch {
    let mut welch = Welch::new(RATE_HZ, SEGMENT);
    for _ in 0..blocks {
        // the block's end is the next block's beginning: a stream is one record
        let mut block = vec![0.0; 10 * SEGMENT];
        stream.add_next(rng, &mut block);
        welch.add(&block);
    }
    welch
}

#[test]
fn streams_have_their_spectrum() {
    let law = PowerLaw { psd_na2_per_hz: 1e-5, at_hz: 100.0, exponent: 1.0, corner_hz: 20.0 };
    let ensemble = RelaxationEnsemble::power_law(&law, RATE_HZ, 2).unwrap();
    let mut rng = Pcg64::new(5, 5);
    let mut relaxation = RelaxationStream::new(&ensemble, &mut rng);
    within_0_2_db("relaxation", &streamed(&mut relaxation, &mut rng, 2500), smoothed(|f| ensemble.density(f)));
    let mut telegraph = TelegraphStream::new(&ensemble, &mut rng);
    within_0_2_db("telegraph", &streamed(&mut telegraph, &mut rng, 2500), smoothed(|f| ensemble.density(f)));
    let mut white = WhiteStream::new(3e-5, RATE_HZ);
    within_0_2_db("white", &streamed(&mut white, &mut rng, 2500), |_| 3e-5);
}

/// The stated 95 % band holds the true density for 95 % of the lines: 2.5 standard errors of a binomial with 900 lines.
#[test]
fn the_welch_band_has_its_confidence() {
    let mut rng = Pcg64::new(2, 9);
    let welch = streamed(&mut WhiteStream::new(1e-5, RATE_HZ), &mut rng, 20);
    let estimate = welch.estimate();
    let factors = estimate.confidence_factors(0.95);
    let bands = estimate.psd.iter().zip(&factors).skip(50).take(900);
    let inside = bands.filter(|(s, (low, high))| (*s * low..=*s * high).contains(&1e-5)).count();
    // neighbouring lines are correlated by the window, which widens the binomial's spread by about 1.4
    assert!((837..=873).contains(&inside), "{inside} of 900");
}
