//! One panel of a figure, as data.

use crate::axis::{Axis, Scale};

/// Colour-blind-safe colours (Okabe & Ito 2008), in order of use.
pub const PALETTE: [[u8; 3]; 8] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [0, 0, 0],
    [145, 140, 30],
];

/// Grey of annotations.
pub const GREY: [u8; 3] = [110, 110, 110];

/// Line style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Solid.
    Solid,
    /// Dashed.
    Dashed,
    /// Dotted.
    Dotted,
}

/// Marker of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A filled disc.
    Disc,
    /// An open square.
    Square,
    /// A filled triangle.
    Triangle,
    /// A filled diamond.
    Diamond,
    /// A small faint dot, for scatter plots.
    Dot,
    /// A disc with a black rim, for sites on a map.
    Site {
        /// Radius in pixels.
        radius: u32,
    },
}

/// A drawn item.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A line through points (x, y).
    Line {
        /// Points, in order.
        points: Vec<(f64, f64)>,
        /// Dash.
        dash: Dash,
        /// Width in pixels.
        width: u32,
    },
    /// Points (x, y, standard error of y; NaN for none).
    Points {
        /// Points.
        points: Vec<(f64, f64, f64)>,
        /// Mark.
        marker: Marker,
    },
    /// A shaded band between (x, low, high).
    Band(Vec<(f64, f64, f64)>),
    /// A map: a colour for each rectangle between adjacent edges, row by row from the lowest y; `None` for empty cells.
    Cells {
        /// Edges along x.
        x_edges: Vec<f64>,
        /// Edges along y.
        y_edges: Vec<f64>,
        /// Colours.
        colours: Vec<Option<[u8; 3]>>,
    },
    /// A short text, centred.
    Label {
        /// Where.
        at: (f64, f64),
        /// What.
        text: String,
    },
}

/// An item with its colour and legend entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What.
    pub item: Item,
    /// Colour.
    pub colour: [u8; 3],
    /// Legend entry, if any.
    pub legend: Option<String>,
}

impl Series {
    /// Points that it passes through, or its corners.
    pub(crate) fn corners(&self) -> Vec<(f64, f64)> {
        match &self.item {
            Item::Line { points, .. } => points.clone(),
            Item::Points { points, .. } => points.iter().map(|p| (p.0, p.1)).collect(),
            Item::Band(points) => points.iter().flat_map(|p| [(p.0, p.1), (p.0, p.2)]).collect(),
            Item::Cells { x_edges, y_edges, .. } => {
                x_edges.iter().flat_map(|x| y_edges.iter().map(|y| (*x, *y))).collect()
            }
            Item::Label { at, .. } => vec![*at],
        }
    }
}

/// A scale of colours beside a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourBar {
    /// Values, with label and range.
    pub axis: Axis,
    /// Colours from the lower to the upper end, of equal height.
    pub colours: Vec<[u8; 3]>,
}

/// Steps of a scale of colours that looks continuous.
const STEPS: usize = 64;

impl ColourBar {
    /// Of a colour for each value between the ends of an axis.
    #[must_use]
    pub fn continuous(axis: Axis, colour: impl Fn(f64) -> [u8; 3]) -> Self {
        let part = |k: usize| (k as f64 + 0.5) / STEPS as f64;
        let middle = |k: usize| match axis.scale {
            Scale::Linear => axis.low + (axis.high - axis.low) * part(k),
            Scale::Log => axis.low * (axis.high / axis.low).powf(part(k)),
        };
        let colours = (0..STEPS).map(|k| colour(middle(k))).collect();
        Self { axis, colours }
    }
}

/// A panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Title above the frame.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Series, in drawing order.
    pub series: Vec<Series>,
    /// Lines of text at the upper left corner, inside the frame.
    pub notes: Vec<String>,
    /// Scale of colours to the right of the frame.
    pub colour_bar: Option<ColourBar>,
    /// Whether a unit is as long along x as along y; the range of one axis is widened for it.
    pub is_to_scale: bool,
}

impl Plot {
    /// A panel without notes.
    #[must_use]
    pub fn new(title: String, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Self { title, x, y, series, notes: Vec::new(), colour_bar: None, is_to_scale: false }
    }

    /// With lines of text at the upper left corner.
    #[must_use]
    pub fn noted(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// With a scale of colours.
    #[must_use]
    pub fn with_colour_bar(mut self, bar: ColourBar) -> Self {
        self.colour_bar = Some(bar);
        self
    }

    /// With units of the same length along x and y.
    #[must_use]
    pub fn to_scale(mut self) -> Self {
        self.is_to_scale = true;
        self
    }

    /// For a frame of a width and a height: with one axis widened, if it is to scale.
    pub(crate) fn in_frame(&self, width: i32, height: i32) -> Self {
        let mut plot = self.clone();
        if self.is_to_scale {
            let (x, y) = (&mut plot.x, &mut plot.y);
            let unit = ((x.high - x.low) / f64::from(width)).max((y.high - y.low) / f64::from(height));
            for (axis, length) in [(x, width), (y, height)] {
                let (middle, half) = (0.5 * (axis.low + axis.high), 0.5 * unit * f64::from(length));
                (axis.low, axis.high) = (middle - half, middle + half);
            }
        }
        plot
    }
}
