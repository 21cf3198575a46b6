//! A study: a scenario with its axes, every point of which is known to be sound.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use device::{Activation, NeuralSurrogate};
use dopant_network::{DopantNetwork, Generate, NetworkError};
use noise::{NoiseModel, RecordGenerator};
use rayon::prelude::*;
use toml::{Table, Value};

use crate::axes::{self, Axis};
use crate::document::{Document, KeyError, set_path};
use crate::error::ScenarioError;
use crate::point::Point;
use crate::scenario::{ActivationChoice, FigureSection, StudySection};

/// A validated scenario.
#[derive(Debug)]
pub struct Study {
    /// The document it was read from.
    pub document: Document,
    /// `[study]`.
    pub section: StudySection,
    /// `[figure]`, if there is one.
    pub figure: Option<FigureSection>,
    /// Axes of the sweep, in the order of the file.
    pub axes: Vec<Axis>,
    base: Table,
    library: Library,
}

/// Files and noise generators that points share.
#[derive(Debug, Default)]
pub(crate) struct Library {
    surrogates: Mutex<HashMap<(PathBuf, ActivationChoice), Arc<NeuralSurrogate>>>,
    generators: Mutex<HashMap<String, Arc<RecordGenerator>>>,
    networks: Mutex<HashMap<String, Arc<DopantNetwork>>>,
}

/// Most noise generators that are kept for reuse.
const MOST_GENERATORS: usize = 32;

/// Most dopant networks that are kept for reuse.
const MOST_NETWORKS: usize = 256;

impl Library {
    pub(crate) fn network_file(&self, path: &Path) -> Result<Arc<DopantNetwork>, NetworkError> {
        self.network(path.display().to_string(), || DopantNetwork::from_file(path))
    }

    pub(crate) fn network_made(&self, generate: &Generate) -> Result<Arc<DopantNetwork>, NetworkError> {
        self.network(format!("{generate:?}"), || DopantNetwork::from_description(&generate.describe()?))
    }

    fn network(
        &self,
        key: String,
        make: impl FnOnce() -> Result<DopantNetwork, NetworkError>,
    ) -> Result<Arc<DopantNetwork>, NetworkError> {
        if let Some(known) = self.networks.lock().expect("no thread panics here").get(&key) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(make()?);
        let mut networks = self.networks.lock().expect("no thread panics here");
        if networks.len() >= MOST_NETWORKS {
            networks.clear();
        }
        networks.insert(key, Arc::clone(&made));
        Ok(made)
    }

    pub(crate) fn surrogate(
        &self,
        path: &Path,
        activation: ActivationChoice,
    ) -> Result<Arc<NeuralSurrogate>, device::DeviceError> {
        let key = (path.to_owned(), activation);
        if let Some(known) = self.surrogates.lock().expect("no thread panics here").get(&key) {
            return Ok(Arc::clone(known));
        }
        let function = match activation {
            ActivationChoice::Relu => Activation::Relu,
            ActivationChoice::Elu => Activation::Elu,
            ActivationChoice::Tanh => Activation::Tanh,
            ActivationChoice::Sigmoid => Activation::Sigmoid,
        };
        let loaded = Arc::new(NeuralSurrogate::from_npz(path, function)?);
        self.surrogates.lock().expect("no thread panics here").insert(key, Arc::clone(&loaded));
        Ok(loaded)
    }

    pub(crate) fn generator(&self, model: &NoiseModel, rate_hz: f64, samples: usize) -> Arc<RecordGenerator> {
        let key = format!("{model:?} {rate_hz} {samples}");
        if let Some(known) = self.generators.lock().expect("no thread panics here").get(&key) {
            return Arc::clone(known);
        }
        let made = Arc::new(RecordGenerator::new(model, rate_hz, samples));
        let mut generators = self.generators.lock().expect("no thread panics here");
        if generators.len() >= MOST_GENERATORS {
            generators.clear();
        }
        generators.insert(key, Arc::clone(&made));
        made
    }
}

impl Study {
    /// Understands and checks a document, at every point of its sweep.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its line.
    pub fn new(document: Document) -> Result<Self, ScenarioError> {
        Self::understand(&document).map_err(|e| document.locate(e)).map(|(section, figure, axes, base, library)| Self {
            document,
            section,
            figure,
            axes,
            base,
            library,
        })
    }

    #[allow(clippy::type_complexity, reason = "the parts of a study, named by the caller")]
    fn understand(
        document: &Document,
    ) -> Result<(StudySection, Option<FigureSection>, Vec<Axis>, Table, Library), KeyError> {
        let mut base = document.table.clone();
        let sweep = base.remove("sweep");
        let library = Library::default();
        let seed = base.get("study").and_then(|s| s.get("seed")).and_then(Value::as_integer).unwrap_or(0);
        let mut bounds_of = |path: &str| {
            (path == "device.operating_point_volt")
                .then(|| Point::device_of(&base, document.folder(), &library).ok()?.range_volt())
                .flatten()
        };
        let axes = axes::parse(sweep.as_ref(), seed.cast_unsigned(), &mut bounds_of)?;
        let first = Point::resolve(&base, &axes, 0, document.folder(), &library)?;
        let (section, figure) = (first.scenario.study.clone(), first.scenario.figure.clone());
        let check = |point: usize| {
            Point::resolve(&base, &axes, point, document.folder(), &library)
                .map(|_| ())
                .map_err(|e| KeyError { message: format!("{} (at {})", e.message, coordinates(&axes, point)), ..e })
        };
        (0..axes::points(&axes)).into_par_iter().map(check).find_map_first(Result::err).map_or(Ok(()), Err)?;
        Ok((section, figure, axes, base, library))
    }

    /// Number of points of the sweep.
    #[must_use]
    pub fn points(&self) -> usize {
        axes::points(&self.axes)
    }

    /// One point of the sweep, ready to be prepared.
    #[must_use]
    pub fn point(&self, point: usize) -> Point {
        Point::resolve(&self.base, &self.axes, point, self.document.folder(), &self.library)
            .expect("every point was checked when the study was read")
    }

    pub(crate) fn library(&self) -> &Library {
        &self.library
    }

    /// Coordinates of a point, for messages.
    #[must_use]
    pub fn coordinates(&self, point: usize) -> String {
        coordinates(&self.axes, point)
    }

    /// The scenario as it runs: changes applied, defaults filled in (at the first point), the sweep as written.
    #[must_use]
    pub fn resolved_text(&self) -> String {
        let scenario = self.point(0).scenario;
        let mut text = toml::to_string(&scenario).unwrap_or_default();
        if let Some(sweep) = self.document.table.get("sweep") {
            let mut table = Table::new();
            table.insert("sweep".to_owned(), sweep.clone());
            text.push('\n');
            text.push_str(&toml::to_string(&table).unwrap_or_default());
        }
        text
    }
}

fn coordinates(axes: &[Axis], point: usize) -> String {
    let indices = axes::indices(axes, point);
    let parts: Vec<String> = axes
        .iter()
        .zip(indices)
        .flat_map(|(axis, i)| axis.keys.iter().map(move |k| format!("{} = {}", k.path, k.values[i])))
        .collect();
    if parts.is_empty() { "the only one".to_owned() } else { parts.join(", ") }
}

/// The tree of one point: every swept key set, shallow ones first so that deeper ones refine them.
pub(crate) fn table_at(base: &Table, axes: &[Axis], point: usize) -> Result<Table, KeyError> {
    let indices = axes::indices(axes, point);
    let mut changes: Vec<(&str, &Value)> = axes
        .iter()
        .zip(indices)
        .flat_map(|(a, i)| a.keys.iter().map(move |k| (k.path.as_str(), &k.values[i])))
        .collect();
    changes.sort_by_key(|(path, _)| path.matches('.').count());
    let mut table = base.clone();
    for (path, value) in changes {
        set_path(&mut table, path, value.clone())?;
    }
    Ok(table)
}
