//! A study: a validated scenario with its axes.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use device::Device;
use estimators::EstimatorError;
use noise::{NoiseError, NoiseModel, RecordGenerator};
use rayon::prelude::*;
use settings::InputFile;
use toml::{Table, Value};

use crate::balanced::Balancing;
use crate::kind::{self, About, PointOfKind};
use crate::language::axes::{self, AxisKey, Components, PerParameter, SweepAxis};
use crate::language::document::{Document, KeyError, is_at_or_below, set_path};
use crate::language::input_files::{SECTIONS, files_of};
use crate::language::scenario::{FigureTable, Scenario, StudySection};
use crate::limits;
use crate::needs;
use crate::point::{Extent, Given, Point, StudyPoint, device_of};
use crate::{PointError, ScenarioError};

/// A validated scenario.
#[derive(Debug)]
pub struct Study {
    /// The document it was read from.
    pub document: Document,
    /// `[study]`.
    pub section: StudySection,
    /// Axes of the sweep, in the order of the file.
    pub axes: Vec<SweepAxis>,
    base: Table,
    first: Point,
    extent: Extent,
    library: Library,
}

/// Files and noise generators that points share.
#[derive(Debug, Default)]
pub struct Library {
    shelf: device::Shelf,
    generators: Mutex<HashMap<String, Arc<RecordGenerator>>>,
    amplitudes: Mutex<HashMap<String, Vec<f64>>>,
}

/// Most noise generators that are kept for reuse, and samples of all their records.
const MOST_GENERATORS: usize = 32;
const MOST_KEPT_SAMPLES: usize = 1 << 22;

/// Most balanced amplitudes that are kept for reuse.
const MOST_AMPLITUDES: usize = 10_000;

impl Library {
    fn holding(device: Option<Arc<dyn Device>>) -> Self {
        Self { shelf: device.map_or_else(Default::default, device::Shelf::holding), ..Self::default() }
    }

    /// Amplitudes that were sought before under this key, or those that `seek` finds.
    pub(crate) fn amplitudes(
        &self,
        key: String,
        seek: impl FnOnce() -> Result<Vec<f64>, EstimatorError>,
    ) -> Result<Vec<f64>, EstimatorError> {
        if let Some(known) = self.amplitudes.lock().expect("no thread panics here").get(&key) {
            return Ok(known.clone());
        }
        let found = seek()?;
        let mut amplitudes = self.amplitudes.lock().expect("no thread panics here");
        if amplitudes.len() >= MOST_AMPLITUDES {
            amplitudes.clear();
        }
        amplitudes.insert(key, found.clone());
        Ok(found)
    }

    /// Surrogates and networks.
    pub(crate) fn shelf(&self) -> &device::Shelf {
        &self.shelf
    }

    pub(crate) fn generator(
        &self,
        model: &NoiseModel,
        rate_hz: f64,
        samples: usize,
    ) -> Result<Arc<RecordGenerator>, NoiseError> {
        let key = format!("{model:?} {rate_hz} {samples}");
        if let Some(known) = self.generators.lock().expect("no thread panics here").get(&key) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(RecordGenerator::new(model, rate_hz, samples)?);
        let mut generators = self.generators.lock().expect("no thread panics here");
        let kept: usize = generators.values().map(|g| g.samples()).sum();
        if generators.len() >= MOST_GENERATORS || kept + samples > MOST_KEPT_SAMPLES {
            generators.clear();
        }
        generators.insert(key, Arc::clone(&made));
        Ok(made)
    }
}

/// Largest sweep of which all points are checked before it runs. In larger ones, up to [`MOST_VALUES`] evenly spaced values of each
/// axis are checked, and as many points across the grid; the others are checked when they are computed.
const MOST_CHECKED: usize = 10_000;

/// Number of values checked on each axis of a large sweep.
const MOST_VALUES: usize = 300;

impl Study {
    /// Understands and checks a document: at every point of its sweep, or of a sweep of more than 10 000 points at a part.
    ///
    /// # Errors
    /// At the first thing that is wrong, with its line.
    pub fn new(document: Document) -> Result<Self, ScenarioError> {
        Self::of(document, None)
    }

    /// The same on a device of the calling program, which `[device]` names by `kind = "given"`.
    ///
    /// # Errors
    /// As [`Study::new`].
    pub fn on_device(document: Document, device: Arc<dyn Device>) -> Result<Self, ScenarioError> {
        Self::of(document, Some(device))
    }

    fn of(document: Document, device: Option<Arc<dyn Device>>) -> Result<Self, ScenarioError> {
        let study = match Self::understand(&document, Library::holding(device)) {
            Ok(understood) => understood(document),
            Err(e) => return Err(document.locate(e)),
        };
        limits::check_sizes(&study, needs::stored_numbers(&study)).map_err(|e| study.document.locate(e))?;
        Ok(study)
    }

    fn understand(document: &Document, library: Library) -> Result<impl FnOnce(Document) -> Self + use<>, KeyError> {
        document.refuse_without_effect()?;
        let mut base = document.table.clone();
        let sweep = base.remove("sweep");
        let seed = base.get("study").and_then(|s| s.get("seed")).and_then(Value::as_integer).unwrap_or(0);
        let components = |others: &[SweepAxis]| operating_components(&base, others, document.folder(), &library);
        let per_parameter = PerParameter { path: OPERATING_POINT, components: &components };
        let axes = axes::parse(sweep.as_ref(), seed.cast_unsigned(), &per_parameter)?;
        let given = |point, balancing| Given::at(&base, &axes, point, document.folder(), &library, balancing);
        let first = resolved(given(0, Balancing::Sought)?)?;
        check_common_coordinates(&first.scenario, &axes)?;
        let check = |point: usize| {
            given(point, Balancing::LeftOut)
                .and_then(resolved)
                .map(|point| (point.of_kind.extent(), point.idle))
                .map_err(|e| at_point(e, &axes, point))
        };
        let checked: Vec<Result<(Extent, Vec<String>), KeyError>> =
            points_to_check(&axes).into_par_iter().map(check).collect();
        let (mut extent, mut idle_everywhere) = (Extent::default(), None::<Vec<String>>);
        for point in checked {
            let (own, idle) = point?;
            extent = extent.most(own);
            idle_everywhere = Some(match idle_everywhere {
                None => idle,
                Some(so_far) => so_far.into_iter().filter(|path| idle.contains(path)).collect(),
            });
        }
        if let Some(path) = idle_everywhere.into_iter().flatten().next() {
            let message = "sweep axis: none of the swept tables above it knows this key";
            return Err(KeyError::new(path, message));
        }
        Ok(move |document| {
            let section = first.scenario.study.clone();
            Self { document, section, axes, base, first, extent, library }
        })
    }

    /// The largest lengths at any checked point.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// Properties of the study that are known before it runs.
    pub(crate) fn about(&self) -> Box<dyn About + '_> {
        kind::about(self)
    }

    /// Number of points of the sweep.
    #[must_use]
    pub fn points(&self) -> usize {
        axes::points(&self.axes)
    }

    /// One point of the sweep, ready to be prepared.
    ///
    /// # Errors
    /// If it is invalid. [`Study::new`] has checked this, except at some points of sweeps of more than 10 000.
    pub fn point(&self, point: usize) -> Result<Point, ScenarioError> {
        self.given(point, Balancing::Sought, resolved)
    }

    /// As [`Study::point`], but without balancing amplitudes, which takes seconds: placeholders are used instead.
    ///
    /// # Errors
    /// As [`Study::point`].
    pub fn unbalanced_point(&self, point: usize) -> Result<Point, ScenarioError> {
        self.given(point, Balancing::LeftOut, resolved)
    }

    /// The point as its kind of study needs it.
    pub(crate) fn point_of<P: StudyPoint>(&self, point: usize) -> Result<P, ScenarioError> {
        self.given(point, Balancing::Sought, |mut given| P::build(&mut given))
    }

    fn given<'s, P>(
        &'s self,
        point: usize,
        balancing: Balancing,
        build: impl FnOnce(Given<'s>) -> Result<P, KeyError>,
    ) -> Result<P, ScenarioError> {
        Given::at(&self.base, &self.axes, point, self.document.folder(), &self.library, balancing)
            .and_then(build)
            .map_err(|e| self.document.locate(at_point(e, &self.axes, point)))
    }

    /// The first point of the sweep.
    #[must_use]
    pub fn first(&self) -> &Point {
        &self.first
    }

    pub(crate) fn first_of_kind(&self) -> &PointOfKind {
        &self.first.of_kind
    }

    /// `[figure]` as the scenario gives it, if there is one.
    #[must_use]
    pub fn figure(&self) -> Option<&Table> {
        self.first.scenario.figure.as_ref().map(|figure| &figure.0)
    }

    /// `[figure]` with its defaults filled in, as written to the results.
    pub fn set_figure(&mut self, figure: Table) {
        self.first.scenario.figure = Some(FigureTable(figure));
    }

    /// Every file that is read at any point of the sweep, as the scenario names it.
    ///
    /// # Errors
    /// At an invalid point. [`Study::new`] has checked this, except at some points of sweeps of more than 10 000.
    pub fn files(&self) -> Result<BTreeSet<InputFile>, ScenarioError> {
        let axes: Vec<SweepAxis> =
            self.axes.iter().map(|axis| if names_files(axis) { axis.clone() } else { first_of(axis) }).collect();
        let mut files = BTreeSet::new();
        for point in 0..axes::points(&axes) {
            let of_point = read_at(&self.base, &axes, point, files_of);
            files.extend(of_point.map_err(|e| self.document.locate(at_point(e, &axes, point)))?.0);
        }
        Ok(files)
    }

    /// Files and noise generators that the points share.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Coordinates of a point, for messages.
    #[must_use]
    pub fn coordinates(&self, point: usize) -> String {
        coordinates(&self.axes, point)
    }

    /// Message for a point that failed: the scenario, the point, its coordinates, and the reason.
    pub(crate) fn failure(&self, point: usize, error: &PointError) -> String {
        let (file, at) = (self.document.file.display(), self.coordinates(point));
        format!("{file}: point {point} of the sweep ({at}) failed: {error}")
    }

    /// The scenario as it runs: changes applied, defaults filled in (at the first point), the sweep as written.
    #[must_use]
    pub fn resolved_text(&self) -> String {
        let mut text = toml::to_string(&self.first.scenario).unwrap_or_default();
        if let Some(sweep) = self.document.table.get("sweep") {
            let mut table = Table::new();
            table.insert("sweep".to_owned(), sweep.clone());
            text.push('\n');
            text.push_str(&toml::to_string(&table).unwrap_or_default());
        }
        text
    }
}

/// The key of the device's operating point, which has one voltage for each parameter.
const OPERATING_POINT: &str = "device.operating_point_volt";

/// Parameters of the device and their ranges, if all devices of the sweep that are checked agree.
fn operating_components(
    base: &Table,
    others: &[SweepAxis],
    folder: &Path,
    library: &Library,
) -> Result<Components, KeyError> {
    let makes_device = |axis: &&SweepAxis| axis.keys.iter().any(|key| key.path.split('.').next() == Some("device"));
    let axes: Vec<SweepAxis> = others.iter().filter(makes_device).cloned().collect();
    let mut common: Option<Components> = None;
    for point in points_to_check(&axes) {
        let at = |e: KeyError| if axes.is_empty() { e } else { at_point(e, &axes, point) };
        let device = device_of(base, &axes, point, folder, library).map_err(at)?;
        let count = device.parameters();
        let bounds = device.range_volt().ok_or_else(|| "the device has no ranges of its own to draw from".to_owned());
        match &mut common {
            None => common = Some(Components { count, bounds }),
            Some(known) if known.count != count => {
                let message = format!(
                    "sweep axis: the devices of this sweep have {} and {count} parameters: run a study for each",
                    known.count
                );
                return Err(at(KeyError::new(OPERATING_POINT, message)));
            }
            Some(known) if known.bounds != bounds => {
                let where_not = coordinates(&axes, point);
                known.bounds = Err(format!("the devices of this sweep have different ranges (another at {where_not})"));
            }
            Some(_) => {}
        }
    }
    common.ok_or_else(|| KeyError::new("device", "is missing"))
}

fn resolved(given: Given<'_>) -> Result<Point, KeyError> {
    given.scenario.study.kind.build(given)
}

fn at_point(error: KeyError, axes: &[SweepAxis], point: usize) -> KeyError {
    KeyError { message: format!("{} (at {})", error.message, coordinates(axes, point)), ..error }
}

/// Whether an axis can change which files are read, that is, sets words in a section that may name files (file names and kinds are never
/// numbers).
fn names_files(axis: &SweepAxis) -> bool {
    let in_section = |path: &str| path.split('.').next().is_some_and(|first| SECTIONS.contains(&first));
    axis.keys.iter().any(|key| in_section(&key.path) && key.values.iter().any(holds_words))
}

fn holds_words(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Table(table) => table.values().any(holds_words),
        Value::Array(items) => items.iter().any(holds_words),
        _ => false,
    }
}

/// The axis reduced to its first values.
fn first_of(axis: &SweepAxis) -> SweepAxis {
    let first = |key: &AxisKey| AxisKey { path: key.path.clone(), values: key.values[..1].to_vec(), labels: None };
    SweepAxis { keys: axis.keys.iter().map(first).collect() }
}

fn points_to_check(axes: &[SweepAxis]) -> Vec<usize> {
    let points = axes::points(axes);
    if points <= MOST_CHECKED {
        return (0..points).collect();
    }
    let evenly = |count: usize| {
        let n = count.min(MOST_VALUES);
        (0..n).map(move |k| k * (count - 1) / (n - 1).max(1))
    };
    let mut stride = points;
    let mut chosen: Vec<usize> = Vec::new();
    for axis in axes {
        stride /= axis.len();
        chosen.extend(evenly(axis.len()).map(|k| k * stride));
    }
    chosen.extend(evenly(points));
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Refuses to sweep keys that define a coordinate shared by all points.
fn check_common_coordinates(first: &Scenario, axes: &[SweepAxis]) -> Result<(), KeyError> {
    let shared = first.study.kind.shared();
    match axes.iter().flat_map(|a| &a.keys).find(|k| shared.contains(&k.path.as_str())) {
        Some(key) => Err(KeyError::new(
            key.path.as_str(),
            "sweep axis: all points of this kind of study share the coordinate that this key makes: run a study for each",
        )),
        None => Ok(()),
    }
}

fn coordinates(axes: &[SweepAxis], point: usize) -> String {
    let indices = axes::indices(axes, point);
    let parts: Vec<String> = axes
        .iter()
        .zip(indices)
        .flat_map(|(axis, i)| axis.keys.iter().map(move |k| format!("{} = {}", k.path, k.values[i])))
        .collect();
    if parts.is_empty() { "the only one".to_owned() } else { parts.join(", ") }
}

/// The result of `parse` for the tree of a point, and the swept keys that have no effect there: if another axis sets the whole table
/// above a key, some of its tables may not have the key (a fit to a whole curve has no amplitude).
pub(crate) fn read_at<T>(
    base: &Table,
    axes: &[SweepAxis],
    point: usize,
    parse: impl Fn(&Table) -> Result<T, KeyError>,
) -> Result<(T, Vec<String>), KeyError> {
    let keys = || axes.iter().flat_map(|axis| &axis.keys);
    let is_given_whole = |path: &str| keys().any(|table| table.path != path && is_at_or_below(path, &table.path));
    let mut idle: Vec<String> = Vec::new();
    loop {
        match parse(&table_at(base, axes, point, &idle)?) {
            Err(e) if e.is_unknown => {
                let culprit = |path: &str| {
                    is_at_or_below(path, &e.key) && is_given_whole(path) && !idle.iter().any(|known| known == path)
                };
                match keys().find(|key| culprit(&key.path)) {
                    Some(key) => idle.push(key.path.clone()),
                    None => return Err(e),
                }
            }
            other => return other.map(|read| (read, idle)),
        }
    }
}

/// The tree of one point: every swept key is set, except those in `without`, and outer keys before inner ones.
fn table_at(base: &Table, axes: &[SweepAxis], point: usize, without: &[String]) -> Result<Table, KeyError> {
    let indices = axes::indices(axes, point);
    let mut changes: Vec<(&str, &Value)> = axes
        .iter()
        .zip(indices)
        .flat_map(|(a, i)| a.keys.iter().map(move |k| (k.path.as_str(), &k.values[i])))
        .filter(|(path, _)| !without.iter().any(|idle| idle == path))
        .collect();
    changes.sort_by_key(|(path, _)| path.matches('.').count());
    let mut table = base.clone();
    for (path, value) in changes {
        set_path(&mut table, path, value.clone())?;
    }
    Ok(table)
}
