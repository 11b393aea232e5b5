//! A Twilio one can run: real HTTP, signed webhooks, faults on demand.
