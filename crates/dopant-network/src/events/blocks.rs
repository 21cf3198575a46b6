//! Blocks of a simulation, from which standard errors follow.

/// Weighted sums of one block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Time, or whatever else the sums are divided by.
    pub(super) weight: f64,
    /// The sums.
    pub(super) values: Vec<f64>,
}

impl Block {
    /// Nothing yet, of so many values.
    pub(super) fn new(length: usize) -> Self {
        Self { weight: 0.0, values: vec![0.0; length] }
    }

    /// Adds a multiple of another block.
    pub(super) fn add(&mut self, times: f64, other: &Self) {
        self.weight += times * other.weight;
        self.values.iter_mut().zip(&other.values).for_each(|(sum, value)| *sum += times * value);
    }
}

/// The first `length` ratios Σ value / Σ weight and their standard errors (Cochran, Sampling Techniques, sec. 6.4).
pub(super) fn ratios(blocks: &[Block], length: usize) -> Vec<(f64, f64)> {
    let weight: f64 = blocks.iter().map(|b| b.weight).sum();
    let count = blocks.len() as f64;
    (0..length)
        .map(|k| {
            let ratio = blocks.iter().map(|b| b.values[k]).sum::<f64>() / weight;
            let squares: f64 = blocks.iter().map(|b| (b.values[k] - ratio * b.weight).powi(2)).sum();
            (ratio, (squares * count / (count - 1.0)).sqrt() / weight)
        })
        .collect()
}
