//! Training of a physical system by its own measured gradient, and other optimisers for comparison.
//!
//! A [`meter::Meter`] applies the input patterns of a task one after the other, like the instrument, and reads currents
//! and their derivatives with respect to all controls; a [`loss::Loss`] maps the currents to one number and gives its
//! derivatives; [`descent`] combines the two and iterates:
//!
//! ```text
//! ∂E/∂w_m = Σ_p ∂E/∂I_p · g[p, m],   w ← w − η ∂E/∂w
//! ```
//!
//! (Boon et al., Nat. Commun. 16, 10272 (2025), "B25", Fig. 4). All measurements of an optimiser go through a
//! [`session::Session`], which counts the time and the samples that the instrument would need, so that optimisers are
//! compared at equal measurement time.

#[cfg(feature = "cma-es")]
pub mod cma_es;
pub mod descent;
#[cfg(feature = "fitted-network")]
pub mod device_fit;
mod error;
mod finite;
pub mod gains;
pub mod genetic;
pub mod loss;
pub mod meter;
pub mod optimiser;
pub mod second_order;
pub mod session;
pub mod spsa;
pub mod stretch;
#[cfg(feature = "fitted-network")]
pub mod surrogate;
pub mod table;
pub mod targets;
pub mod task;
pub mod tasks;
pub mod threshold;
pub mod update;
pub mod wiring;

pub use error::TrainingError;
pub use loss::{Loss, LossValue, Separation};
pub use meter::{Answer, Meter, Timing};
pub use optimiser::{Optimiser, OptimiserKind};
pub use session::{Judge, Limits, Session};
pub use targets::Targets;
pub use task::Patterns;
pub use threshold::Threshold;
pub use update::Update;
pub use wiring::Wiring;
