//! Figures of shipped scenarios.

use figures::axis::Axis;
use figures::plot::{Item, Plot};
use tests::run_shipped;

/// Whether an axis reaches over every number that its scale can show.
fn reaches(axis: &Axis, mut values: impl Iterator<Item = f64>) -> bool {
    let slack = 1e-9;
    values.all(|v| axis.position(v).is_none_or(|place| (-slack..1.0 + slack).contains(&place)))
}

fn holds(plot: &Plot, item: &Item) -> bool {
    match item {
        Item::Line { points, .. } => {
            reaches(&plot.x, points.iter().map(|p| p.0)) && reaches(&plot.y, points.iter().map(|p| p.1))
        }
        Item::Points { points, .. } => {
            reaches(&plot.x, points.iter().map(|p| p.0)) && reaches(&plot.y, points.iter().map(|p| p.1))
        }
        Item::Band(points) => {
            reaches(&plot.x, points.iter().map(|p| p.0)) && reaches(&plot.y, points.iter().flat_map(|p| [p.1, p.2]))
        }
        Item::Cells { x_edges, y_edges, .. } => {
            reaches(&plot.x, x_edges.iter().copied()) && reaches(&plot.y, y_edges.iter().copied())
        }
        Item::Label { at, .. } => reaches(&plot.x, [at.0].into_iter()) && reaches(&plot.y, [at.1].into_iter()),
    }
}

/// No axis cuts a line, a point or a band.
#[test]
fn figures_hold_all_that_they_draw() {
    for name in [
        "error_vs_spacing",
        "fig1c",
        "fig2b",
        "fig2b_derivative",
        "fig2e_derivative",
        "fig2d",
        "fig2d_flat",
        "fig2e",
        "fig3b",
        "suppl1",
        "suppl2",
        "estimators",
        "curvature",
    ] {
        let results = run_shipped(&format!("{name}.toml"), &["study.repetitions=4"], 0);
        for (k, plot) in figures::panels(&results, None).expect("a figure").iter().enumerate() {
            for series in &plot.series {
                assert!(holds(plot, &series.item), "{name}, panel {k}: {:?} {:?} {series:?}", plot.x, plot.y);
            }
        }
    }
}
