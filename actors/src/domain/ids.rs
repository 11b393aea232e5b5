//! Names of things: parsed once at the edge, trusted inside.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

/// One Twilio call: `CA` and 32 lower-case hex digits.
pub type CallSid = Sid<kind::Call>;
/// One Twilio recording: `RE` and 32 lower-case hex digits.
pub type RecordingSid = Sid<kind::Recording>;
/// One Twilio account or subaccount: `AC` and 32 lower-case hex digits.
pub type AccountSid = Sid<kind::Account>;

/// A Twilio SID: a two-letter kind and 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid<K> {
    bits: u128,
    kind: PhantomData<K>,
}

/// What a SID can name.
mod kind {
    pub trait Kind {
        const PREFIX: &'static str;
        const NAME: &'static str;
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Call;
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Recording;
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Account;

    impl Kind for Call {
        const PREFIX: &'static str = "CA";
        const NAME: &'static str = "call SID";
    }
    impl Kind for Recording {
        const PREFIX: &'static str = "RE";
        const NAME: &'static str = "recording SID";
    }
    impl Kind for Account {
        const PREFIX: &'static str = "AC";
        const NAME: &'static str = "account SID";
    }
}

const SID_DIGITS: usize = 32;

impl<K: kind::Kind> Sid<K> {
    pub const fn from_bits(bits: u128) -> Self {
        Self { bits, kind: PhantomData }
    }

    pub const fn bits(self) -> u128 {
        self.bits
    }
}

impl<K: kind::Kind> FromStr for Sid<K> {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        text.strip_prefix(K::PREFIX)
            .and_then(|digits| digits.as_bytes().as_array())
            .and_then(bits_of)
            .map(Self::from_bits)
            .ok_or(MalformedId { what: K::NAME, shape: K::PREFIX })
    }
}

/// Of lower-case hex digits; every request brings some.
fn bits_of(digits: &[u8; SID_DIGITS]) -> Option<u128> {
    let half = |digits: &[u8]| {
        digits.iter().try_fold(0_u64, |bits, digit| {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(bits << 4 | u64::from(nibble))
        })
    };
    let (high, low) = digits.split_at(SID_DIGITS / 2);
    Some(u128::from(half(high)?) << 64 | u128::from(half(low)?))
}

impl<K: kind::Kind> fmt::Display for Sid<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{:032x}", K::PREFIX, self.bits)
    }
}

impl<K: kind::Kind> fmt::Debug for Sid<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A tenant: 1 to 64 of `a-z 0-9 - _`, so that it is also a safe folder name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessId(Arc<str>);

const BUSINESS_ID_LENGTH_MAX: usize = 64;

impl BusinessId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BusinessId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let allowed =
            |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
        if text.is_empty() || text.len() > BUSINESS_ID_LENGTH_MAX || !text.bytes().all(allowed) {
            return Err(MalformedId { what: "business id", shape: "a-z 0-9 - _" });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for BusinessId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for BusinessId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One call of one business. The tenant is part of the key, so that nobody can ask without naming theirs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    pub business: BusinessId,
    pub call: CallSid,
}

impl fmt::Display for CallKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.business, self.call)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what} (expected is the form {shape}…)")]
pub struct MalformedId {
    what: &'static str,
    shape: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_its_prefix_and_32_lower_case_hex_digits() {
        let text = "CA0123456789abcdef0123456789abcdef";
        assert_eq!(text.parse::<CallSid>().map(|sid| sid.to_string()), Ok(text.to_owned()));
        for wrong in [
            "",
            "CA",
            "RE0123456789abcdef0123456789abcdef",
            "CA0123456789ABCDEF0123456789abcdef",
            "CA0123456789abcdef0123456789abcde",
            "CA0123456789abcdef0123456789abcdef0",
            "CA+123456789abcdef0123456789abcdef",
            "CA0123456789abcdef0123456789abcdeg",
        ] {
            assert!(wrong.parse::<CallSid>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_business_id_is_a_safe_folder_name() {
        assert!("acme-north_2".parse::<BusinessId>().is_ok());
        for wrong in ["", "..", "a/b", "Acme", "a b", &"x".repeat(65)] {
            assert!(wrong.parse::<BusinessId>().is_err(), "{wrong}");
        }
    }
}
