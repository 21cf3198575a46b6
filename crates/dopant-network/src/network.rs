//! The network in reduced units: energies in kT, rates in the attempt frequency ν₀, currents in eν₀.
//!
//! Sites are numbered consecutively: acceptors 0 to N − 1, then electrodes N to N + P − 1.

use crate::error::NetworkError;
use crate::occupation::{MOST_ACCEPTORS, Occupation};

/// Largest number of sites (acceptors and electrodes).
pub const MOST_SITES: usize = MOST_ACCEPTORS;

/// How the rate of a hop depends on its energy difference dE \[kT\]; each satisfies detailed balance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RateLaw {
    /// min(1, exp(−dE)) (Miller and Abrahams, Phys. Rev. 120, 745 (1960)).
    #[default]
    MillerAbrahams,
    /// exp(−(λ + dE)²/4λ) with reorganization energy λ \[kT\] (Marcus, J. Chem. Phys. 24, 966 (1956)).
    Marcus {
        /// λ \[kT\].
        reorganization_kt: f64,
    },
}

impl RateLaw {
    /// Logarithm of the rate's factor, at most 0.
    #[inline]
    #[must_use]
    pub fn log_factor(self, difference_kt: f64) -> f64 {
        match self {
            Self::MillerAbrahams => -difference_kt.max(0.0),
            Self::Marcus { reorganization_kt: l } => -(l + difference_kt).powi(2) / (4.0 * l),
        }
    }

    /// d ln(factor)/d(dE); the mean of both sides at the kink of Miller-Abrahams rates.
    #[inline]
    #[must_use]
    pub fn log_slope(self, difference_kt: f64) -> f64 {
        match self {
            Self::MillerAbrahams if difference_kt < 0.0 => 0.0,
            Self::MillerAbrahams if difference_kt > 0.0 => -1.0,
            Self::MillerAbrahams => -0.5,
            Self::Marcus { reorganization_kt: l } => -(l + difference_kt) / (2.0 * l),
        }
    }
}

/// Dimensionless input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// Positions of the acceptors (any unit of length).
    pub acceptors: Vec<[f64; 3]>,
    /// Length of a hop between each electrode and each acceptor, `[electrode][acceptor]` (the same unit;
    /// [`distances`] from points).
    pub electrode_distances: Vec<Vec<f64>>,
    /// Shortest and longest hop (the same unit).
    pub hop_range: [f64; 2],
    /// Localization radius a (the same unit).
    pub localization_radius: f64,
    /// Energy of two unit charges times their distance, e²/4πε \[kT × unit of length\].
    pub coulomb: f64,
    /// What the electrodes add to the energy of two unit charges \[kT\], `[acceptor][acceptor]`, symmetric; nothing if empty. Of what
    /// they add to that of a single one, the diagonal, nothing is taken: it belongs to `fixed_energy_kt`.
    pub induced_kt: Vec<Vec<f64>>,
    /// Voltage-independent energy of each acceptor (donors, its own image) \[kT\].
    pub fixed_energy_kt: Vec<f64>,
    /// Potential at each acceptor for one unit on one electrode, `[electrode][acceptor]`.
    pub potential: Vec<Vec<f64>>,
    /// Rate law.
    pub law: RateLaw,
}

/// A network of N acceptors between P electrodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    acceptors: usize,
    electrodes: usize,
    log_prefactor: Vec<f64>,
    coulomb: Vec<f64>,
    fixed_energy_kt: Vec<f64>,
    potential: Vec<Vec<f64>>,
    law: RateLaw,
}

/// Hops of any length.
pub const ANY_HOP: [f64; 2] = [0.0, f64::INFINITY];

/// Distances of each of `points` to each of `acceptors`.
#[must_use]
pub fn distances(points: &[[f64; 3]], acceptors: &[[f64; 3]]) -> Vec<Vec<f64>> {
    points.iter().map(|p| acceptors.iter().map(|a| distance(a, p)).collect()).collect()
}

pub(crate) fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

impl Network {
    /// Builds a network from its parts.
    ///
    /// # Errors
    /// If there is no acceptor or no electrode, two sites coincide, lists differ in length, or no acceptor is within reach of an electrode.
    pub fn new(parts: Parts) -> Result<Self, NetworkError> {
        let (n, p) = (parts.acceptors.len(), parts.electrode_distances.len());
        if n == 0 {
            return Err(NetworkError::entry("acceptors", "is empty: a network needs at least one acceptor"));
        }
        if p == 0 {
            return Err(NetworkError::entry("electrodes", "is empty: a network needs at least one electrode"));
        }
        if parts.fixed_energy_kt.len() != n
            || parts.potential.len() != p
            || parts.potential.iter().chain(&parts.electrode_distances).any(|r| r.len() != n)
        {
            return Err(NetworkError::entry("potential", format!("must hold {n} values for each of {p} electrodes")));
        }
        if !parts.induced_kt.is_empty()
            && (parts.induced_kt.len() != n || parts.induced_kt.iter().any(|row| row.len() != n))
        {
            return Err(NetworkError::entry("induced_kt", format!("must hold {n} rows of {n} values, or none")));
        }
        if n + p > MOST_SITES {
            let what = format!("has {n} acceptors and {p} electrodes: at most {MOST_SITES} sites together");
            return Err(NetworkError::entry("acceptors", what));
        }
        let size = n + p;
        let (mut log_prefactor, mut coulomb) = (vec![f64::NEG_INFINITY; size * size], vec![0.0; size * size]);
        let [shortest, longest] = parts.hop_range;
        let mut nearest = f64::INFINITY;
        for i in 0..size {
            for j in 0..size {
                let r = match (i.checked_sub(n), j.checked_sub(n)) {
                    _ if i == j => continue,
                    (Some(_), Some(_)) => continue,
                    (Some(electrode), None) => parts.electrode_distances[electrode][j],
                    (None, Some(electrode)) => parts.electrode_distances[electrode][i],
                    (None, None) => distance(&parts.acceptors[i], &parts.acceptors[j]),
                };
                if !r.is_finite() || (r <= 0.0 && i < n && j < n) {
                    let what = format!("acceptors {} and {} stand in the same place", i.min(j), i.max(j));
                    return Err(NetworkError::entry("acceptors", what));
                }
                nearest = if i < n && j < n { nearest } else { nearest.min(r) };
                if (shortest..=longest).contains(&r) {
                    log_prefactor[i * size + j] = -2.0 * r / parts.localization_radius;
                }
                if i < n && j < n {
                    let free = parts.coulomb / r;
                    // charges next to metal hardly repel each other, and never attract: less than 0 is an error of what is induced
                    coulomb[i * size + j] = parts.induced_kt.get(i).map_or(free, |row| (free + row[j]).max(0.0));
                }
            }
        }
        let between = (0..n).flat_map(|i| (n..size).map(move |e| i * size + e));
        if !between.into_iter().any(|at| log_prefactor[at].is_finite()) {
            let what = format!(
                "is [{shortest}, {longest}]: no acceptor is within reach of an electrode, of which the nearest is {nearest:.3} away"
            );
            return Err(NetworkError::entry("hop_range_nm", what));
        }
        Ok(Self {
            acceptors: n,
            electrodes: p,
            log_prefactor,
            coulomb,
            fixed_energy_kt: parts.fixed_energy_kt,
            potential: parts.potential,
            law: parts.law,
        })
    }

    /// Number of acceptors N.
    #[must_use]
    pub fn acceptors(&self) -> usize {
        self.acceptors
    }

    /// Number of electrodes P.
    #[must_use]
    pub fn electrodes(&self) -> usize {
        self.electrodes
    }

    /// Number of sites N + P.
    #[must_use]
    pub fn sites(&self) -> usize {
        self.acceptors + self.electrodes
    }

    /// Rate law.
    #[must_use]
    pub fn law(&self) -> RateLaw {
        self.law
    }

    /// Logarithm of the rate \[ν₀\] of a hop from site to site without an energy barrier, −2r/a; −∞ between electrodes and
    /// out of the range of hops.
    #[inline]
    #[must_use]
    pub fn log_prefactor(&self, from: usize, to: usize) -> f64 {
        self.log_prefactor[from * self.sites() + to]
    }

    /// Energy of two charges on acceptors i and j \[kT\]; 0 with electrodes.
    #[inline]
    #[must_use]
    pub fn coulomb_kt(&self, i: usize, j: usize) -> f64 {
        self.coulomb[i * self.sites() + j]
    }

    /// All pair energies of acceptor i \[kT\].
    #[inline]
    #[must_use]
    pub fn coulomb_row_kt(&self, i: usize) -> &[f64] {
        let start = i * self.sites();
        &self.coulomb[start..start + self.acceptors]
    }

    /// Potential at `site` for one unit on `electrode`: at an acceptor the solution of Laplace's equation, at an
    /// electrode 1 for itself and 0 for the others.
    #[inline]
    #[must_use]
    pub fn potential(&self, electrode: usize, site: usize) -> f64 {
        match site.checked_sub(self.acceptors) {
            None => self.potential[electrode][site],
            Some(other) => f64::from(u8::from(other == electrode)),
        }
    }

    /// Potential of each electrode at 1 at each acceptor, with the others at 0.
    pub(crate) fn potentials(&self) -> &[Vec<f64>] {
        &self.potential
    }

    /// Largest relative rounding error of a rate, from the energies (sums of at least N + P terms) and the exponents
    /// computed from them.
    pub(crate) fn rounding_of_rates(&self, voltages_kt: &[f64]) -> f64 {
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |most: f64, x| most.max(x.abs()));
        let of_acceptor = |i: usize| {
            let electrostatic: f64 = self.potential.iter().zip(voltages_kt).map(|(row, v)| (row[i] * v).abs()).sum();
            // once for all (negative) acceptors, once for the holes on them
            self.fixed_energy_kt[i].abs() + electrostatic + 2.0 * self.coulomb_row_kt(i).iter().sum::<f64>()
        };
        let energy = largest(&mut (0..self.acceptors).map(of_acceptor)) + largest(&mut voltages_kt.iter().copied());
        let difference = 2.0 * energy;
        let slope = self.law.log_slope(difference).abs().max(self.law.log_slope(-difference).abs());
        let exponent = largest(&mut self.log_prefactor.iter().copied().filter(|x| x.is_finite()))
            + self.law.log_factor(difference).abs().max(self.law.log_factor(-difference).abs());
        let unit = 0.5 * f64::EPSILON;
        unit * (4.0 * exponent + (self.sites() + 4) as f64 * slope * difference)
    }

    /// The energy landscape at given voltages \[kT\], one for each electrode.
    ///
    /// # Panics
    /// If the number of voltages is wrong.
    #[must_use]
    pub fn landscape(&self, voltages_kt: &[f64]) -> Landscape<'_> {
        assert_eq!(voltages_kt.len(), self.electrodes, "one voltage for each electrode");
        let base_kt = (0..self.acceptors)
            .map(|i| {
                let electrostatic: f64 = self.potential.iter().zip(voltages_kt).map(|(row, v)| row[i] * v).sum();
                self.fixed_energy_kt[i] + electrostatic - self.coulomb_row_kt(i).iter().sum::<f64>()
            })
            .collect();
        Landscape { network: self, base_kt, voltages_kt: voltages_kt.to_vec() }
    }
}

/// Span of exponents that covers a sum of rates to rounding error: 465 hops of e^−43 are below 2^−53.
pub const NEGLIGIBLE: f64 = 43.0;

/// Logarithm of the slowest rate \[ν₀\] of the fastest hop of a state. A state slower than this lasts forever by any measure; all its rates are
/// raised alike until it is as fast, so that it is left in the end, and as its rates say.
const SLOWEST_EXPONENT: f64 = -640.0;

/// A hop of one hole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hop {
    /// Initial site of the hole.
    pub from: u16,
    /// Final site of the hole.
    pub to: u16,
    /// Rate \[ν₀\].
    pub rate: f64,
}

/// Result of [`Landscape::survey`], whose buffers are reused between calls.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Energies of all sites \[kT\].
    pub energies_kt: Vec<f64>,
    /// Hops.
    pub hops: Vec<Hop>,
    /// Sum of their rates \[ν₀\].
    pub total_rate: f64,
    /// Sum of the rates of the hops left out \[ν₀\], if it can exceed the rounding error of the total.
    pub left_out_rate: f64,
    open_kt: Vec<f64>,
    rows: Vec<u16>,
    exponents: Vec<f64>,
}

/// A network at fixed voltages.
#[derive(Clone, Debug, PartialEq)]
pub struct Landscape<'a> {
    /// The network.
    pub network: &'a Network,
    /// Energy \[kT\] of a hole at each acceptor when no acceptor holds one.
    base_kt: Vec<f64>,
    voltages_kt: Vec<f64>,
}

impl Landscape<'_> {
    /// Voltages of the electrodes \[kT\].
    #[must_use]
    pub fn voltages_kt(&self) -> &[f64] {
        &self.voltages_kt
    }

    /// Energies \[kT\] of all sites in a state, N + P values: E_i = base_i + Σ u_ij over the other holes, u_ij their pair energies.
    pub fn energies_kt(&self, state: &Occupation, energies_kt: &mut Vec<f64>) {
        energies_kt.clear();
        energies_kt.extend_from_slice(&self.base_kt);
        for hole in state.sites() {
            for (e, c) in energies_kt.iter_mut().zip(self.network.coulomb_row_kt(hole)) {
                *e += c;
            }
        }
        energies_kt.extend_from_slice(&self.voltages_kt);
    }

    /// Rate \[ν₀\] of a hop, given the energies of all sites.
    #[inline]
    #[must_use]
    pub fn rate(&self, energies_kt: &[f64], from: u16, to: u16) -> f64 {
        let (from, to) = (usize::from(from), usize::from(to));
        let difference_kt = self.difference_kt(energies_kt, from, to);
        (self.network.log_prefactor(from, to) + self.network.law.log_factor(difference_kt)).exp()
    }

    /// Energy difference \[kT\] of a hop, given the energies of all sites.
    #[inline]
    #[must_use]
    pub fn difference_kt(&self, energies_kt: &[f64], from: usize, to: usize) -> f64 {
        energies_kt[to] - energies_kt[from] - self.network.coulomb_kt(from, to)
    }

    /// Surveys a state: energies of its sites, its hops (always in the same order) and their total rate, which is at least 10⁻²⁷⁸ ν₀. Hops whose
    /// rate is less than e^−`span` times the largest are left out, and their total rate is returned separately; with
    /// [`NEGLIGIBLE`] it is below the rounding error of the total and not computed.
    pub fn survey(&self, state: &Occupation, span: f64, survey: &mut Survey) {
        let network = self.network;
        let (n, sites) = (network.acceptors, network.sites());
        let Survey { energies_kt, open_kt, rows, exponents, hops, total_rate, left_out_rate } = survey;
        self.energies_kt(state, energies_kt);
        // no hole enters an occupied acceptor
        open_kt.clone_from(energies_kt);
        state.sites().for_each(|site| open_kt[site] = f64::INFINITY);
        rows.clear();
        rows.extend(state.sites().chain(n..sites).map(|from| from as u16));
        exponents.resize(rows.len() * sites, 0.0);
        let largest = exponents_of(network, energies_kt, open_kt, rows, exponents);
        hops.clear();
        let least = (largest - span).max(f64::MIN);
        for (row, &from) in exponents.chunks_exact(sites).zip(rows.iter()) {
            for (block, chunk) in row.chunks(BLOCK).enumerate() {
                if chunk.iter().fold(false, |any, &x| any | (x >= least)) {
                    for (to, &exponent) in (block * BLOCK..).zip(chunk) {
                        if exponent >= least {
                            hops.push(Hop { from, to: to as u16, rate: exponent });
                        }
                    }
                }
            }
        }
        let raised = (SLOWEST_EXPONENT - largest).max(0.0);
        *total_rate = 0.0;
        for hop in hops {
            hop.rate = (hop.rate + raised).exp();
            *total_rate += hop.rate;
        }
        *left_out_rate = 0.0;
        if span < NEGLIGIBLE {
            // below this, the sum of all rates is less than the rounding error of the total
            let counts = |x: &&f64| **x < least && **x >= largest - NEGLIGIBLE;
            *left_out_rate = exponents.iter().filter(counts).map(|x| (x + raised).exp()).sum();
        }
    }

    /// The state after a hop.
    #[inline]
    #[must_use]
    pub fn after(&self, state: &Occupation, from: u16, to: u16) -> Occupation {
        let mut next = *state;
        for site in [usize::from(from), usize::from(to)] {
            if site < self.network.acceptors {
                next = next.toggled(site);
            }
        }
        next
    }
}

/// Number of entries compared at once.
const BLOCK: usize = 8;

/// Logarithms of the rates of all hops from the sites `rows`, and the largest of them. Electrodes do not exchange holes
/// with each other: these prefactors are 0.
#[multiversion::multiversion(targets("x86_64+avx2+fma", "x86_64+avx"))]
fn exponents_of(network: &Network, energies_kt: &[f64], open_kt: &[f64], rows: &[u16], exponents: &mut [f64]) -> f64 {
    let sites = open_kt.len();
    let mut largest = [f64::NEG_INFINITY; BLOCK];
    for (out, &from) in exponents.chunks_exact_mut(sites).zip(rows) {
        let from = usize::from(from);
        let own = energies_kt[from];
        let log_prefactor = &network.log_prefactor[from * sites..(from + 1) * sites];
        let coulomb = &network.coulomb[from * sites..(from + 1) * sites];
        match network.law {
            RateLaw::MillerAbrahams => {
                for j in 0..sites {
                    let difference = open_kt[j] - own - coulomb[j];
                    out[j] = log_prefactor[j] - if difference > 0.0 { difference } else { 0.0 };
                }
            }
            law @ RateLaw::Marcus { .. } => {
                for j in 0..sites {
                    out[j] = log_prefactor[j] + law.log_factor(open_kt[j] - own - coulomb[j]);
                }
            }
        }
        for chunk in out.chunks(BLOCK) {
            for (a, &b) in largest.iter_mut().zip(chunk) {
                *a = if b > *a { b } else { *a };
            }
        }
    }
    largest.into_iter().fold(f64::NEG_INFINITY, f64::max)
}
