//! How long recordings are kept after they end.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    ForEver,
    Days(NonZeroU32),
}

impl Retention {
    pub const DEFAULT: Self = Self::of_days(7);

    /// As settings and commands say it: 0 keeps for ever.
    pub const fn of_days(days: u32) -> Self {
        match NonZeroU32::new(days) {
            Some(days) => Self::Days(days),
            None => Self::ForEver,
        }
    }

    pub const fn days(self) -> u32 {
        match self {
            Self::ForEver => 0,
            Self::Days(days) => days.get(),
        }
    }

    /// When something that ended then is kept no longer.
    pub fn expiry(self, ended_at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::ForEver => None,
            Self::Days(days) => Some(ended_at.plus(Duration::from_hours(24) * days.get())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_24_hours_and_no_days_are_for_ever() {
        let ended_at = Timestamp::from_millis(1_000);
        let week = Timestamp::from_millis(7 * 86_400_000 + 1_000);
        assert_eq!(Retention::DEFAULT.expiry(ended_at), Some(week));
        assert_eq!(Retention::of_days(0).expiry(ended_at), None);
        assert_eq!([0, 1, 36_500].map(|days| Retention::of_days(days).days()), [0, 1, 36_500]);
    }
}
