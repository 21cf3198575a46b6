//! Estimates of the time and memory of a device command, printed before it runs.

use std::time::Instant;

use dopant_network::events::{self, DrivenOptions, EventOptions, Trajectory, driven_currents};
use dopant_network::{Landscape, Occupation};
use rand::SeedableRng;
use rand_pcg::Pcg64Dxsm;

use crate::commands::run::human_time;

/// Shortest time that is printed \[s\].
const LONG_S: f64 = 10.0;
/// Smallest memory that is printed \[bytes\].
const MUCH: u64 = 1_000_000_000;
/// Number of hops of a trial run, which takes a fraction of a second.
const TRIAL_HOPS: u64 = 100_000;

/// Prints to standard error how long something takes, if that is long.
fn say_if_long(what: &str, seconds: f64) {
    if seconds > LONG_S {
        eprintln!("{what}: about {} (Ctrl-C ends it)", human_time(seconds));
    }
}

/// So many points of which the first took since `started`.
pub(super) fn points(count: usize, started: Instant) {
    say_if_long(&format!("{count} points"), started.elapsed().as_secs_f64() * count as f64);
}

/// Currents by so many hops at each of some points.
pub(super) fn hops(landscape: &Landscape<'_>, start: Occupation, hops: u64, points: usize) {
    if hops.saturating_mul(points as u64) <= 10 * TRIAL_HOPS {
        return;
    }
    let trial = EventOptions { hops: TRIAL_HOPS, ..EventOptions::default() };
    let started = Instant::now();
    let made = events::currents(landscape, start, &trial);
    let each_s = started.elapsed().as_secs_f64() / (made.hops + made.equilibration_hops) as f64;
    say_if_long(&format!("{hops} hops at {points} points"), each_s * hops as f64 * points as f64);
}

/// A record of so many hops, which takes so much memory \[bytes\].
pub(super) fn record(landscape: &Landscape<'_>, start: Occupation, hops: u64, bytes: u64) {
    if hops <= 10 * TRIAL_HOPS {
        return;
    }
    let mut rng = Pcg64Dxsm::seed_from_u64(0);
    let mut trajectory = Trajectory::new(landscape, start);
    let started = Instant::now();
    (0..TRIAL_HOPS).for_each(|_| {
        trajectory.next(&mut rng);
    });
    let each_s = started.elapsed().as_secs_f64() / TRIAL_HOPS as f64;
    if bytes > MUCH {
        eprintln!("{:.1} GB of memory for the record", 1e-9 * bytes as f64);
    }
    say_if_long(&format!("{hops} hops"), each_s * hops as f64);
}

/// A driven simulation.
pub(super) fn driven(landscape: &Landscape<'_>, start: Occupation, options: &DrivenOptions) {
    let most_events = TRIAL_HOPS.min(options.most_events);
    let started = Instant::now();
    let made = driven_currents(landscape, start, &DrivenOptions { settling_time: 0.0, most_events, ..options.clone() });
    let part = made.time / (options.settling_time + options.time);
    let events = (most_events as f64 / part).min(options.most_events as f64);
    let seconds = started.elapsed().as_secs_f64() / most_events as f64 * events;
    say_if_long(&format!("about {events:.1e} candidate events"), seconds);
}
