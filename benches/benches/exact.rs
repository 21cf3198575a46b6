//! Cost of the exact errors and of preparing a point, against which a sweep's repetitions have to be weighed.

use benches::{gradient, parallel_hge};
use criterion::{Criterion, criterion_group, criterion_main};
use estimators::Route;

fn exact(c: &mut Criterion) {
    let experiment = parallel_hge(Route::Weights);
    c.bench_function("exact_errors", |b| b.iter(|| experiment.exact_against(&gradient()).expect("a linear device")));
    c.bench_function("prepare_folded", |b| b.iter(|| parallel_hge(Route::Folded)));
    c.bench_function("prepare_weights", |b| b.iter(|| parallel_hge(Route::Weights)));
}

criterion_group!(benches, exact);
criterion_main!(benches);
