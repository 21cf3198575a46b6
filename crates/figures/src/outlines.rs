//! Output of a drawn SVG: with the feature `png`, an SVG with text as outlines of the included font, and a PNG; without
//! it, the SVG as drawn, with text in the viewer's font.

#[cfg(feature = "png")]
use std::sync::Arc;

#[cfg(feature = "png")]
use resvg::{tiny_skia, usvg};

use crate::error::FigureError;
use crate::render::FINE;
#[cfg(feature = "png")]
use crate::render::{FAMILY, FONT, PNG_SCALE};

/// The files of a figure.
pub(crate) struct Rendered {
    pub(crate) svg: String,
    pub(crate) png: Option<Vec<u8>>,
}

#[cfg(feature = "png")]
pub(crate) fn rendered(svg: &str) -> Result<Rendered, FigureError> {
    let refused = |e: &dyn std::fmt::Display| FigureError::Drawing(e.to_string());
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    let options = usvg::Options { fontdb: Arc::new(fonts), font_family: FAMILY.to_owned(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|e| refused(&e))?;
    let scale = PNG_SCALE / FINE as f32;
    let size = tree.size().to_int_size().scale_by(scale).ok_or_else(|| refused(&"the figure has no size"))?;
    let mut pixels = tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| refused(&"no memory"))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    let (width, height) = (tree.size().width(), tree.size().height());
    let compact =
        usvg::WriteOptions { coordinates_precision: 2, transforms_precision: 4, ..usvg::WriteOptions::default() };
    let outlines_svg = tree.to_string(&compact).replacen(
        &format!("width=\"{width}\" height=\"{height}\""),
        &format!(
            "width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\"",
            width / FINE as f32,
            height / FINE as f32
        ),
        1,
    );
    Ok(Rendered { svg: outlines_svg, png: Some(pixels.encode_png().map_err(|e| refused(&e))?) })
}

#[cfg(not(feature = "png"))]
pub(crate) fn rendered(svg: &str) -> Result<Rendered, FigureError> {
    let size = |name: &str| -> Option<f64> {
        let rest = &svg[svg.find(&format!("{name}=\""))? + name.len() + 2..];
        rest[..rest.find('"')?].parse().ok()
    };
    let (Some(width), Some(height)) = (size("width"), size("height")) else {
        return Err(FigureError::Drawing("the figure has no size".to_owned()));
    };
    let fine = f64::from(FINE);
    let small = svg.replacen(&format!("width=\"{width}\""), &format!("width=\"{}\"", width / fine), 1).replacen(
        &format!("height=\"{height}\""),
        &format!("height=\"{}\"", height / fine),
        1,
    );
    Ok(Rendered { svg: small, png: None })
}
