//! Twilio client.
