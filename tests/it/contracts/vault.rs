//! The contract of the vault port.
