//! What was signed as somebody set it up, and what is said about it.

use secrecy::SecretString;

use super::*;
use crate::twilio::signature::sign;

const ACME: AccountSid = AccountSid::from_bits(0xac);
const GLOBEX: AccountSid = AccountSid::from_bits(0x61);
const PUBLIC: &str = "https://rec.example.com";
const PATH: &str = "/webhooks/twilio/recording-status";

fn accounts() -> Vec<Account> {
    let account = |sid, tokens: &[&str]| Account {
        sid,
        tokens: tokens.iter().map(|token| SecretString::from(*token)).collect(),
    };
    vec![account(GLOBEX, &["globex-token"]), account(ACME, &["acme-new", "acme-old"])]
}

fn body(account: AccountSid) -> String {
    format!("AccountSid={account}&CallSid=CA1&From=%2B15550100")
}

/// A captured request that was signed over `url`, with what a proxy added to it.
fn captured(url: &str, token: &str, account: AccountSid, target: &str, headers: &str) -> Vec<u8> {
    let body = body(account);
    let params = parse_form(body.as_bytes()).expect("a form");
    let signature = sign(token, url, &params);
    format!("POST {target} HTTP/1.1\r\nX-Twilio-Signature: {signature}\r\n{headers}\r\n{body}\n")
        .into_bytes()
}

fn finding(text: &[u8], public_url: &str) -> Finding {
    let dump = Dump::parse(text).expect("a webhook");
    let verdict = verdict(&dump, public_url, &accounts());
    judge(&verdict, &Guess::expected(&dump, public_url), public_url)
}

/// Signed over, our public URL, what a proxy added, the code, a word of the remedy. The request is for `PATH`.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const HOST: &str = "Host: rec.example.com\r\n";
const SET: &str = "server.public_url to ";

#[rustfmt::skip]
const ROWS: [Row; 13] = [
    ("https://rec.example.com/webhooks/twilio/recording-status", PUBLIC, HOST, "webhook_verifies", "restart"),
    ("https://rec.example.com:443/webhooks/twilio/recording-status", PUBLIC, HOST, "webhook_verifies", "restart"),
    ("http://rec.example.com/webhooks/twilio/recording-status", PUBLIC, HOST, "webhook_other_url", "http://rec.example.com "),
    ("https://rec.example.com/webhooks/twilio/recording-status", "http://127.0.0.1:8080", HOST, "webhook_other_url", "https://rec.example.com "),
    ("https://other.example/webhooks/twilio/recording-status", PUBLIC, "X-Forwarded-Host: other.example, inner\r\n", "webhook_other_url", "https://other.example "),
    ("https://third.example/webhooks/twilio/recording-status", PUBLIC, "Forwarded: for=1.2.3.4;host=third.example;proto=https\r\n", "webhook_other_url", "https://third.example "),
    ("https://rec.example.com/calls/webhooks/twilio/recording-status", PUBLIC, "Host: a\r\nX-Forwarded-Prefix: /calls/\r\n", "webhook_other_url", "https://rec.example.com/calls "),
    ("https://rec.example.com/webhooks/twilio/recording-status", "https://rec.example.com/calls", HOST, "webhook_other_url", "https://rec.example.com "),
    ("https://rec.example.com:8443/webhooks/twilio/recording-status", PUBLIC, "Host: rec.example.com\r\nX-Forwarded-Port: 8443\r\n", "webhook_other_url", "https://rec.example.com:8443 "),
    ("https://rec.example.com/webhooks/twilio/recording-status/", PUBLIC, HOST, "webhook_other_path", "without the slash"),
    ("https://rec.example.com/twilio", PUBLIC, "X-Original-URI: /twilio\r\n", "webhook_other_path", "as the service knows it"),
    ("https://rec.example.com/webhooks/twilio/recording-status?a=1", PUBLIC, "X-Forwarded-Uri: /webhooks/twilio/recording-status?a=1\r\n", "webhook_other_query", "query"),
    ("https://elsewhere.example/webhooks/twilio/recording-status", PUBLIC, HOST, "webhook_token_unknown", "add-token"),
];

#[test]
fn what_would_verify_is_found_and_named() {
    for (signed_over, public_url, headers, code, remedy) in ROWS {
        let found = finding(&captured(signed_over, "acme-old", ACME, PATH, headers), public_url);
        assert_eq!(found.code, code, "{signed_over}: {found:?}");
        let set = if code == "webhook_other_url" { SET } else { "" };
        assert!(found.remedy.contains(&format!("{set}{remedy}")), "{signed_over}: {found:?}");
    }
    let added = format!("{PATH}?added=1");
    let url = format!("{PUBLIC}{PATH}");
    let found = finding(&captured(&url, "acme-old", ACME, &added, HOST), PUBLIC);
    assert_eq!(found.code, "webhook_other_query", "{found:?}");
}

#[test]
fn whose_token_it_was_is_told() {
    let url = format!("{PUBLIC}{PATH}");
    let text = |token, account| captured(&url, token, account, PATH, "Host: rec.example.com\r\n");
    let found = finding(&text("globex-token", ACME), PUBLIC);
    assert_eq!(found.code, "webhook_other_account");
    assert!(found.evidence.contains(&GLOBEX.to_string()), "{found:?}");
    assert_eq!(finding(&text("nobodys", ACME), PUBLIC).code, "webhook_token_unknown");
    let stranger = AccountSid::from_bits(0xbad);
    let found = finding(&text("nobodys", stranger), PUBLIC);
    assert_eq!(found.code, "webhook_unknown_account");
    assert!(found.remedy.contains(&format!("business add --twilio-account-sid {stranger}")));
    for found in [finding(&text("acme-new", ACME), PUBLIC), finding(&text("nobodys", ACME), PUBLIC)]
    {
        let all = format!("{found:?}");
        assert!(!all.contains("5550100") && !all.contains("acme-"), "{all}");
    }
}

#[test]
fn fields_are_as_good_as_a_request() {
    let body = body(ACME);
    let params = parse_form(body.as_bytes()).expect("a form");
    let signature = sign("acme-new", "https://in.example/webhooks/twilio/call-status", &params);
    let text = format!(
        "url: https://in.example/webhooks/twilio/call-status#rc=5\nX-Twilio-Signature: {signature}\nbody: {body}\n"
    );
    let found = finding(text.as_bytes(), PUBLIC);
    assert_eq!(found.code, "webhook_other_url");
    assert!(found.remedy.contains("https://in.example "), "{found:?}");
    let unsigned = format!("POST {PATH} HTTP/1.1\nHost: a\n\n{body}");
    assert_eq!(finding(unsigned.as_bytes(), PUBLIC).code, "webhook_unsigned");
    let empty = format!("POST {PATH} HTTP/1.1\nX-Twilio-Signature: abc=\n\n");
    assert_eq!(finding(empty.as_bytes(), PUBLIC).code, "webhook_names_no_account");
    for nonsense in ["", "hello", "{\"a\": 1}", "\n\n"] {
        assert!(Dump::parse(nonsense.as_bytes()).is_none(), "{nonsense}");
    }
}
