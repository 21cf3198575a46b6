use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

const CURRENTS: [f64; 6] = [0.3, -1.2, 2.5, 0.9, -0.4, 1.7];
const NUMBERS: [f64; 6] = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0];

fn targets(numbers: &[f64]) -> Targets {
    Targets::of_numbers(numbers.to_vec())
}

fn correlation(separation: Separation, scale_na: f64) -> Loss {
    Loss::CorrelationOverSeparation { separation, scale_na, offset_na: 0.0, threshold_na: 0.0 }
}

const SEPARATIONS: [Separation; 2] = [Separation::Mean, Separation::Worst];

fn losses() -> [Loss; 6] {
    [
        correlation(Separation::Mean, 1.0),
        correlation(Separation::Worst, 1.0),
        Loss::CorrelationOverSeparation {
            separation: Separation::Mean,
            scale_na: 3.0,
            offset_na: 5.0,
            threshold_na: 0.0,
        },
        Loss::MeanSquare,
        Loss::Fisher,
        Loss::CrossEntropy { penalty: 1e-2 },
    ]
}

fn assert_derivatives_equal_differences(loss: Loss, currents: &[f64], targets: &Targets, tolerance: f64) {
    let exact = loss.of(currents, targets);
    let scale = exact.derivative_per_na.iter().fold(1e-3_f64, |a, d| a.max(d.abs()));
    for p in 0..currents.len() {
        // a fourth-order difference: its error is below 1e-11 for currents of some nA
        let step = 1e-3;
        let at = |k: f64| {
            let mut moved = currents.to_vec();
            moved[p] += k * step;
            loss.of(&moved, targets).value
        };
        let difference = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step);
        let found = exact.derivative_per_na[p];
        assert!((found - difference).abs() < tolerance * scale, "{loss:?} {p}: {found} {difference}");
    }
}

#[test]
fn derivatives_equal_differences() {
    for loss in losses() {
        for numbers in [NUMBERS, [1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [1.0; 6], [0.0; 6]] {
            let targets = targets(&numbers);
            if loss.check_targets(&targets).is_ok() {
                assert_derivatives_equal_differences(loss, &CURRENTS, &targets, 1e-7);
            }
        }
    }
}

/// Also where the tangent replaces the logistic function.
#[test]
fn derivatives_equal_differences_far_on_the_wrong_side() {
    let targets = targets(&[1.0, 0.0, 1.0, 0.0]);
    for separation in [-10.0, -25.0, -35.0, -300.0] {
        let currents = [0.5 * separation - 0.3, -0.5 * separation, 0.5 * separation, -0.5 * separation + 0.7];
        for of in SEPARATIONS {
            assert_derivatives_equal_differences(correlation(of, 1.0), &currents, &targets, 1e-6);
        }
    }
}

#[test]
fn the_published_loss_of_known_currents() {
    // three of each class: means 4 and 1, y_sep = 3 on average and 1 at worst; sums of squares about the mean of 2.5
    // are 17.5 for currents and 1.5 for classes, the sum of products is 4.5, so ρ = 4.5/√26.25
    let (three, classes) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], targets(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]));
    for (of, y_sep) in [(Separation::Mean, 3.0_f64), (Separation::Worst, 1.0)] {
        let by_hand = (1.0 - 4.5 / 26.25_f64.sqrt()) * (1.0 + (-y_sep).exp());
        assert!((correlation(of, 1.0).of(&three, &classes).value - by_hand).abs() < 1e-12, "{of:?}");
    }
    // one of three on the wrong side: means 3 and 2, a separation of 1 on average and of −3 at worst
    let mixed = [0.0, 1.0, 5.0, 2.0, 3.0, 4.0];
    for (of, y_sep) in [(Separation::Mean, 1.0_f64), (Separation::Worst, -3.0)] {
        let by_hand = (1.0 - 1.5 / 26.25_f64.sqrt()) * (1.0 + (-y_sep).exp());
        assert!((correlation(of, 1.0).of(&mixed, &classes).value - by_hand).abs() < 1e-12, "{of:?}");
    }
    // two and two: ρ = 1, so E = 0 however small the separation
    let (loss, xor) = (correlation(Separation::Mean, 1.0), targets(&[0.0, 1.0, 1.0, 0.0]));
    assert!(loss.of(&[0.0, 0.1, 0.1, 0.0], &xor).value.abs() < 1e-12);
    // ρ = −1 and y_sep = −1: E = 2 (1 + e)
    let wrong = loss.of(&[1.0, 0.0, 0.0, 1.0], &xor).value;
    assert!((wrong - 2.0 * (1.0 + 1.0_f64.exp())).abs() < 1e-12);
    // a single class: ln(1 + e⁻³) for a worst pattern 3 nA above the threshold
    let single = loss.of(&[3.0, 8.0], &targets(&[1.0, 1.0])).value;
    assert!((single - (-3.0_f64).exp().ln_1p()).abs() < 1e-12);
}

/// E falls monotonically from a separation of −10⁶ nA to one of 10⁶ nA, on scales from 10⁻³ to 10³ nA, and its slope
/// has the right sign: class 1 up, class 0 down.
#[test]
fn the_published_loss_is_finite_and_falls_towards_the_right_side_everywhere() {
    for of in SEPARATIONS {
        finite_and_falling(|scale_na| correlation(of, scale_na));
    }
}

fn finite_and_falling(correlation: impl Fn(f64) -> Loss) {
    let targets = targets(&[0.0, 1.0, 0.0, 1.0, 1.0]);
    let sizes = || (-30..=30).map(|k| 10_f64.powf(0.2 * f64::from(k)));
    let mut separations: Vec<f64> = sizes().map(|s| -s).chain([0.0]).chain(sizes()).collect();
    separations.sort_by(f64::total_cmp);
    for scale_na in [1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3] {
        let mut before = f64::INFINITY;
        for y_sep in &separations {
            let currents = [0.0, *y_sep, -0.4, y_sep + 0.2, y_sep + 0.3];
            let LossValue { value, derivative_per_na } = correlation(scale_na).of(&currents, &targets);
            let along: f64 = derivative_per_na.iter().zip([-1.0, 1.0, -1.0, 1.0, 1.0]).map(|(d, sign)| sign * d).sum();
            let place = format!("y_sep {y_sep} nA, scale {scale_na} nA: E {value}, slope {along}");
            assert!(value.is_finite() && value >= 0.0 && derivative_per_na.iter().all(|d| d.is_finite()), "{place}");
            assert!(value <= before && along < 0.0, "{place} after {before}");
            before = value;
        }
        for numbers in [[0.0; 5], [1.0; 5]] {
            let single = correlation(scale_na).of(&[-1e6, 1e6, 0.0, 1.0, 2.0], &self::targets(&numbers));
            let wanted = if numbers[0] > 0.5 { -1.0 / scale_na } else { 1.0 / scale_na };
            let steepest =
                single.derivative_per_na.iter().copied().fold(0.0, |a: f64, d| if d.abs() > a.abs() { d } else { a });
            assert!(single.value.is_finite() && (steepest - wanted).abs() < 1e-9 * wanted.abs(), "{single:?}");
        }
    }
}

/// Equal currents carry no information on the classes: they have the highest loss, with a finite slope.
#[test]
fn equal_currents_are_the_worst() {
    let gate = targets(&[0.0, 0.0, 0.0, 1.0]);
    let mut rng = Pcg64::seed_from_u64(5);
    for level in [0.0, 20.0, -1e-20, 1e9] {
        for rounding in [0.0, 1e-15, 1e-12] {
            let currents: Vec<f64> = (0..4).map(|p| level * (1.0 + rounding * f64::from(p))).collect();
            // ρ = −1 at zero separation
            let published = correlation(Separation::Mean, 1.0).of(&currents, &gate);
            assert!((published.value - 4.0).abs() < 1e-2, "{level} {rounding}: {published:?}");
            assert!(published.derivative_per_na[3] < 0.0, "class 1 has to rise: {published:?}");
            for loss in [Loss::Fisher, Loss::CrossEntropy { penalty: 1e-2 }] {
                let equal = loss.of(&currents, &gate);
                assert!(equal.derivative_per_na.iter().all(|d| d.abs() < 1e-12), "{loss:?} {equal:?}");
                for _ in 0..1000 {
                    let other: Vec<f64> = currents.iter().map(|y| y + rng.random_range(-3.0..3.0)).collect();
                    assert!(loss.of(&other, &gate).value <= equal.value * (1.0 + 1e-12), "{loss:?} {other:?}");
                }
            }
        }
    }
}

/// A class loss is finite for all possible currents.
#[test]
fn losses_of_classes_are_finite() {
    let mut rng = Pcg64::seed_from_u64(6);
    let gate = targets(&[0.0, 1.0, 1.0, 0.0, 0.0]);
    for _ in 0..20_000 {
        let scale = 10_f64.powf(rng.random_range(-40.0..12.0));
        let level = if rng.random::<bool>() { 0.0 } else { 10_f64.powf(rng.random_range(-20.0..12.0)) };
        let currents: Vec<f64> = (0..5).map(|_| level + scale * f64::from(rng.random_range(-2..3))).collect();
        for loss in [
            correlation(SEPARATIONS[rng.random_range(0..2)], 10_f64.powf(rng.random_range(-12.0..9.0))),
            Loss::Fisher,
            Loss::CrossEntropy { penalty: 10_f64.powf(rng.random_range(-12.0..6.0)) },
        ] {
            let found = loss.of(&currents, &gate);
            let finite = found.value.is_finite() && found.derivative_per_na.iter().all(|d| d.is_finite());
            assert!(finite && found.value >= 0.0, "{loss:?} of {currents:?}: {found:?}");
        }
    }
}

#[test]
fn settings_and_targets_that_make_no_sense_are_refused() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
        assert!(correlation(Separation::Mean, bad).checked().is_err(), "{bad}");
        assert!(Loss::CrossEntropy { penalty: bad }.checked().is_err(), "{bad}");
    }
    let currents = targets(&[3.0, 8.0, 5.0]);
    assert!(Loss::MeanSquare.check_targets(&currents).is_ok());
    for loss in [correlation(Separation::Mean, 1.0), Loss::Fisher, Loss::CrossEntropy { penalty: 1e-3 }] {
        assert!(loss.check_targets(&currents).is_err(), "{loss:?}");
    }
    assert!(Loss::Fisher.check_targets(&targets(&[1.0, 1.0])).is_err());
    assert!(correlation(Separation::Mean, 1.0).check_targets(&targets(&[1.0, 1.0])).is_ok());
}

/// Compared with fourth-order differences of the loss itself, whose error is below 10⁻⁶ here.
#[test]
fn second_derivatives_along_a_direction_equal_differences() {
    let direction = [0.7, -0.3, 1.1, 0.4, -0.9, 0.2];
    for loss in losses() {
        let targets = targets(&NUMBERS);
        let found = loss.second_derivative_along(&CURRENTS, &targets, &direction);
        let step = 3e-3;
        let at = |k: f64| {
            let moved: Vec<f64> = CURRENTS.iter().zip(direction).map(|(y, v)| y + k * step * v).collect();
            loss.of(&moved, &targets).value
        };
        let sums = [at(1.0) + at(-1.0), at(2.0) + at(-2.0)];
        let difference = (16.0 * sums[0] - sums[1] - 30.0 * at(0.0)) / (12.0 * step * step);
        assert!((found - difference).abs() < 1e-5 * found.abs().max(1e-2), "{loss:?}: {found} {difference}");
    }
}
