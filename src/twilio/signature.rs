//! Twilio's request signature: HMAC-SHA1 over the URL as Twilio knows it, and the parameters of a form.
//!
//! Invariants: pure · every token and every spelling of the URL is tried, so that the time taken tells
//! nothing · the URL is text and never goes through a parser, which would turn `'` into `%27` and drop a
//! default port, and so break genuine signatures.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The query parameter in which Twilio announces the hash of a body that is not a form.
const BODY_HASH_PARAMETER: &str = "bodySHA256";

/// What Twilio puts into `X-Twilio-Signature`. `params` are the decoded pairs of a form's body; those of the
/// query are in `url` already. A fragment (`#rc=5`, Twilio's own instructions) is not signed.
pub fn sign(token: &str, url: &str, params: &[(String, String)]) -> String {
    STANDARD.encode(mac(token, without_fragment(url), params).finalize().into_bytes())
}

/// Whether a form, or a request without a body, was signed with one of the tokens.
pub fn is_signed_by_any<T: AsRef<str>>(
    tokens: &[T],
    signature: &str,
    url: &str,
    params: &[(String, String)],
) -> bool {
    let claimed = STANDARD.decode(signature).unwrap_or_default();
    let spellings = with_and_without_port(without_fragment(url));
    let mut genuine = false;
    for token in tokens.iter().map(AsRef::as_ref) {
        for spelling in &spellings {
            let matches = mac(token, spelling, params).verify_slice(&claimed).is_ok();
            // Anybody can sign with an empty token.
            genuine |= matches & !token.is_empty();
        }
    }
    genuine
}

/// Whether a body that is not a form was signed with one of the tokens. The signature covers only the URL, and
/// the URL the hash of the body: one check without the other proves nothing.
pub fn is_body_signed_by_any<T: AsRef<str>>(
    tokens: &[T],
    signature: &str,
    url: &str,
    body: &[u8],
) -> bool {
    let hash = hex(&Sha256::digest(body));
    let announced = query_value(without_fragment(url), BODY_HASH_PARAMETER).unwrap_or_default();
    let same_body = verify_slices_are_equal(hash.as_bytes(), announced.as_bytes()).is_ok();
    same_body & is_signed_by_any(tokens, signature, url, &[])
}

fn mac(token: &str, url: &str, params: &[(String, String)]) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes any key");
    mac.update(url.as_bytes());
    let mut values_by_name = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (name, value) in params {
        values_by_name.entry(name).or_default().insert(value);
    }
    for (name, values) in values_by_name {
        for value in values {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
    }
    mac
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(signed, _)| signed)
}

/// Twilio signs the URL sometimes with the port and sometimes without.
fn with_and_without_port(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else {
        return [url.to_owned(), url.to_owned()];
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host_start = authority.rfind('@').map_or(0, |at| at + 1);
    // The colons of an IPv6 address are inside its brackets.
    let name_end = authority.rfind(']').unwrap_or(host_start);
    match authority[name_end..].find(':') {
        Some(colon) => {
            let portless = &authority[..name_end + colon];
            [url.to_owned(), format!("{scheme}://{portless}{path}")]
        }
        None => {
            let port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            [url.to_owned(), format!("{scheme}://{authority}:{port}{path}")]
        }
    }
}

fn query_value<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = url.split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|pair| pair.0 == name)
        .map(|p| p.1)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const BODY: &[u8] = br#"{"property": "value", "boolean": true}"#;
    const BODY_HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    const EMPTY_HASH: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    const CALL: &[(&str, &str)] = &[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];

    fn owned(params: &[(&str, &str)]) -> Vec<(String, String)> {
        params.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Twilio's own libraries publish these (all with the token `12345`), and `sign` must make the same.
    #[test]
    fn signs_as_twilio_publishes() {
        let on = |authority: &str| format!("{authority}/myapp.php?foo=1&bar=2");
        let sids: &[(&str, &str)] = &[
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ];
        let address = "MessagingBinding.Address";
        let addresses = &[(address, "+1325xxxxxxx"), (address, "+1415xxxxxxx")];
        let reversed = &[(address, "+1415xxxxxxx"), (address, "+1325xxxxxxx")];
        #[rustfmt::skip]
        let vectors = [
            (1, on("https://mycompany.com"), CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            (2, on("https://mycompany.com:443"), CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            (3, on("http://mycompany.com:80"), CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            (4, on("http://mycompany.com:1234"), CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            (6, on("https://mycompany.com"), sids, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            (7, on("https://mycompany.com"), addresses, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            (7, on("https://mycompany.com"), reversed, "83O6e2vORAoJHUNzJjDWN1jz+BA="),
            (8, on("https://user:pass@mycompany.com"), CALL, "CukzLTc1tT5dXEDIHm/tKBanW10="),
            (9, on("https://user:pass@mycompany.com:443"), CALL, "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
            (10, on("https://user@mycompany.com"), CALL, "2YRLlVAflCqxaNicjMpJcSTgzSs="),
            (11, format!("{URL}&Body=It's+amazing"), CALL, "dsq4Ehbj6cs+KdTkpF5sSSplOWw="),
            (12, format!("{URL}&bodySHA256={BODY_HASH}"), &[], "a9nBmqA0ju/hNViExpshrM61xv4="),
            (13, format!("https://mycompany.com/myapp.php?bodySHA256={BODY_HASH}"), &[],
                "y77kIzt2vzLz71DgmJGsen2scGs="),
            (14, format!("https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256={EMPTY_HASH}"), &[],
                "Ldidvp12m26NI7eqEvxnEpkd9Hc="),
        ];
        for (number, url, params, signature) in vectors {
            assert_eq!(sign(TOKEN, &url, &owned(params)), signature, "vector {number}");
            assert!(is_signed_by_any(&[TOKEN], signature, &url, &owned(params)), "vector {number}");
        }
    }

    /// Computed by us, not published.
    #[test]
    fn signs_a_recording_callback() {
        let (account, call) = (format!("AC{}", "a".repeat(32)), format!("CA{}", "a".repeat(32)));
        let recording = format!("RE{}", "a".repeat(32));
        let media =
            format!("https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{recording}");
        let params = owned(&[
            ("AccountSid", &account),
            ("CallSid", &call),
            ("RecordingSid", &recording),
            ("RecordingStatus", "completed"),
            ("RecordingDuration", "42"),
            ("RecordingChannels", "2"),
            ("RecordingSource", "DialVerb"),
            ("RecordingUrl", &media),
            ("RecordingStartTime", "Fri, 14 Oct 2016 21:56:34 +0000"),
            ("ErrorCode", "0"),
        ]);
        let url = "https://rec.example.com/webhooks/twilio/recording";
        assert_eq!(sign(TOKEN, url, &params), "//19TUvv/daV//V6bYd6yc4YiAY=");
    }

    #[test]
    fn the_url_is_accepted_with_and_without_its_port() {
        #[rustfmt::skip]
        let accepted = [
            ("https://mycompany.com/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("https://mycompany.com:443/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
            ("https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", "CukzLTc1tT5dXEDIHm/tKBanW10="),
        ];
        for (url, signature) in accepted {
            assert!(is_signed_by_any(&[TOKEN], signature, url, &owned(CALL)), "{url}");
        }
        for (url, other) in [
            ("https://[::1]:8443/a", "https://[::1]/a"),
            ("https://[2001:db8::7]/a", "https://[2001:db8::7]:443/a"),
            ("https://host:8443", "https://host"),
            ("https://host?at=12:30", "https://host:443?at=12:30"),
            ("https://host/a@b:c", "https://host:443/a@b:c"),
            ("no url", "no url"),
        ] {
            assert_eq!(with_and_without_port(url), [url, other]);
        }
    }

    #[test]
    fn an_apostrophe_is_signed_as_it_was_sent() {
        let (raw, escaped) =
            (format!("{URL}&Body=It's+amazing"), format!("{URL}&Body=It%27s+amazing"));
        let params = owned(CALL);
        assert_eq!(sign(TOKEN, &escaped, &params), "TfZzewPq8wqrGlMfyAud8+/IvJ0=");
        assert!(!is_signed_by_any(&[TOKEN], "dsq4Ehbj6cs+KdTkpF5sSSplOWw=", &escaped, &params));
        assert!(!is_signed_by_any(&[TOKEN], "TfZzewPq8wqrGlMfyAud8+/IvJ0=", &raw, &params));
    }

    #[test]
    fn the_fragment_is_not_signed() {
        let url = format!("{URL}#rc=5&rp=ct,rt,5xx");
        assert_eq!(sign(TOKEN, &url, &owned(CALL)), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert!(is_signed_by_any(&[TOKEN], "RSOYDt4T1cUTdK1PDd93/VVr8B8=", &url, &owned(CALL)));
    }

    #[test]
    fn any_token_of_the_account_will_do() {
        let genuine = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        for tokens in [&["12345", "next"], &["previous", "12345"]] {
            assert!(is_signed_by_any(tokens, genuine, URL, &owned(CALL)));
        }
        assert!(!is_signed_by_any(&["previous", "next"], genuine, URL, &owned(CALL)));
    }

    #[test]
    fn refuses_what_twilio_did_not_sign() {
        let genuine = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        let mut tampered = owned(CALL);
        tampered[2].1 = "1235".to_owned();
        for (what, signature, url, params) in [
            ("another signature", "WRONG SIGNATURE", URL, owned(CALL)),
            ("no signature", "", URL, owned(CALL)),
            ("a prefix", "RSOYDt4T1cUTdK1PDd93/VVr", URL, owned(CALL)),
            ("other parameters", genuine, URL, tampered),
            ("fewer parameters", genuine, URL, owned(&CALL[1..])),
            ("another path", genuine, "https://mycompany.com/other.php?foo=1&bar=2", owned(CALL)),
            ("http", genuine, "http://mycompany.com/myapp.php?foo=1&bar=2", owned(CALL)),
        ] {
            assert!(!is_signed_by_any(&[TOKEN], signature, url, &params), "{what}");
        }
        assert!(!is_signed_by_any::<&str>(&[], genuine, URL, &owned(CALL)), "no token");
        let by_nobody = sign("", URL, &owned(CALL));
        assert!(!is_signed_by_any(&[""], &by_nobody, URL, &owned(CALL)), "an empty token");
    }

    #[test]
    fn a_body_needs_both_its_hash_and_the_signature() {
        let url = format!("{URL}&bodySHA256={BODY_HASH}");
        let genuine = "a9nBmqA0ju/hNViExpshrM61xv4=";
        let empty_url = format!("{URL}&bodySHA256={EMPTY_HASH}");
        assert!(is_body_signed_by_any(&[TOKEN], genuine, &url, BODY));
        // Published for `:443`, and accepted for the URL without it.
        assert!(is_body_signed_by_any(&[TOKEN], "Ldidvp12m26NI7eqEvxnEpkd9Hc=", &empty_url, b"{}"));
        for (what, signature, url, body) in [
            ("another body", genuine, url.as_str(), b"{}".as_slice()),
            ("another signature", "Ldidvp12m26NI7eqEvxnEpkd9Hc=", &url, BODY),
            ("a forged hash", genuine, &empty_url, b"{}"),
            ("no hash", &sign(TOKEN, URL, &[]), URL, BODY),
        ] {
            assert!(!is_body_signed_by_any(&[TOKEN], signature, url, body), "{what}");
        }
    }
}
