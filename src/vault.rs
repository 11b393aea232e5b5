//! The vault port on the local disk: sealed segments, durable before they are announced.
