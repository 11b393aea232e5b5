//! Who can open what: the master key opens the businesses' keys, a business's key those of its recordings.
//!
//! Invariant: an unwrapped key lives no longer than the work it is needed for. There is no cache of them:
//! unwrapping costs a microsecond, and a key that was destroyed must not go on opening things from memory. What is
//! remembered for a moment are wrapped ones, until the copy is discarded: see `remembered`.
//! Invariant: a master key is made only where nothing was ever sealed.

mod remembered;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use actors::domain::{AudioKey, BusinessId};
use actors::ports::{SealedByMaster, SealedKeys, VaultError};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::cipher::{Binding, Cipher, KEY_BYTES, KeyBytes, Refused, random_key};
use super::key_file;
use remembered::{Remembered, Wrapped};

/// Opens everything, directly or through the keys it wraps. Back it up apart from what it opens.
pub struct MasterKey(KeyBytes);

/// Wraps and unwraps the keys that the store keeps.
pub struct KeyRing {
    master: Cipher,
    store: Arc<dyn SealedKeys>,
    remembered: Remembered,
}

/// The purpose under which the auth tokens of accounts are sealed.
pub const AUTH_TOKEN: &str = "auth token";

const CHECK_TEXT: &[u8] = b"This was sealed with the master key.";

// === impl MasterKey ===

impl MasterKey {
    /// Takes the configured key, else the one in the file; makes one, durable before it is used, where
    /// there is neither and nothing was ever sealed.
    ///
    /// Fails, saying what to do, where the key is malformed, is lost, or is not the one that sealed what
    /// is stored.
    pub async fn load_or_make(
        setting: Option<SecretString>,
        file: &Path,
        store: &dyn SealedKeys,
    ) -> Result<Self, VaultError> {
        let known = store.key_check().await?;
        let is_new = known.is_none();
        let (key, origin) = match (setting, known) {
            (Some(text), _) => (Self::parse(text.expose_secret()), Origin::Setting),
            (None, Some(check)) => {
                let opens =
                    move |text: &str| Self::parse(text).is_some_and(|key| key.opens(&check));
                key_file::finish_exchange(file, opens).await?;
                (Self::parse(&key_file::read_or_make(file, false).await?), Origin::File(file))
            }
            (None, None) => {
                (Self::parse(&key_file::read_or_make(file, true).await?), Origin::File(file))
            }
        };
        let key = key.ok_or_else(|| origin.malformed())?;
        if is_new {
            store.set_key_check(Cipher::new(&key.0).wrap(&check_binding(), CHECK_TEXT)).await?;
        }
        // Read back also what was just set: two services starting for the first time can have two keys.
        let check = store.key_check().await?.unwrap_or_default();
        if key.opens(&check) { Ok(key) } else { Err(origin.wrong_key()) }
    }

    /// The same for somebody who only looks: makes nothing, completes nothing. `None` where nothing was ever sealed.
    pub async fn find(
        setting: Option<SecretString>,
        file: &Path,
        store: &dyn SealedKeys,
    ) -> Result<Option<Self>, VaultError> {
        let Some(check) = store.key_check().await? else { return Ok(None) };
        let (key, origin) = match setting {
            Some(text) => (Self::parse(text.expose_secret()), Origin::Setting),
            None => {
                let opens = |text: &str| Self::parse(text).is_some_and(|key| key.opens(&check));
                let text = key_file::find(file, opens).await?;
                (Self::parse(&text), Origin::File(file))
            }
        };
        let key = key.ok_or_else(|| origin.malformed())?;
        if key.opens(&check) { Ok(Some(key)) } else { Err(origin.wrong_key()) }
    }

    fn opens(&self, check: &[u8]) -> bool {
        Cipher::new(&self.0).unwrap(&check_binding(), check).is_ok()
    }

    /// Reads 64 hex digits, or base64 (either alphabet, padded or not) of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = Zeroizing::new(from_hex(text).or_else(|| from_base64(text))?);
        let mut key = KeyBytes::default();
        key.copy_from_slice(bytes.as_array::<KEY_BYTES>()?);
        Some(Self(key))
    }

    pub(super) fn random() -> Self {
        Self(random_key())
    }

    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES));
        text.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
        text
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MasterKey(…)")
    }
}

/// Where a master key came from, for messages that say what to do.
enum Origin<'a> {
    Setting,
    File(&'a Path),
}

impl Origin<'_> {
    fn malformed(&self) -> VaultError {
        VaultError::Keys(format!(
            "{self} is not a key: expected are 64 hex digits, or base64 of 32 bytes \
             (`openssl rand -hex 32` makes a new one; an old one comes from its backup)"
        ))
    }

    fn wrong_key(&self) -> VaultError {
        let remedy = match self {
            Self::Setting => "set it to the key that was in use before",
            Self::File(_) => "restore the file from its backup, or set vault.master_key",
        };
        VaultError::Keys(format!("{self} does not open what was sealed before: {remedy}"))
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting => out.write_str("vault.master_key"),
            Self::File(file) => write!(out, "the master key in {}", file.display()),
        }
    }
}

// === impl KeyRing ===

impl KeyRing {
    pub fn new(master: &MasterKey, store: Arc<dyn SealedKeys>) -> Self {
        Self { master: Cipher::new(&master.0), store, remembered: Remembered::default() }
    }

    /// Fails where the master key was exchanged since it was loaded.
    pub async fn confirm_master(&self) -> Result<(), VaultError> {
        let check = self.store.key_check().await?.unwrap_or_default();
        match self.master.unwrap(&check_binding(), &check) {
            Ok(_) => Ok(()),
            Err(Refused) => {
                let exchanged =
                    "the master key was exchanged just now: start again with the new one";
                Err(VaultError::Keys(exchanged.to_owned()))
            }
        }
    }

    /// Seals a secret such as an auth token under the master key. It opens only for the same purpose
    /// and subject.
    pub fn seal_secret(&self, purpose: &str, subject: &str, secret: &[u8]) -> Vec<u8> {
        self.master.wrap(&secret_binding(purpose, subject), secret)
    }

    pub fn open_secret(
        &self,
        purpose: &str,
        subject: &str,
        sealed: &[u8],
    ) -> Result<SecretSlice<u8>, VaultError> {
        let opened = self.master.unwrap(&secret_binding(purpose, subject), sealed);
        let mut secret =
            opened.map_err(|Refused| does_not_open(&format!("{purpose} of {subject}")))?;
        Ok(std::mem::take(&mut *secret).into())
    }

    /// Seals with another master key all that this one sealed, in one transaction, and says how much that was.
    ///
    /// `file` is where the master key was made, if that is where this one comes from. The new one is durable beside
    /// it before the transaction and takes its name afterwards: whatever ends the process in between, one of the
    /// two opens what is sealed, and the next start takes that one.
    pub async fn exchange_master(
        self: &Arc<Self>,
        new: &MasterKey,
        file: Option<&Path>,
    ) -> Result<u64, VaultError> {
        let check = self.store.key_check().await?.unwrap_or_default();
        if new.opens(&check) {
            return Err(VaultError::Keys("this is the master key that is in use".to_owned()));
        }
        if let Some(file) = file {
            key_file::stage(file, new.to_hex()).await?;
        }
        let (old, cipher) = (Arc::clone(self), Cipher::new(&new.0));
        let reseal = move |what: &SealedByMaster, sealed: &[u8]| {
            let binding = binding_of(what);
            let opened = old.master.unwrap(&binding, sealed);
            let opened = opened.map_err(|Refused| does_not_open(&format!("{what:?}")))?;
            Ok(cipher.wrap(&binding, &opened))
        };
        let count = self.store.reseal_all(Box::new(reseal)).await;
        self.remembered.forget_all();
        let count = count?;
        if let Some(file) = file {
            key_file::adopt(file).await?;
        }
        Ok(count)
    }

    /// The key that seals a recording's audio; made when it is first asked for.
    pub(super) async fn recording_key(&self, key: &AudioKey) -> Result<Cipher, VaultError> {
        self.unwrap(key, &self.ask(key).await?)
    }

    /// The same, for reading: one that was asked for a moment ago, or while the store is out of reach, is not asked for
    /// again.
    pub(super) async fn reading_key(&self, key: &AudioKey) -> Result<Cipher, VaultError> {
        let known = self.remembered.get(key);
        if let Some(known) = known.as_ref().filter(|known| known.is_confirmed()) {
            return self.unwrap(key, &known.wrapped);
        }
        let asked = self.remembered.asking();
        match (self.ask(key).await, known) {
            (Err(VaultError::KeysAway(_)), Some(known)) => self.unwrap(key, &known.wrapped),
            (wrapped, _) => {
                let wrapped = wrapped?;
                let cipher = self.unwrap(key, &wrapped)?;
                self.remembered.keep(key, wrapped, &asked);
                Ok(cipher)
            }
        }
    }

    /// To be said before a copy of the recording is discarded.
    pub(super) fn forget(&self, key: &AudioKey) {
        self.remembered.forget(key);
    }

    /// Asks for every key from now on.
    pub(super) fn remember_nothing(&self) {
        self.remembered.close();
    }

    async fn ask(&self, key: &AudioKey) -> Result<Wrapped, VaultError> {
        let fresh = self.master.wrap(&business_binding(&key.business), random_key().as_slice());
        let of_business = self.store.key_of_business(&key.business, fresh).await?;
        let business = self.unwrap_business(&key.business, &of_business)?;
        let fresh = business.wrap(&recording_binding(key), random_key().as_slice());
        let of_recording = self.store.key_of_recording(key, fresh).await?;
        Ok(Wrapped { of_business, of_recording })
    }

    fn unwrap(&self, key: &AudioKey, wrapped: &Wrapped) -> Result<Cipher, VaultError> {
        let business = self.unwrap_business(&key.business, &wrapped.of_business)?;
        unwrap_key(&business, &recording_binding(key), &wrapped.of_recording)
            .map_err(|Refused| does_not_open(&format!("key of recording {}", key.recording)))
    }

    fn unwrap_business(&self, business: &BusinessId, wrapped: &[u8]) -> Result<Cipher, VaultError> {
        unwrap_key(&self.master, &business_binding(business), wrapped)
            .map_err(|Refused| does_not_open(&format!("key of business {business}")))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeyRing(…)")
    }
}

fn unwrap_key(by: &Cipher, binding: &Binding, wrapped: &[u8]) -> Result<Cipher, Refused> {
    let key = by.unwrap(binding, wrapped)?;
    Ok(Cipher::new(key.as_array().ok_or(Refused)?))
}

fn does_not_open(what: &str) -> VaultError {
    VaultError::Keys(format!(
        "the stored {what} does not open: it was sealed with another master key, or is damaged"
    ))
}

fn check_binding() -> Binding {
    Binding::of(&[b"key check"])
}

fn business_binding(business: &BusinessId) -> Binding {
    Binding::of(&[b"business key", business.as_str().as_bytes()])
}

fn binding_of(what: &SealedByMaster) -> Binding {
    match what {
        SealedByMaster::KeyCheck => check_binding(),
        SealedByMaster::KeyOfBusiness(business) => business_binding(business),
        SealedByMaster::AuthTokenOf(account) => secret_binding(AUTH_TOKEN, &account.to_string()),
    }
}

fn secret_binding(purpose: &str, subject: &str) -> Binding {
    Binding::of(&[b"secret", purpose.as_bytes(), subject.as_bytes()])
}

fn recording_binding(key: &AudioKey) -> Binding {
    Binding::of(&[
        b"recording key",
        key.business.as_str().as_bytes(),
        key.recording.to_string().as_bytes(),
        key.format.as_str().as_bytes(),
    ])
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8; 2]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(byte).collect()
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_64_hex_digits_or_base64_of_32_bytes() {
        let key = MasterKey::random();
        let hex = key.to_hex();
        let base64 = base64::engine::general_purpose::STANDARD.encode(key.0.as_slice());
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.0.as_slice());
        for text in [hex.to_string(), hex.to_uppercase(), format!(" {}\n", *hex), base64, url_safe]
        {
            assert_eq!(
                MasterKey::parse(&text).map(|parsed| parsed.0),
                Some(key.0.clone()),
                "{text}"
            );
        }
        for wrong in ["", "secret", &hex[..62], &format!("{}00", *hex), &"é".repeat(32)] {
            assert!(MasterKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_key_shows_in_debug_output() {
        let key = MasterKey::parse(&"5a".repeat(32)).expect("a key");
        assert_eq!(format!("{key:?} {:?}", Cipher::new(&key.0)), "MasterKey(…) Cipher(…)");
    }
}
