//! Work without the interpreter's lock that Ctrl-C ends.

use std::time::Duration;

use pyo3::prelude::*;
use sweep::Stop;

/// Longest time until Ctrl-C is noticed.
const PATIENCE: Duration = Duration::from_millis(50);

/// Does work on a thread of its own while this one, without the interpreter's lock, waits for it or for Ctrl-C, which asks it to stop.
pub(crate) fn interruptible<T: Send>(py: Python<'_>, work: impl FnOnce(&Stop) -> T + Send) -> PyResult<T> {
    let stop = Stop::default();
    let caller = std::thread::current();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let result = work(&stop);
            caller.unpark();
            result
        });
        let mut interrupted = Ok(());
        while !worker.is_finished() {
            py.detach(|| std::thread::park_timeout(if interrupted.is_ok() { PATIENCE } else { PATIENCE / 50 }));
            if interrupted.is_ok() {
                interrupted = py.check_signals();
                if interrupted.is_err() {
                    stop.request();
                }
            }
        }
        let result = worker.join();
        interrupted?;
        result.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            crate::failed(text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
        })
    })
}
