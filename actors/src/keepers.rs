//! Actors that keep a promise in the background, pass by pass.

pub(crate) mod reconciler;
pub(crate) mod vault;
