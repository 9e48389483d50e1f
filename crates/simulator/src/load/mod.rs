//! Load for benchmarks: devices reduced to what a request needs, raw requests, latencies.
//!
//! Requests are made and signed beforehand where the protocol allows it, so that the load generator
//! takes as little as possible of the processors it shares with the server.

mod enroll;
mod histogram;
mod lean;
mod run;
mod wire;

pub use enroll::{Enrolled, Seeds, enroll};
pub use histogram::Histogram;
pub use lean::{LeanDevice, Prepared};
pub use run::{Report, deliver, hammer};
pub use wire::Target;
