//! What every adapter of a port must hold, whichever it is.

mod catalog;
mod vault;
