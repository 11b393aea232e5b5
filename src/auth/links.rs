//! Signed links: whoever holds one may read one recording of one call for a while, and nothing else.
//!
//! A link is the base64url of version, key id, expiry, MAC and business. What it is for (call and recording) it
//! does not say: that is in the URL that carries it, and the MAC covers it.
//!
//! Invariant: its key is derived from the auth secret and is not that of tokens: neither can be taken for the other.

use actors::domain::{BusinessId, CallSid, RecordingSid, Timestamp};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// Signs links and checks them.
pub struct Links {
    key: hmac::Key,
    key_id: [u8; KEY_ID_BYTES],
}

/// What the holder of a link may read, and until when (to the second).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub business: BusinessId,
    pub call: CallSid,
    pub recording: RecordingSid,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not ours, changed, or for something else: which of them, nobody is told.
    #[error("the link is not good for this")]
    Bad,
    #[error("the link has expired")]
    Expired,
}

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const EXPIRY_BYTES: usize = 8;
const MAC_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + EXPIRY_BYTES + MAC_BYTES;
/// Nothing that we sign is longer.
const TEXT_BYTES_MAX: usize = 256;

impl Links {
    pub fn new(secret: &SecretString) -> Self {
        let salt = Salt::new(HKDF_SHA256, b"hearback signed links");
        let root = salt.extract(secret.expose_secret().as_bytes());
        let derive = |label: &'static [u8]| -> hmac::Key {
            let label = [label];
            root.expand(&label, hmac::HMAC_SHA256).expect("one block is not too much").into()
        };
        let name = hmac::sign(&derive(b"key id"), b"");
        let key_id = *name.as_ref().first_chunk().expect("a MAC is longer");
        Self { key: derive(b"link"), key_id }
    }

    pub fn sign(&self, grant: &Grant) -> String {
        let expiry_s = grant.expires_at.as_millis() / 1_000;
        let mut link = vec![VERSION];
        link.extend(self.key_id);
        link.extend(expiry_s.to_be_bytes());
        let text = self.text(&grant.business, grant.call, grant.recording, expiry_s);
        link.extend(hmac::sign(&self.key, text.as_bytes()).as_ref());
        link.extend(grant.business.as_str().as_bytes());
        URL_SAFE_NO_PAD.encode(link)
    }

    /// Whether a link is good for this recording of this call now.
    pub fn check(
        &self,
        link: &str,
        call: CallSid,
        recording: RecordingSid,
        now: Timestamp,
    ) -> Result<Grant, LinkError> {
        let Claim { key_id, expiry_s, mac, business } = parse(link).ok_or(LinkError::Bad)?;
        let text = self.text(&business, call, recording, expiry_s);
        let genuine = hmac::verify(&self.key, text.as_bytes(), &mac).is_ok();
        let expires_at =
            expiry_s.checked_mul(1_000).map(Timestamp::from_millis).ok_or(LinkError::Bad)?;
        if !genuine || key_id != self.key_id {
            Err(LinkError::Bad)
        } else if expires_at <= now {
            Err(LinkError::Expired)
        } else {
            Ok(Grant { business, call, recording, expires_at })
        }
    }

    /// What is signed: one line each, of which none can contain a line's end.
    fn text(
        &self,
        business: &BusinessId,
        call: CallSid,
        recording: RecordingSid,
        expiry_s: i64,
    ) -> String {
        let key_id = u32::from_be_bytes(self.key_id);
        format!("{VERSION}\n{key_id}\n{expiry_s}\n{business}\n{call}\n{recording}\n")
    }
}

/// What a link says of itself, believed in nothing yet.
struct Claim {
    key_id: [u8; KEY_ID_BYTES],
    expiry_s: i64,
    mac: [u8; MAC_BYTES],
    business: BusinessId,
}

fn parse(link: &str) -> Option<Claim> {
    if link.len() > TEXT_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(link).ok()?;
    let (head, business) = bytes.split_at_checked(HEAD_BYTES)?;
    let (version, head) = head.split_first()?;
    let (key_id, head) = head.split_first_chunk()?;
    let (expiry, head) = head.split_first_chunk()?;
    let (mac, _) = head.split_first_chunk()?;
    let business = std::str::from_utf8(business).ok()?.parse().ok()?;
    let claim =
        Claim { key_id: *key_id, expiry_s: i64::from_be_bytes(*expiry), mac: *mac, business };
    (*version == VERSION).then_some(claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallSid = CallSid::from_bits(0xca);
    const RECORDING: RecordingSid = RecordingSid::from_bits(0x7e);
    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn links(secret: &str) -> Links {
        Links::new(&secret.into())
    }

    fn grant() -> Grant {
        let expires_at = Timestamp::from_millis(NOW.as_millis() + 60_000);
        let business = "acme".parse().expect("an id");
        Grant { business, call: CALL, recording: RECORDING, expires_at }
    }

    #[test]
    fn a_link_opens_what_it_is_for_until_it_expires() {
        let links = links("the secret of the house");
        let link = links.sign(&grant());
        assert_eq!(links.check(&link, CALL, RECORDING, NOW), Ok(grant()));
        let last = Timestamp::from_millis(NOW.as_millis() + 59_999);
        assert_eq!(links.check(&link, CALL, RECORDING, last), Ok(grant()));
        let late = Timestamp::from_millis(NOW.as_millis() + 60_000);
        assert_eq!(links.check(&link, CALL, RECORDING, late), Err(LinkError::Expired));
    }

    #[test]
    fn it_opens_nothing_else() {
        let link = links("the secret of the house").sign(&grant());
        let ours = links("the secret of the house");
        let bad = Err(LinkError::Bad);
        assert_eq!(ours.check(&link, CallSid::from_bits(1), RECORDING, NOW), bad);
        assert_eq!(ours.check(&link, CALL, RecordingSid::from_bits(1), NOW), bad);
        assert_eq!(links("another secret").check(&link, CALL, RECORDING, NOW), bad);
        let late = Timestamp::from_millis(NOW.as_millis() + 60_000);
        assert_eq!(ours.check(&link, CallSid::from_bits(1), RECORDING, late), bad, "not: expired");
    }

    #[test]
    fn no_changed_bit_is_good_for_anything() {
        let links = links("the secret of the house");
        let good = URL_SAFE_NO_PAD.decode(links.sign(&grant())).expect("base64url");
        for bit in 0..good.len() * 8 {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let link = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(links.check(&link, CALL, RECORDING, NOW), Err(LinkError::Bad), "bit {bit}");
        }
        for length in 0..good.len() {
            let link = URL_SAFE_NO_PAD.encode(&good[..length]);
            assert_eq!(links.check(&link, CALL, RECORDING, NOW), Err(LinkError::Bad), "{length}");
        }
        for nonsense in ["", "=", "a.b.c", "\u{202e}", &"A".repeat(10_000)] {
            assert_eq!(links.check(nonsense, CALL, RECORDING, NOW), Err(LinkError::Bad));
        }
    }

    #[test]
    fn the_key_is_not_that_of_tokens() {
        let secret = "the secret of the house";
        let grant = grant();
        let text = links(secret).text(&grant.business, CALL, RECORDING, 1_700_000_060);
        let tokens_key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tokens_mac = hmac::sign(&tokens_key, text.as_bytes());
        let link = URL_SAFE_NO_PAD.decode(links(secret).sign(&grant)).expect("base64url");
        assert_ne!(&link[HEAD_BYTES - MAC_BYTES..HEAD_BYTES], tokens_mac.as_ref());
        assert!(hmac::verify(&links(secret).key, text.as_bytes(), tokens_mac.as_ref()).is_err());
    }
}
