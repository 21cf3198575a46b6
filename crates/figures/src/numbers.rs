//! The drawn numbers as CSV.

use crate::error::FigureError;
use crate::plot::{Dash, Item, Plot};

/// A row for each point: panel (from 1), series, how it is drawn, x, y, and the lower and the upper end of its error bar or band, empty
/// where there is none. A series without an entry in the legend has that of its colour. Cells of maps have colours, not numbers, and are
/// left out.
pub(crate) fn csv(panels: &[Plot]) -> Result<Vec<u8>, FigureError> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let refused = |e: csv::Error| FigureError::Drawing(e.to_string());
    table.write_record(["panel", "series", "drawn", "x", "y", "low", "high"]).map_err(refused)?;
    for (k, plot) in panels.iter().enumerate() {
        for series in &plot.series {
            let of_colour = || plot.series.iter().find(|s| s.colour == series.colour && s.legend.is_some());
            let name = series.legend.as_ref().or_else(|| of_colour().and_then(|s| s.legend.as_ref()));
            for numbers in rows(&series.item) {
                let numbers = numbers.map(|v| if v.is_nan() { String::new() } else { v.to_string() });
                let words = [(k + 1).to_string(), name.cloned().unwrap_or_default(), drawn(&series.item).to_owned()];
                table.write_record(words.into_iter().chain(numbers)).map_err(refused)?;
            }
        }
    }
    table.into_inner().map_err(|e| FigureError::Drawing(e.to_string()))
}

fn drawn(item: &Item) -> &'static str {
    match item {
        Item::Line { dash: Dash::Solid, .. } => "solid line",
        Item::Line { dash: Dash::Dashed, .. } => "dashed line",
        Item::Line { dash: Dash::Dotted, .. } => "dotted line",
        Item::Points { .. } => "points",
        Item::Band(_) => "band",
        Item::Cells { .. } => "cells",
        Item::Label { .. } => "label",
    }
}

fn rows(item: &Item) -> Vec<[f64; 4]> {
    match item {
        Item::Line { points, .. } => points.iter().map(|&(x, y)| [x, y, f64::NAN, f64::NAN]).collect(),
        Item::Points { points, .. } => points.iter().map(|&(x, y, error)| [x, y, y - error, y + error]).collect(),
        Item::Band(points) => points.iter().map(|&(x, low, high)| [x, f64::NAN, low, high]).collect(),
        Item::Cells { .. } | Item::Label { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{Axis, Scale};
    use crate::plot::{Marker, Series};

    #[test]
    fn every_drawn_number_has_a_row() {
        let series = |item, legend: Option<&str>| Series { item, colour: [1, 2, 3], legend: legend.map(str::to_owned) };
        let axis = || Axis::around("x".to_owned(), Scale::Linear, [0.0, 1.0].into_iter()).unwrap();
        let points = Item::Points { points: vec![(1.0, 2.0, 0.5), (2.0, 3.0, f64::NAN)], marker: Marker::Disc };
        let line = Item::Line { points: vec![(1.0, 2.5)], dash: Dash::Dashed, width: 1 };
        let all =
            vec![series(points, Some("one, two")), series(line, None), series(Item::Band(vec![(1.0, 2.0, 3.0)]), None)];
        let plot = Plot::new(String::new(), axis(), axis(), all);
        let text = String::from_utf8(csv(&[plot.clone(), plot]).unwrap()).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(
            rows[..5],
            [
                "panel,series,drawn,x,y,low,high",
                "1,\"one, two\",points,1,2,1.5,2.5",
                "1,\"one, two\",points,2,3,,",
                "1,\"one, two\",dashed line,1,2.5,,",
                "1,\"one, two\",band,1,,2,3",
            ]
        );
        assert_eq!((rows.len(), &rows[5][..2]), (9, "2,"));
    }
}
