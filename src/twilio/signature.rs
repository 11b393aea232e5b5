//! Twilio signature.
