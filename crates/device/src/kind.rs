//! Interface of the kinds of device, and the cache of files and networks that devices share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dopant_network::{DopantNetwork, Generate, NetworkError};
use settings::{InputFile, SettingError};

use crate::{Activation, Device, DeviceError, NeuralSurrogate, Process};

/// Context in which a device is built.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// Folder that relative paths refer to.
    pub folder: &'s Path,
    /// Files read and networks generated before.
    pub shelf: &'s Shelf,
}

/// The settings of a kind of device.
pub trait DeviceKind {
    /// The device.
    ///
    /// # Errors
    /// Names the invalid field.
    fn build(&self, around: &Surroundings) -> Result<Arc<dyn Device>, SettingError>;

    /// Operating point \[V\], if given.
    fn operating_point_volt(&self) -> Option<&[f64]>;

    /// The files that it reads; they are part of the study's identity.
    fn files(&self) -> Vec<InputFile> {
        Vec::new()
    }
}

/// Surrogates read, networks generated and programs started, kept for reuse.
#[derive(Debug, Default)]
pub struct Shelf {
    surrogates: Mutex<HashMap<(PathBuf, Activation), Arc<NeuralSurrogate>>>,
    networks: Mutex<HashMap<String, Arc<DopantNetwork>>>,
    processes: Mutex<HashMap<String, Arc<Process>>>,
    given: Option<Arc<dyn Device>>,
}

/// Largest number of dopant networks kept, and of acceptor pairs in all of them.
const MOST_NETWORKS: usize = 256;
const MOST_KEPT_PAIRS: usize = 1 << 22;

impl Shelf {
    /// With a device for sections of the kind `given`.
    #[must_use]
    pub fn holding(device: Arc<dyn Device>) -> Self {
        Self { given: Some(device), ..Self::default() }
    }

    pub(crate) fn given(&self) -> Option<Arc<dyn Device>> {
        self.given.clone()
    }

    pub(crate) fn network_file(&self, path: &Path) -> Result<Arc<DopantNetwork>, NetworkError> {
        self.network(path.display().to_string(), || DopantNetwork::from_file(path))
    }

    pub(crate) fn network_made(&self, generate: &Generate) -> Result<Arc<DopantNetwork>, NetworkError> {
        self.network(format!("{generate:?}"), || {
            let description = generate.describe()?;
            // one that differs in temperature or rates
            let kept: Vec<Arc<DopantNetwork>> =
                self.networks.lock().expect("no thread panics here").values().cloned().collect();
            DopantNetwork::from_description_near(&description, kept.iter().map(Arc::as_ref))
        })
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
        let pairs = |n: &DopantNetwork| n.acceptors.len().pow(2);
        let kept: usize = networks.values().map(|n| pairs(n)).sum();
        if networks.len() >= MOST_NETWORKS || kept + pairs(&made) > MOST_KEPT_PAIRS {
            networks.clear();
        }
        networks.insert(key, Arc::clone(&made));
        Ok(made)
    }

    pub(crate) fn process(
        &self,
        key: String,
        start: impl FnOnce() -> Result<Process, DeviceError>,
    ) -> Result<Arc<Process>, DeviceError> {
        let mut processes = self.processes.lock().expect("no thread panics here");
        if let Some(known) = processes.get(&key) {
            return Ok(Arc::clone(known));
        }
        let started = Arc::new(start()?);
        processes.insert(key, Arc::clone(&started));
        Ok(started)
    }

    pub(crate) fn surrogate(&self, path: &Path, activation: Activation) -> Result<Arc<NeuralSurrogate>, DeviceError> {
        let key = (path.to_owned(), activation);
        if let Some(known) = self.surrogates.lock().expect("no thread panics here").get(&key) {
            return Ok(Arc::clone(known));
        }
        let loaded = Arc::new(NeuralSurrogate::from_npz(path, activation)?);
        self.surrogates.lock().expect("no thread panics here").insert(key, Arc::clone(&loaded));
        Ok(loaded)
    }
}
