//! Welch estimate of generated noise with its confidence band, and the exact density.

use crate::settings::FigureSection;
use results::{Coordinate, Results};

use crate::axis::Scale;
use crate::error::FigureError;
use crate::error_figure::name_of;
use crate::plot::{Dash, GREY, Item, PALETTE, Plot, Series};
use crate::render::spanning;
use crate::variable;

pub(crate) fn panels(results: &Results, figure: &FigureSection) -> Result<Vec<Plot>, FigureError> {
    let get = |name: &str| variable(results, name);
    let (welch, low, high, stated) = (get("psd_welch")?, get("psd_low")?, get("psd_high")?, get("psd_stated")?);
    let missing = || FigureError::Missing { what: "frequencies".to_owned() };
    let (&along, swept) = welch.dimensions.split_last().ok_or_else(missing)?;
    let Coordinate::Numbers(frequency_hz) = &results.dimensions[along].coordinate else { return Err(missing()) };
    let n = frequency_hz.len();
    // the two lowest lines contain leakage from the mean, the last has half the degrees of freedom
    let shown = 2..n.saturating_sub(1);
    if shown.is_empty() {
        return Err(FigureError::Empty {
            what: format!("a spectrum of {n} lines, of which the outer ones say little"),
        });
    }
    let mut series = Vec::new();
    let mut ys = Vec::new();
    for (k, at) in results.positions(swept).iter().enumerate() {
        let colour = PALETTE[k % PALETTE.len()];
        let [welch, low, high, stated] = [welch, low, high, stated].map(|v| results.part(v, at).values);
        let legend = match at[..] {
            [(swept, own)] => Some(name_of(&results.dimensions[swept], own)),
            _ => Some("generated".to_owned()),
        };
        let band = shown.clone().map(|i| (frequency_hz[i], low[i], high[i])).collect();
        let line = shown.clone().map(|i| (frequency_hz[i], welch[i])).collect();
        let theory = shown.clone().map(|i| (frequency_hz[i], stated[i])).collect();
        ys.extend(shown.clone().map(|i| welch[i]));
        series.push(Series { item: Item::Band(band), colour, legend: None });
        series.push(Series { item: Item::Line { points: line, dash: Dash::Solid, width: 1 }, colour, legend });
        series.push(Series {
            item: Item::Line { points: theory, dash: Dash::Dashed, width: 2 },
            colour: [0, 0, 0],
            legend: None,
        });
    }
    let key = |item: Item, colour, text: &str| Series { item, colour, legend: Some(text.to_owned()) };
    series.push(key(Item::Line { points: Vec::new(), dash: Dash::Dashed, width: 2 }, [0, 0, 0], "stated density"));
    series.push(key(Item::Band(Vec::new()), GREY, "confidence band"));
    Ok(vec![Plot::new(
        figure.title.clone().unwrap_or_else(|| results.attribute("study").unwrap_or_default().to_owned()),
        spanning("frequency [Hz]", Scale::Log, frequency_hz[shown].to_vec())?,
        spanning("noise density [nA²/Hz]", Scale::Log, ys)?,
        series,
    )])
}
