//! Handles Ctrl-C and the signals of schedulers while a study runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use sweep::Stop;

/// Exit code of a run that saved its work upon SIGUSR1 and should be run again (EX_TEMPFAIL of sysexits.h).
pub(crate) const RUN_AGAIN: u8 = 75;

/// Longest wait for the disk after a second signal.
const PATIENCE: Duration = Duration::from_secs(10);

/// Handles signals until the process ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    pub(crate) stop: Arc<Stop>,
    first: Arc<AtomicI32>,
}

impl Listener {
    /// The first signal asks the study to stop; the second one ends the process as soon as finished units are saved.
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        let heard = listener.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if heard.first.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                    eprintln!("\nstopping: saving finished work (repeat to stop at once)");
                    heard.stop.request();
                } else {
                    heard.stop.at_once(PATIENCE);
                    std::process::exit(i32::from(heard.exit_code()));
                }
            }
        });
        Ok(listener)
    }

    /// 130 after SIGINT, 143 after SIGTERM, 75 after SIGUSR1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.first.load(Ordering::Relaxed) {
            SIGUSR1 => RUN_AGAIN,
            signal => 128_u8.saturating_add(signal as u8),
        }
    }
}
