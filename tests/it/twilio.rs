//! The client and the signature against a simulated Twilio.
