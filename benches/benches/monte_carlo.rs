//! Trials per second of the error study's inner loop, beside the physical limit.
//!
//! The limit is the cost of drawing the N Gaussians: every route draws at least one for each sample (`gaussians`;
//! circulant embedding draws two). The peer is vectorised NumPy/SciPy on one thread, `baselines/numpy_hge.py 2000 7`,
//! which makes about 2500 to 3600 trials a second on the machine where the numbers of docs/performance.md were taken.

use benches::{PARAMETERS, SAMPLES, parallel_hge};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use estimators::{Route, Workspace};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;
use rayon::prelude::*;

fn gaussians(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function("gaussians", |b| {
        let mut rng = Pcg64::new(1, 1);
        let mut record = vec![0.0_f64; SAMPLES];
        b.iter(|| {
            record.iter_mut().for_each(|x| *x = StandardNormal.sample(&mut rng));
            record[0]
        });
    });
    group.finish();
}

fn trials(c: &mut Criterion) {
    let mut group = c.benchmark_group("parallel_hge_trials");
    group.throughput(Throughput::Elements(1));
    for (name, route) in [("folded", Route::Folded), ("weights", Route::Weights), ("streaming", Route::Streaming)] {
        let experiment = parallel_hge(route);
        group.bench_function(name, |b| {
            let mut rng = Pcg64::new(1, 1);
            let mut workspace = Workspace::default();
            let mut gradient = [0.0; PARAMETERS];
            b.iter(|| {
                experiment.trial_into(&mut rng, &mut workspace, &mut gradient).expect("a linear device");
                gradient[0]
            });
        });
    }
    group.finish();
}

fn scaling(c: &mut Criterion) {
    const TRIALS: u64 = 20_000;
    let mut group = c.benchmark_group("scaling");
    group.throughput(Throughput::Elements(TRIALS)).sample_size(10);
    let experiment = parallel_hge(Route::Folded);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        group.bench_function(format!("{threads}_threads"), |b| {
            b.iter(|| {
                pool.install(|| {
                    (0..TRIALS / 500)
                        .into_par_iter()
                        .map(|block| {
                            let mut rng = Pcg64::new(1, u128::from(block));
                            let mut workspace = Workspace::default();
                            let mut gradient = [0.0; PARAMETERS];
                            for _ in 0..500 {
                                experiment
                                    .trial_into(&mut rng, &mut workspace, &mut gradient)
                                    .expect("a linear device");
                            }
                            gradient[0]
                        })
                        .sum::<f64>()
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, gaussians, trials, scaling);
criterion_main!(benches);
