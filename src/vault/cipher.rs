//! AES-256-GCM as the vault uses it: what is sealed is bound to what it is, and whose.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use secrecy::zeroize::Zeroizing;

pub(super) const KEY_BYTES: usize = 32;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

/// Begins everything that `Cipher::wrap` seals, so that another way of wrapping can be told apart.
const WRAPPING: u8 = 1;

/// A key in the clear, wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// A key ready for use: never shown, never copied, wiped when dropped (AWS-LC wipes what it frees).
pub(super) struct Cipher(LessSafeKey);

/// What a seal names beside its content. It opens only to who names the same.
pub(super) struct Binding(Vec<u8>);

/// Not what was sealed: another key, another binding, or other bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused;

impl Cipher {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key is as long as AES-256 wants");
        Self(LessSafeKey::new(key))
    }

    /// Seals in place and returns the tag. The caller never uses a nonce twice with one key.
    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        binding: &Binding,
        content: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(&binding.0), content)
            .expect("only lengths beyond 64 GiB are refused");
        tag.as_ref().try_into().expect("a GCM tag has 16 bytes")
    }

    /// Opens content and the tag behind it into `content`, which is worthless when this is refused.
    pub(super) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        binding: &Binding,
        sealed: &[u8],
        content: &mut [u8],
    ) -> Result<(), Refused> {
        let (sealed, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Refused)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_separate_gather(nonce, Aad::from(&binding.0), sealed, tag, content)
            .map_err(|_| Refused)
    }

    /// Seals something small, such as a key, under a random nonce that travels with it.
    pub(super) fn wrap(&self, binding: &Binding, secret: &[u8]) -> Vec<u8> {
        let nonce = random::<NONCE_BYTES>();
        let mut sealed = Zeroizing::new(secret.to_vec());
        let tag = self.seal(nonce, binding, &mut sealed);
        [&[WRAPPING], nonce.as_slice(), sealed.as_slice(), tag.as_slice()].concat()
    }

    pub(super) fn unwrap(
        &self,
        binding: &Binding,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let sealed = wrapped.strip_prefix(&[WRAPPING]).ok_or(Refused)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Refused)?;
        let length = sealed.len().checked_sub(TAG_BYTES).ok_or(Refused)?;
        let mut secret = Zeroizing::new(vec![0; length]);
        self.open(*nonce, binding, sealed, &mut secret)?;
        Ok(secret)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Cipher(…)")
    }
}

impl Binding {
    /// Each field goes in with its length before it, so that no two lists of fields look alike.
    pub(super) fn of(fields: &[&[u8]]) -> Self {
        Self(Vec::new()).and(fields)
    }

    /// The same and more.
    pub(super) fn and(&self, fields: &[&[u8]]) -> Self {
        let mut encoded = self.0.clone();
        for field in fields {
            encoded.extend((field.len() as u64).to_be_bytes());
            encoded.extend_from_slice(field);
        }
        Self(encoded)
    }
}

pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("AWS-LC would rather abort than run out of randomness");
    bytes
}

pub(super) fn random_key() -> KeyBytes {
    let mut key = KeyBytes::default();
    rand::fill(key.as_mut_slice()).expect("AWS-LC would rather abort than run out of randomness");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_opens_only_under_the_same_key_and_binding() {
        let (cipher, other) = (Cipher::new(&[1; 32]), Cipher::new(&[2; 32]));
        let binding = Binding::of(&[b"token", b"AC1"]);
        let wrapped = cipher.wrap(&binding, b"secret");
        assert_eq!(cipher.unwrap(&binding, &wrapped).expect("opens").as_slice(), b"secret");
        assert!(other.unwrap(&binding, &wrapped).is_err());
        for foreign in [&[b"token".as_slice(), b"AC2"][..], &[b"token"], &[b"tokenAC1"], &[]] {
            assert!(cipher.unwrap(&Binding::of(foreign), &wrapped).is_err(), "{foreign:?}");
        }
        assert_ne!(wrapped, cipher.wrap(&binding, b"secret"), "nonces are never reused");
    }

    #[test]
    fn a_wrapped_secret_with_any_byte_changed_or_missing_is_refused() {
        let cipher = Cipher::new(&[1; 32]);
        let binding = Binding::of(&[b"token"]);
        let wrapped = cipher.wrap(&binding, b"secret");
        for index in 0..wrapped.len() {
            let mut flipped = wrapped.clone();
            flipped[index] ^= 1;
            assert!(cipher.unwrap(&binding, &flipped).is_err(), "byte {index} flipped");
            assert!(cipher.unwrap(&binding, &wrapped[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        assert_ne!(Binding::of(&[b"ab", b"c"]).0, Binding::of(&[b"a", b"bc"]).0);
        assert_ne!(Binding::of(&[b"ab"]).0, Binding::of(&[b"ab", b""]).0);
        assert_eq!(Binding::of(&[b"a"]).and(&[b"b"]).0, Binding::of(&[b"a", b"b"]).0);
    }
}
