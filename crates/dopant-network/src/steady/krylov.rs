//! Restarted GMRES (Saad and Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986)) for the corrections needed with
//! incomplete factors.

use super::elimination::Scalar;

/// Number of directions before a restart.
const DIRECTIONS: usize = 25;

/// Weighted scalar product Σ w a* b.
fn product<T: Scalar>(weights: &[f64], a: &[T], b: &[T]) -> T {
    let mut sum = T::default();
    for ((&w, &x), &y) in weights.iter().zip(a).zip(b) {
        sum += T::from(w) * x.conjugate() * y;
    }
    sum
}

/// √(Σ w |a|²).
pub(crate) fn norm<T: Scalar>(weights: &[f64], a: &[T]) -> f64 {
    product(weights, a, a).size().sqrt()
}

/// Reduces `residual = b − operator(x)`, in the norm Σ w |·|², by up to `DIRECTIONS` steps or to `wanted`; returns the
/// change of x.
pub(crate) fn improve<T: Scalar>(
    operator: impl Fn(&[T]) -> Vec<T>,
    residual: &[T],
    weights: &[f64],
    wanted: f64,
) -> Vec<T> {
    let n = residual.len();
    let start = norm(weights, residual);
    if start <= wanted || !start.is_finite() {
        return vec![T::default(); n];
    }
    let scaled = |v: &[T], f: f64| v.iter().map(|&x| x * T::from(f)).collect::<Vec<T>>();
    let mut basis = vec![scaled(residual, 1.0 / start)];
    let mut columns: Vec<Vec<T>> = Vec::new();
    let mut rotations: Vec<(T, T)> = Vec::new();
    let mut right = vec![T::from(start)];
    for step in 0..DIRECTIONS {
        let mut next = operator(&basis[step]);
        let mut column = Vec::with_capacity(step + 2);
        for direction in &basis {
            let along = product(weights, direction, &next);
            next.iter_mut().zip(direction).for_each(|(x, &d)| *x = *x - along * d);
            column.push(along);
        }
        let length = norm(weights, &next);
        column.push(T::from(length));
        for (k, &(c, s)) in rotations.iter().enumerate() {
            let (a, b) = (column[k], column[k + 1]);
            column[k] = c.conjugate() * a + s.conjugate() * b;
            column[k + 1] = c * b - s * a;
        }
        let (a, b) = (column[step], column[step + 1]);
        let size = (a.size().powi(2) + b.size().powi(2)).sqrt();
        if size == 0.0 {
            break;
        }
        let (c, s) = (a / T::from(size), b / T::from(size));
        column[step] = T::from(size);
        rotations.push((c, s));
        columns.push(column);
        let top = right[step];
        right[step] = c.conjugate() * top;
        right.push(T::default() - s * top);
        if right[step + 1].size() <= wanted || length <= 1e-14 * size {
            break;
        }
        basis.push(scaled(&next, 1.0 / length));
    }
    let used = columns.len();
    let mut coefficients = vec![T::default(); used];
    for i in (0..used).rev() {
        let mut value = right[i];
        for j in i + 1..used {
            value = value - columns[j][i] * coefficients[j];
        }
        coefficients[i] = value / columns[i][i];
    }
    let mut change = vec![T::default(); n];
    for (direction, &c) in basis.iter().zip(&coefficients) {
        change.iter_mut().zip(direction).for_each(|(x, &d)| *x += c * d);
    }
    change
}
