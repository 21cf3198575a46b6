//! Scalar products of one record with several weight vectors: the innermost loop of every Monte Carlo simulation.

use multiversion::multiversion;

const LANES: usize = 8;

/// `out[c] = Σ_n weights[c·N + n] record[n]` for every channel c, with N the length of the record.
///
/// The order of summation is fixed (eight interleaved partial sums, no fused multiply-add), so that the result is
/// bit-identical on every processor, whatever the width of its vector unit.
///
/// # Panics
/// If `weights` does not hold `out.len()` rows of the record's length.
#[multiversion(targets("x86_64+avx2", "x86_64+avx"))]
pub fn project(weights: &[f64], record: &[f64], out: &mut [f64]) {
    let samples = record.len();
    assert_eq!(weights.len(), samples * out.len(), "weights are not channels x samples");
    if samples == 0 {
        out.fill(0.0);
        return;
    }
    for (row, sum) in weights.chunks_exact(samples).zip(out.iter_mut()) {
        let mut partial = [0.0_f64; LANES];
        let (row_blocks, row_rest) = row.as_chunks::<LANES>();
        let (blocks, rest) = record.as_chunks::<LANES>();
        for (w, x) in row_blocks.iter().zip(blocks) {
            for lane in 0..LANES {
                partial[lane] += w[lane] * x[lane];
            }
        }
        let mut total = 0.0;
        for (w, x) in row_rest.iter().zip(rest) {
            total += w * x;
        }
        *sum = partial.iter().fold(total, |acc, lane| acc + lane);
    }
}

#[cfg(test)]
mod tests {
    use super::project;

    #[test]
    fn equals_the_plain_sum() {
        for samples in [0, 1, 7, 8, 9, 100] {
            let record: Vec<f64> = (0..samples).map(|n| (n as f64 * 0.7).sin()).collect();
            let weights: Vec<f64> = (0..3 * samples).map(|n| (n as f64 * 0.3).cos()).collect();
            let mut out = [0.0; 3];
            project(&weights, &record, &mut out);
            for (c, got) in out.iter().enumerate() {
                let plain: f64 = (0..samples).map(|n| weights[c * samples + n] * record[n]).sum();
                assert!((got - plain).abs() < 1e-13);
            }
        }
    }
}
