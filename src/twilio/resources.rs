//! Twilio resources.
