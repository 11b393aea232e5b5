//! The contract of the catalog port.
