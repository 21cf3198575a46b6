//! Files of a drawn SVG: with the feature `png`, an SVG with text as outlines, a PNG and a PDF; without it, the SVG as drawn, with text in the
//! viewer's font.

use crate::error::FigureError;
use crate::layout::Layout;
use crate::render::FINE;

#[cfg(not(feature = "png"))]
pub(crate) use as_drawn::Rendered;
#[cfg(feature = "png")]
pub(crate) use with_outlines::Rendered;

/// An SVG with its size on paper, or in pixels of the design instead of layout units.
fn sized(svg: &str, width: f64, height: f64, layout: &Layout) -> String {
    let fine = f64::from(FINE);
    let length = |units: f64| match layout.width_mm {
        None => format!("{}", units / fine),
        Some(_) => format!("{:.4}mm", units / fine * layout.pixel_mm()),
    };
    let drawn = format!("width=\"{width}\" height=\"{height}\"");
    let view_box = if svg.contains("viewBox=") { String::new() } else { format!(" viewBox=\"0 0 {width} {height}\"") };
    svg.replacen(&drawn, &format!("width=\"{}\" height=\"{}\"{view_box}", length(width), length(height)), 1)
}

#[cfg(feature = "png")]
mod with_outlines {
    use std::sync::Arc;

    use resvg::{tiny_skia, usvg};

    use super::{FINE, FigureError, Layout, sized};
    use crate::render::{FAMILY, FONT, PNG_SCALE};

    /// A figure as paths.
    pub(crate) struct Rendered<'l> {
        tree: usvg::Tree,
        layout: &'l Layout,
    }

    fn refused(error: &dyn std::fmt::Display) -> FigureError {
        FigureError::Drawing(error.to_string())
    }

    impl<'l> Rendered<'l> {
        pub(crate) fn of(svg: &str, layout: &'l Layout) -> Result<Self, FigureError> {
            let mut fonts = usvg::fontdb::Database::new();
            fonts.load_font_data(FONT.to_vec());
            let mut family = FAMILY.to_owned();
            if let Some(file) = &layout.font_file {
                let unfit =
                    |what: &str| FigureError::setting("layout.font_file", format!("`{}`: {what}", file.display()));
                let data = std::fs::read(file).map_err(|e| unfit(&e.to_string()))?;
                let before = fonts.len();
                fonts.load_font_data(data);
                let face = fonts.faces().nth(before).and_then(|face| face.families.first());
                family.clone_from(&face.ok_or_else(|| unfit("is no TrueType or OpenType font"))?.0);
            }
            let options =
                usvg::Options { fontdb: Arc::new(fonts), font_family: family.clone(), ..usvg::Options::default() };
            let svg = if family == FAMILY { svg.to_owned() } else { svg.replace(FAMILY, &family) };
            let tree = usvg::Tree::from_str(&svg, &options).map_err(|e| refused(&e))?;
            Ok(Self { tree, layout })
        }

        fn written(&self, preserve_text: bool) -> String {
            let compact = usvg::WriteOptions {
                coordinates_precision: 2,
                transforms_precision: 4,
                preserve_text,
                ..usvg::WriteOptions::default()
            };
            let size = self.tree.size();
            sized(&self.tree.to_string(&compact), size.width().into(), size.height().into(), self.layout)
        }

        #[expect(clippy::unnecessary_wraps, reason = "as the other files")]
        pub(crate) fn svg(&self) -> Result<Vec<u8>, FigureError> {
            Ok(self.written(self.layout.svg_text).into_bytes())
        }

        pub(crate) fn png(&self) -> Result<Vec<u8>, FigureError> {
            let per_design_pixel = match self.layout.width_mm {
                None => PNG_SCALE,
                Some(_) => (self.layout.pixel_mm() / 25.4 * self.layout.png_dpi) as f32,
            };
            let scale = per_design_pixel / FINE as f32;
            let size =
                self.tree.size().to_int_size().scale_by(scale).ok_or_else(|| refused(&"the figure has no size"))?;
            let mut pixels =
                tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| refused(&"no memory"))?;
            resvg::render(&self.tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
            pixels.encode_png().map_err(|e| refused(&e))
        }

        #[cfg(feature = "pdf")]
        pub(crate) fn pdf(&self) -> Result<Vec<u8>, FigureError> {
            let tree = svg2pdf::usvg::Tree::from_str(&self.written(false), &svg2pdf::usvg::Options::default());
            let page = svg2pdf::PageOptions { dpi: 96.0 };
            svg2pdf::to_pdf(&tree.map_err(|e| refused(&e))?, svg2pdf::ConversionOptions::default(), page)
                .map_err(|e| refused(&e))
        }

        #[cfg(not(feature = "pdf"))]
        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) fn pdf(&self) -> Result<Vec<u8>, FigureError> {
            Err(refused(&"this program was built without PDF"))
        }
    }
}

#[cfg(not(feature = "png"))]
mod as_drawn {
    use super::{FigureError, Layout, sized};

    /// A figure as drawn.
    pub(crate) struct Rendered {
        svg: String,
    }

    impl Rendered {
        pub(crate) fn of(svg: &str, layout: &Layout) -> Result<Self, FigureError> {
            let size = |name: &str| -> Option<f64> {
                let rest = &svg[svg.find(&format!("{name}=\""))? + name.len() + 2..];
                rest[..rest.find('"')?].parse().ok()
            };
            let (Some(width), Some(height)) = (size("width"), size("height")) else {
                return Err(FigureError::Drawing("the figure has no size".to_owned()));
            };
            Ok(Self { svg: sized(svg, width, height, layout) })
        }

        #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
        pub(crate) fn svg(&self) -> Result<Vec<u8>, FigureError> {
            Ok(self.svg.clone().into_bytes())
        }

        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) fn png(&self) -> Result<Vec<u8>, FigureError> {
            Err(FigureError::Drawing("this program was built without PNG".to_owned()))
        }

        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(crate) fn pdf(&self) -> Result<Vec<u8>, FigureError> {
            Err(FigureError::Drawing("this program was built without PDF".to_owned()))
        }
    }
}
