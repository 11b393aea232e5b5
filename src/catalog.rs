//! The catalog port on a database.
