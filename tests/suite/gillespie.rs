//! A direct simulation after Gillespie (J. Phys. Chem. 81, 2340 (1977)) that knows only a device's file and formulas, against the
//! program's currents and derivatives from events, on thirty acceptors with all that a device can have.
//!
//! Of the program's physics it takes the potential between the electrodes alone.

use dopant_network::events::{EventOptions, ResponseOptions, currents, response};
use dopant_network::{DopantNetwork, Generate};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;

/// e²/4πε₀ \[eV nm\] and k/e \[V/K\] (CODATA 2018), apart from the program's own.
const COULOMB_EV_NM: f64 = 1.439_964_548;
const BOLTZMANN_VOLT_PER_KELVIN: f64 = 8.617_333_262e-5;
/// Points along an electrode among which the nearest to an acceptor is sought.
const POINTS: usize = 4001;
const BLOCKS: usize = 20;

/// A device with its energies in eV.
struct Direct {
    kt_ev: f64,
    radius_nm: f64,
    hops_nm: [f64; 2],
    /// Lengths of hops between all sites, acceptors first \[nm\]; none between electrodes.
    lengths_nm: Vec<Vec<Option<f64>>>,
    /// Repulsion of two charges on acceptors \[eV\].
    repulsion_ev: Vec<Vec<f64>>,
    /// Energy of a hole on each acceptor without the other acceptors \[eV\].
    lone_ev: Vec<f64>,
    /// Energy of a hole in each electrode \[eV\].
    electrode_ev: Vec<f64>,
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn points(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(|p| p.as_array().unwrap().iter().map(number).collect()).collect()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

impl Direct {
    fn of(file: &Value, volts: &[f64], potential_volt: &[f64]) -> Self {
        let (acceptors, donors) = (points(&file["acceptors"]), points(&file["donors"]));
        let coulomb = COULOMB_EV_NM / number(&file["relative_permittivity"]);
        let n = acceptors.len();
        let repulsion_ev: Vec<Vec<f64>> = (0..n)
            .map(|i| (0..n).map(|j| if i == j { 0.0 } else { coulomb / apart(&acceptors[i], &acceptors[j]) }).collect())
            .collect();
        let lone_ev = (0..n).map(|i| {
            let of_donors: f64 = donors.iter().map(|d| coulomb / apart(&acceptors[i], d)).sum();
            potential_volt[i] + of_donors + number(&file["site_energies_ev"][i]) + number(&file["injection_offset_ev"])
        });
        let radius = number(&file["domain"]["radius_nm"]);
        let nearest = |electrode: &Value, acceptor: &[f64]| {
            let middle: Vec<f64> = electrode["position_nm"].as_array().unwrap().iter().map(number).collect();
            let (angle, half) = (middle[1].atan2(middle[0]), 0.5 * number(&electrode["width_nm"]) / radius);
            (0..POINTS)
                .map(|p| angle + half * (2.0 * p as f64 / (POINTS - 1) as f64 - 1.0))
                .map(|a| apart(&[radius * a.cos(), radius * a.sin(), 0.0], acceptor))
                .fold(f64::INFINITY, f64::min)
        };
        let electrodes = file["electrodes"].as_array().unwrap();
        let sites = n + electrodes.len();
        let length = |i: usize, j: usize| match (i < n, j < n) {
            (true, true) if i != j => Some(apart(&acceptors[i], &acceptors[j])),
            (true, false) => Some(nearest(&electrodes[j - n], &acceptors[i])),
            (false, true) => Some(nearest(&electrodes[i - n], &acceptors[j])),
            _ => None,
        };
        Self {
            kt_ev: BOLTZMANN_VOLT_PER_KELVIN * number(&file["temperature_kelvin"]),
            radius_nm: number(&file["localization_radius_nm"]),
            hops_nm: [number(&file["hop_range_nm"][0]), number(&file["hop_range_nm"][1])],
            lengths_nm: (0..sites).map(|i| (0..sites).map(|j| length(i, j)).collect()).collect(),
            repulsion_ev,
            lone_ev: lone_ev.collect(),
            electrode_ev: volts.to_vec(),
        }
    }

    /// Energy of the whole network but for the electrodes: holes in potentials, and acceptors without a hole, which are negative and
    /// repel each other.
    fn total_ev(&self, holes: &[bool]) -> f64 {
        let n = holes.len();
        let lone: f64 = (0..n).filter(|&i| holes[i]).map(|i| self.lone_ev[i]).sum();
        let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
        lone + pairs.filter(|&(i, j)| !holes[i] && !holes[j]).map(|(i, j)| self.repulsion_ev[i][j]).sum::<f64>()
    }

    /// What the total energy gains by a hole on each acceptor, and on each electrode, with the others as they are \[eV\].
    fn gains_ev(&self, holes: &[bool]) -> Vec<f64> {
        let of = |i: usize| {
            self.lone_ev[i]
                - (0..holes.len()).filter(|&j| j != i && !holes[j]).map(|j| self.repulsion_ev[i][j]).sum::<f64>()
        };
        (0..holes.len()).map(of).chain(self.electrode_ev.iter().copied()).collect()
    }

    /// Energy that a hop takes \[eV\].
    fn difference_ev(&self, gains_ev: &[f64], from: usize, to: usize) -> f64 {
        let n = self.lone_ev.len();
        // a hole that comes no longer sees the one that has left
        let both = if from < n && to < n { self.repulsion_ev[from][to] } else { 0.0 };
        gains_ev[to] - gains_ev[from] - both
    }

    /// Mean current into each electrode \[eν₀\] and its standard error.
    fn currents(&self, hops: usize, seed: u64) -> Vec<(f64, f64)> {
        let n = self.lone_ev.len();
        let sites = self.lengths_nm.len();
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut holes = vec![false; n];
        let mut blocks: Vec<(f64, Vec<f64>)> = vec![(0.0, vec![0.0; sites - n]); BLOCKS];
        let mut rates: Vec<(f64, usize, usize)> = Vec::new();
        // a twentieth before it counts
        for hop in 0..hops + hops / 20 {
            let gains_ev = self.gains_ev(&holes);
            rates.clear();
            let mut sum = 0.0;
            for from in (0..sites).filter(|&s| s >= n || holes[s]) {
                for to in (0..sites).filter(|&s| s >= n || !holes[s]) {
                    let Some(length) =
                        self.lengths_nm[from][to].filter(|l| (self.hops_nm[0]..=self.hops_nm[1]).contains(l))
                    else {
                        continue;
                    };
                    let barrier = self.difference_ev(&gains_ev, from, to).max(0.0) / self.kt_ev;
                    sum += (-2.0 * length / self.radius_nm - barrier).exp();
                    rates.push((sum, from, to));
                }
            }
            let wait = -(1.0 - rng.random::<f64>()).ln() / sum;
            let drawn = rng.random::<f64>() * sum;
            let (_, from, to) = rates[rates.partition_point(|(cumulated, ..)| *cumulated <= drawn)];
            if let Some(counted) = hop.checked_sub(hops / 20) {
                let (time, charges) = &mut blocks[counted * BLOCKS / hops];
                *time += wait;
                if to >= n {
                    charges[to - n] += 1.0;
                }
                if from >= n {
                    charges[from - n] -= 1.0;
                }
            }
            for (site, is_hole) in [(from, false), (to, true)] {
                if site < n {
                    holes[site] = is_hole;
                }
            }
        }
        let time: f64 = blocks.iter().map(|(time, _)| time).sum();
        let of = |k: usize| {
            let mean = blocks.iter().map(|(_, charges)| charges[k]).sum::<f64>() / time;
            let squares: f64 = blocks.iter().map(|(t, charges)| (charges[k] - mean * t).powi(2)).sum();
            (mean, (squares * BLOCKS as f64 / (BLOCKS - 1) as f64).sqrt() / time)
        };
        (0..sites - n).map(of).collect()
    }
}

fn device_file(seed: u64) -> Value {
    let start = serde_json::json!({
        "like": "mcnetwork", "acceptors": 30, "seed": seed, "disorder_ev": 0.05, "contact": "nearest", "injection_offset_ev": 0.02,
    });
    let settings = Generate::from_given(start.as_object().unwrap().clone()).unwrap();
    serde_json::to_value(settings.describe().unwrap()).unwrap()
}

fn volts(seed: u64) -> Vec<f64> {
    (0..8).map(|k| 0.3 * (f64::from(k) * 1.7 + seed as f64).sin()).collect()
}

fn potential_volt(file: &Value, device: &DopantNetwork, volts: &[f64]) -> Vec<f64> {
    let places: Vec<[f64; 2]> = points(&file["acceptors"]).iter().map(|p| [p[0], p[1]]).collect();
    device.potential_volt(volts, &places).unwrap()
}

/// Two devices, sixteen currents within 4.5 standard errors with twenty blocks (one false alarm in 270), and a largest current known to one per
/// cent, so that an error of 5 % of it is seen.
#[test]
fn currents_agree_with_a_direct_simulation() {
    for seed in [1, 2] {
        let file = device_file(seed);
        let device = DopantNetwork::from_text(&file.to_string()).unwrap();
        let volts = volts(seed);
        let direct = Direct::of(&file, &volts, &potential_volt(&file, &device, &volts));

        let holes: Vec<bool> = (0..30).map(|i| i % 3 == 0).collect();
        let gains = direct.gains_ev(&holes);
        let mut hopped = holes.clone();
        (hopped[3], hopped[4]) = (false, true);
        let by_total = direct.total_ev(&hopped) - direct.total_ev(&holes);
        assert!((by_total - direct.difference_ev(&gains, 3, 4)).abs() < 1e-12, "not the difference of total energies");

        let known = direct.currents(400_000, seed);
        let landscape = device.network.landscape(&device.voltages_kt(&volts));
        let options = EventOptions { hops: 4_000_000, seed, ..EventOptions::default() };
        let plain = currents(&landscape, device.initial, &options);
        let options = ResponseOptions { relative_error: 0.05, seed, ..ResponseOptions::default() };
        let projected = response(&landscape, device.initial, &options);
        let largest = known.iter().fold((0.0_f64, 0.0), |most, c| if c.0.abs() > most.0.abs() { *c } else { most });
        println!("device {seed}: largest current {} ± {}", largest.0, largest.1);
        assert!(largest.1 < 0.01 * largest.0.abs(), "{largest:?}");
        for (k, (mean, error)) in known.into_iter().enumerate() {
            for (found, own) in
                [(plain.currents[k], plain.standard_errors[k]), (projected.currents[k], projected.standard_errors[k])]
            {
                assert!(mean.abs() < largest.0.abs() || own < 0.01 * mean.abs(), "{found} ± {own}");
                assert!(
                    (found - mean).abs() < 4.5 * own.hypot(error),
                    "device {seed}, electrode {k}: {found} ± {own}, directly {mean} ± {error}"
                );
            }
        }
    }
}

tests::needs!(
    patience,
    /// The largest derivative is the difference of two direct simulations, 2.5 kT/e to both sides, to within three standard errors (a false alarm in 370
    /// seeds) and a twentieth for the curvature. An error of 18 % would be seen; smaller networks are compared more sharply, with exact derivatives.
    #[test]
    fn derivatives_agree_with_a_direct_simulation() {
        let file = device_file(1);
        let device = DopantNetwork::from_text(&file.to_string()).unwrap();
        let volts = volts(1);
        let landscape = device.network.landscape(&device.voltages_kt(&volts));
        let options = ResponseOptions { relative_error: 0.02, seed: 1, ..ResponseOptions::default() };
        let found = response(&landscape, device.initial, &options);
        let (k, m) = (0..64)
            .map(|n| (n / 8, n % 8))
            .max_by(|a, b| found.gradient[a.0][a.1].abs().total_cmp(&found.gradient[b.0][b.1].abs()))
            .unwrap();
        let step_kt = 2.5;
        let at = |sign: f64| {
            let mut shifted = volts.clone();
            shifted[m] += sign * step_kt / device.conversion.kt_per_volt;
            Direct::of(&file, &shifted, &potential_volt(&file, &device, &shifted)).currents(1_000_000, 5)[k]
        };
        let (low, high) = (at(-1.0), at(1.0));
        let difference = (high.0 - low.0) / (2.0 * step_kt);
        let error = low.1.hypot(high.1) / (2.0 * step_kt);
        let ours = found.gradient[k][m];
        println!("directly {difference} ± {error}, ours {ours} ± {}", found.gradient_standard_errors[k][m]);
        let allowed = 3.0 * error.hypot(found.gradient_standard_errors[k][m]) + 0.05 * ours.abs();
        assert!(error < 0.035 * ours.abs(), "{difference} ± {error}");
        assert!((difference - ours).abs() < allowed, "directly {difference} ± {error}, ours {ours}");
    }
);
