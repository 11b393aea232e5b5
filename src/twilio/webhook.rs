//! Twilio webhook.
