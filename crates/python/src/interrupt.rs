//! Work without the interpreter's lock that Ctrl-C ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

use pyo3::prelude::*;
use sweep::Stop;

/// Longest time until Ctrl-C is noticed.
const PATIENCE: Duration = Duration::from_millis(50);

/// Tells the waiting thread that the work is done, also where it panics.
struct Done<'a> {
    flag: &'a AtomicBool,
    caller: Thread,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.flag.store(true, Ordering::Release);
        self.caller.unpark();
    }
}

/// Does work on a thread of its own while this one, without the interpreter's lock, waits for it or for Ctrl-C, which asks it to stop.
pub(crate) fn interruptible<T: Send>(py: Python<'_>, work: impl FnOnce(&Stop) -> T + Send) -> PyResult<T> {
    let (stop, flag) = (Stop::default(), AtomicBool::new(false));
    let done = Done { flag: &flag, caller: std::thread::current() };
    std::thread::scope(|scope| {
        let asked = &stop;
        let worker = scope.spawn(move || {
            let _done = done;
            work(asked)
        });
        let mut interrupted = Ok(());
        while !flag.load(Ordering::Acquire) {
            py.detach(|| std::thread::park_timeout(PATIENCE));
            if interrupted.is_ok() {
                interrupted = py.check_signals();
                if interrupted.is_err() {
                    stop.request();
                }
            }
        }
        let result = py.detach(|| worker.join());
        interrupted?;
        result.map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            crate::failed(text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
        })
    })
}
