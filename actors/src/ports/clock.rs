//! Time and chance, owned by tests.

use crate::domain::Timestamp;

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

pub trait Chance: Send + Sync {
    /// Uniform in `0.0..1.0`.
    fn unit(&self) -> f64;

    /// A name nobody else has.
    fn bits(&self) -> u128;
}
