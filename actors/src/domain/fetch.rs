//! Fetching, seen from outside the fetcher: who wants it, which one it is, how far it is.

/// One fetch of one recording. Never reused within an actor's life, so that late news is recognised as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// Why a fetch is wanted, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// Somebody waits.
    Listen,
    /// A webhook announced it.
    Prefetch,
    /// Nobody waits and nothing just happened.
    Backfill,
}

impl Intent {
    pub const ALL: [Self; 3] = [Self::Listen, Self::Prefetch, Self::Backfill];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Prefetch => "prefetch",
            Self::Backfill => "backfill",
        }
    }
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub phase: Phase,
    pub received: u64,
    /// As the source declared it.
    pub total: Option<u64>,
}

impl Progress {
    pub const QUEUED: Self = Self { phase: Phase::Queued, received: 0, total: None };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Queued,
    Connecting,
    Receiving,
    /// All bytes are here and good; the copy is being made durable.
    Sealing,
}

impl Phase {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Connecting => "connecting",
            Self::Receiving => "receiving",
            Self::Sealing => "sealing",
        }
    }
}
