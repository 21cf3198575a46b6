//! The outline of results before anything is computed, so that figures can be checked before a study runs.

use crate::Study;
use results::store::MOST_SINGLE;
use results::{Coordinate, Results};

/// Number of values kept of a swept number: the ends and one between.
const SWEPT_VALUES: usize = 3;
/// Number of values kept of any other dimension. All parameters are kept, since a figure may select one.
const OTHER_VALUES: usize = 1000;

/// Placeholder for the results of a study: dimensions, variables and units, with 1 for every value. To keep it small, swept numbers
/// are reduced to the ends and one value between, and repetitions to one. Variables too large for
/// [`store::read_small`](results::store::read_small) are omitted.
#[must_use]
pub fn foreseen(study: &Study) -> Results {
    let mut results = study.about().foreseen();
    let repetition = results.dimension("repetition");
    let too_large = |results: &Results, dimensions: &[usize]| {
        let of_one = dimensions.iter().map(|&d| results.dimensions[d].coordinate.len() as f64).product::<f64>();
        let size = of_one * study.section.repetitions as f64;
        dimensions.iter().any(|&d| Some(d) == repetition) && size > MOST_SINGLE as f64
    };
    let kept: Vec<bool> = results.variables.iter().map(|v| !too_large(&results, &v.dimensions)).collect();
    let mut kept = kept.into_iter();
    results.variables.retain(|_| kept.next().unwrap_or(true));
    for (d, dimension) in results.dimensions.iter_mut().enumerate().filter(|(_, d)| d.name != "parameter") {
        thin(&mut dimension.coordinate, if d < study.axes.len() { SWEPT_VALUES } else { OTHER_VALUES });
    }
    for k in 0..results.variables.len() {
        let size = results.shape(&results.variables[k]).into_iter().product();
        results.variables[k].values = vec![1.0; size];
    }
    results.attributes.push(("study".to_owned(), study.section.name.clone()));
    results
}

/// Reduces numbers to `most` evenly spaced ones; names are kept, since a figure may select one.
fn thin(coordinate: &mut Coordinate, most: usize) {
    if let Coordinate::Numbers(x) = coordinate
        && x.len() > most
    {
        *x = (0..most).map(|k| x[k * (x.len() - 1) / (most - 1)]).collect();
    }
}
