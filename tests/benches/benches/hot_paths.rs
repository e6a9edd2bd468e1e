//! Times of the hot paths, by criterion: `cargo bench --package benches`, with a part of a name to run some.
#![allow(
    missing_docs,
    clippy::panic,
    reason = "criterion's macros make undocumented items; what cannot run should stop"
)]

use benches::subject::{Subject, names};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn hot_paths(criterion: &mut Criterion) {
    for name in names() {
        let mut subject = Subject::prepare(name).unwrap_or_else(|problem| panic!("{problem}"));
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(subject.units_per_call));
        group.bench_function(subject.unit, |bencher| bencher.iter(&mut subject.call));
        group.finish();
    }
}

criterion_group!(all, hot_paths);
criterion_main!(all);
