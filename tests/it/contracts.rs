//! What every adapter of a port must hold, whichever it is.

mod catalog;
mod language_model;
mod providers;
mod speech;
mod vault;
