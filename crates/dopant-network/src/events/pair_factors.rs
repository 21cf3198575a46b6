//! Vectorized sums of rates min(p_ij, q_ij x_i y_j) over rows and columns.

use pulp::{Arch, Simd, WithSimd};

/// Rows are padded to a multiple of this, which is a multiple of every vector register's length.
pub(super) const LANES: usize = 8;

/// The fixed parts of the rates, width × width, symmetric.
#[derive(Clone, Debug)]
pub(super) struct PairFactors {
    pub width: usize,
    /// p.
    pub plain: Vec<f64>,
    /// q.
    pub raised: Vec<f64>,
}

impl PairFactors {
    /// Rates between one site and all others.
    #[inline]
    pub(super) fn row(&self, site: usize, own: f64, others: &[f64], rates: &mut [f64]) {
        let (plain, raised) = self.row_of(site);
        Arch::new().dispatch(Row { plain, raised, own, others, rates });
    }

    /// Sum of the rates between one site and all others.
    #[inline]
    pub(super) fn row_sum(&self, site: usize, own: f64, others: &[f64]) -> f64 {
        let (plain, raised) = self.row_of(site);
        Arch::new().dispatch(RowSum { plain, raised, own, others })
    }

    /// Updates every sum after a change of one site's factor.
    #[inline]
    pub(super) fn change_row(&self, site: usize, sums: &mut [f64], take: &[f64], before: f64, after: f64) {
        let (plain, raised) = self.row_of(site);
        Arch::new().dispatch(ChangeRow { plain, raised, sums, take, before, after });
    }

    fn row_of(&self, site: usize) -> (&[f64], &[f64]) {
        let row = site * self.width..(site + 1) * self.width;
        (&self.plain[row.clone()], &self.raised[row])
    }
}

struct Row<'a> {
    plain: &'a [f64],
    raised: &'a [f64],
    own: f64,
    others: &'a [f64],
    rates: &'a mut [f64],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (plain, raised) = (S::as_simd_f64s(self.plain).0, S::as_simd_f64s(self.raised).0);
        let others = S::as_simd_f64s(self.others).0;
        let x = simd.splat_f64s(self.own);
        for (rate, ((p, q), y)) in
            S::as_mut_simd_f64s(self.rates).0.iter_mut().zip(plain.iter().zip(raised).zip(others))
        {
            *rate = simd.min_f64s(simd.mul_f64s(simd.mul_f64s(*q, x), *y), *p);
        }
    }
}

struct RowSum<'a> {
    plain: &'a [f64],
    raised: &'a [f64],
    own: f64,
    others: &'a [f64],
}

impl WithSimd for RowSum<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (plain, raised) = (S::as_simd_f64s(self.plain).0, S::as_simd_f64s(self.raised).0);
        let others = S::as_simd_f64s(self.others).0;
        let x = simd.splat_f64s(self.own);
        let mut lanes = simd.splat_f64s(0.0);
        for ((p, q), y) in plain.iter().zip(raised).zip(others) {
            lanes = simd.add_f64s(lanes, simd.min_f64s(simd.mul_f64s(simd.mul_f64s(*q, x), *y), *p));
        }
        simd.reduce_sum_f64s(lanes)
    }
}

struct ChangeRow<'a> {
    plain: &'a [f64],
    raised: &'a [f64],
    sums: &'a mut [f64],
    take: &'a [f64],
    before: f64,
    after: f64,
}

impl WithSimd for ChangeRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (plain, raised) = (S::as_simd_f64s(self.plain).0, S::as_simd_f64s(self.raised).0);
        let take = S::as_simd_f64s(self.take).0;
        let (before, after) = (simd.splat_f64s(self.before), simd.splat_f64s(self.after));
        let nothing = simd.splat_f64s(0.0);
        for (sum, ((p, q), y)) in S::as_mut_simd_f64s(self.sums).0.iter_mut().zip(plain.iter().zip(raised).zip(take)) {
            let open = simd.mul_f64s(*q, *y);
            let old = simd.min_f64s(simd.mul_f64s(open, before), *p);
            let new = simd.min_f64s(simd.mul_f64s(open, after), *p);
            *sum = simd.max_f64s(simd.add_f64s(*sum, simd.sub_f64s(new, old)), nothing);
        }
    }
}

/// Adds `entered − left` to all energies and marks with 1 those that differ from the stored energies by more than
/// `tolerated`.
#[inline]
pub(super) fn shift_energies(
    energies: &mut [f64],
    remembered: &[f64],
    left: &[f64],
    entered: &[f64],
    tolerated: f64,
    moved: &mut [f64],
) {
    Arch::new().dispatch(Shift { energies, remembered, left, entered, tolerated, moved });
}

struct Shift<'a> {
    energies: &'a mut [f64],
    remembered: &'a [f64],
    left: &'a [f64],
    entered: &'a [f64],
    tolerated: f64,
    moved: &'a mut [f64],
}

impl WithSimd for Shift<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (tolerated, one, nothing) = (simd.splat_f64s(self.tolerated), simd.splat_f64s(1.0), simd.splat_f64s(0.0));
        let pairs = S::as_simd_f64s(self.left).0.iter().zip(S::as_simd_f64s(self.entered).0);
        let sites = S::as_mut_simd_f64s(self.energies).0.iter_mut().zip(S::as_simd_f64s(self.remembered).0);
        for (((energy, before), (left, entered)), moved) in sites.zip(pairs).zip(S::as_mut_simd_f64s(self.moved).0) {
            *energy = simd.add_f64s(*energy, simd.sub_f64s(*entered, *left));
            let distance = simd.abs_f64s(simd.sub_f64s(*energy, *before));
            *moved = simd.select_f64s(simd.greater_than_f64s(distance, tolerated), one, nothing);
        }
    }
}

/// Sum of eight numbers.
#[inline]
pub(super) fn tree(a: &[f64]) -> f64 {
    ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
}

/// Sum of numbers, eight at a time.
#[inline]
pub(super) fn total(values: &[f64]) -> f64 {
    values.chunks_exact(LANES).map(tree).sum()
}
