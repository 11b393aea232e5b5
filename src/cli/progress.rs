//! How far a command is, for whoever looks on; nothing where nobody does.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

const PERIOD: Duration = Duration::from_millis(500);
/// Back to the beginning of the line, which is emptied.
const CLEAR_LINE: &str = "\r\x1b[K";

/// One line on a terminal's standard error, written over again and again.
pub(super) struct Progress {
    shown: bool,
    shown_at: Instant,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self { shown: io::stderr().is_terminal(), shown_at: Instant::now() }
    }

    pub(super) fn show(&mut self, line: impl FnOnce() -> String) {
        if self.shown && self.shown_at.elapsed() >= PERIOD {
            self.shown_at = Instant::now();
            Self::write(&format!("{CLEAR_LINE}{}", line()));
        }
    }

    pub(super) fn clear(&self) {
        if self.shown {
            Self::write(CLEAR_LINE);
        }
    }

    /// A terminal that went away is no reason to stop.
    fn write(text: &str) {
        let mut terminal = io::stderr().lock();
        let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
    }
}
