//! What an answer lacks, and whose doing that is. Pure.

use super::asking::Answer;
use crate::doctor::specimen::{BYTES_MAX, Specimen};
use crate::doctor::{Finding, Severity};

/// One question about the recording.
pub(super) enum Probe {
    Range,
    FreshIfRange,
    StaleIfRange,
    IfNoneMatch,
    Head,
    Prefer,
    Origin(String),
}

impl Probe {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Range => "a range",
            Self::FreshIfRange => "a range with If-Range",
            Self::StaleIfRange => "a range with a stale If-Range",
            Self::IfNoneMatch => "If-None-Match",
            Self::Head => "HEAD",
            Self::Prefer => "Prefer",
            Self::Origin(_) => "another origin",
        }
    }
}

pub(super) const REQUEST_ID: &str = "hearback-doctor";
pub(super) const RANGE_ASKED: &str = "bytes=16-47";
pub(super) const DROPS_RANGE: &str = "drops_range";
const CHANGES_WEBHOOKS: &str = "changes_webhooks";
const FIRST: usize = 16;
const PAST_LAST: usize = 48;

const PASS_ALL: &str = "pass the service's headers on as they are";

pub(super) fn whole(answer: &Answer, specimen: &Specimen, cache_control: &str) -> Vec<Finding> {
    if answer.status != 200 {
        return vec![refused(answer)];
    }
    if let Some(coding) = answer.header("content-encoding").filter(|it| *it != "identity") {
        return vec![
            Finding::fault(
                "compresses_audio",
                "The proxy compresses audio, which cannot be sought in then",
            )
            .seen(format!("Content-Encoding: {coding}"))
            .mend("Say gzip off; for /api/ in nginx, or leave audio/mpeg out of gzip_types"),
        ];
    }
    let bytes = body(answer, specimen);
    let headers = [
        lacks(
            answer,
            "etag",
            "drops_etag",
            "ETag",
            Severity::Fault,
            "pass ETag on, and change no body (gzip, sub_filter), which makes nginx take it away",
        ),
        weakened(answer),
        lacks(
            answer,
            "content-length",
            "drops_content_length",
            "Content-Length",
            Severity::Fault,
            "change no body (gzip off; sub_filter none), and speak proxy_http_version 1.1;",
        ),
        lacks(
            answer,
            "accept-ranges",
            "drops_accept_ranges",
            "Accept-Ranges",
            Severity::Fault,
            "take away proxy_hide_header Accept-Ranges and proxy_force_ranges",
        ),
        lacks(
            answer,
            "content-type",
            "drops_content_type",
            "Content-Type",
            Severity::Fault,
            PASS_ALL,
        ),
        lacks(
            answer,
            "cache-control",
            "drops_cache_control",
            "Cache-Control",
            Severity::Fault,
            "take away proxy_ignore_headers, expires and add_header Cache-Control: recordings are private",
        ),
        rewritten_cache_control(answer, cache_control),
        lacks(answer, "repr-digest", "drops_repr_digest", "Repr-Digest", Severity::Hint, PASS_ALL),
        lacks(
            answer,
            "x-request-id",
            "drops_request_id",
            "X-Request-Id",
            Severity::Hint,
            "pass X-Request-Id on both ways, so that a listener's complaint leads to a line of the log",
        ),
    ];
    bytes.into_iter().chain(headers.into_iter().flatten()).chain(aged(answer)).collect()
}

fn refused(answer: &Answer) -> Finding {
    let problem = answer.problem();
    let evidence = match &problem {
        Some(code) => format!("status {}, {code}", answer.status),
        None => format!("status {} in other words than ours", answer.status),
    };
    let finding = Finding::fault("play_refused", "The newest recording is not played");
    let remedy = match problem.as_deref() {
        Some("no_such_call" | "no_recording") => {
            "The running service has another database: give it and hearback doctor the same database.url"
        }
        Some("no_credentials") => {
            "Pass the query of a URL on unchanged, signed links are in it; or give both the same auth.secret"
        }
        Some("rate_limited") => "Raise play.requests_per_second, or ask again when fewer do",
        Some(_) => "See README, Problems, for what the code means, and /debug/actors for the call",
        None => "Let the proxy pass everything below /api/recordings/ on to the service",
    };
    finding.seen(evidence).mend(remedy)
}

/// Byte for byte, as far as it was read.
fn body(answer: &Answer, specimen: &Specimen) -> Option<Finding> {
    let wanted = specimen.copy.length.min(BYTES_MAX) as usize;
    let came = answer.body.len();
    if came < wanted {
        return Some(
            Finding::fault("cuts_bodies", "Recordings are cut short on their way")
                .seen(format!("{came} of {} bytes came{}", specimen.copy.length, if answer.cut { ", then the connection ended" } else { "" }))
                .mend("Say proxy_buffering off; proxy_max_temp_file_size 0; and a longer proxy_read_timeout in nginx, and look into its error log"),
        );
    }
    let common = came.min(specimen.bytes.len());
    (answer.body[..common] != specimen.bytes[..common]).then(|| {
        Finding::fault("changes_bodies", "Other bytes come than are in the vault")
            .seen(format!("among the first {common} bytes"))
            .mend("Take away whatever changes bodies (sub_filter, an optimiser, a virus scanner) for /api/")
    })
}

fn lacks(
    answer: &Answer,
    name: &str,
    code: &'static str,
    header: &str,
    severity: Severity,
    remedy: &str,
) -> Option<Finding> {
    if answer.headers.contains_key(name) {
        return None;
    }
    let finding = Finding::new(code, severity, format!("The header {header} is dropped"));
    Some(finding.seen(format!("the whole recording comes without {header}")).mend(sentence(remedy)))
}

fn sentence(remedy: &str) -> String {
    let mut letters = remedy.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("In the proxy: {}{}", first.to_lowercase(), letters.as_str())
}

fn weakened(answer: &Answer) -> Option<Finding> {
    answer.header("etag").is_some_and(|tag| tag.starts_with("W/")).then(|| {
        Finding::fault("weakens_etag", "The ETag is made weak, so that no player can resume")
            .seen("ETag begins with W/")
            .mend("Say gzip off; for /api/ in nginx, and change no body there")
    })
}

fn rewritten_cache_control(answer: &Answer, configured: &str) -> Option<Finding> {
    let said = answer.header("cache-control")?;
    (said != configured).then(|| {
        Finding::fault("changes_cache_control", "Cache-Control is changed")
            .seen(format!("{said}, and play.cache_control is {configured}"))
            .mend("Take away expires and add_header Cache-Control in the proxy; or restart the service, if play.cache_control is what changed")
    })
}

fn aged(answer: &Answer) -> Option<Finding> {
    let age = answer.header("age")?;
    (age != "0").then(|| caches(&format!("an answer of which Age says {age} s")))
}

fn caches(evidence: &str) -> Finding {
    Finding::fault("caches_audio", "The proxy keeps recordings and gives them to whoever asks")
        .seen(evidence.to_owned())
        .mend("Say proxy_cache off; for /api/ in nginx, take away proxy_ignore_headers, and empty the cache")
}

/// The URL of a moment ago, from somebody without credentials.
pub(super) fn stranger(answer: &Answer) -> Option<Finding> {
    (answer.status == 200)
        .then(|| caches("a URL that was just played is played again, without a token"))
}

pub(super) fn link(answer: &Answer) -> Option<Finding> {
    (answer.status == 401).then(|| {
        Finding::fault("drops_query", "Signed links do not come through")
            .seen(format!("status 401, {}", answer.problem().unwrap_or_default()))
            .mend(
                "Pass the query on unchanged: proxy_pass without a rewrite, or with $is_args$args",
            )
    })
}

pub(super) fn part(probe: &Probe, answer: &Answer, specimen: &Specimen) -> Option<Finding> {
    match probe {
        Probe::Range => range(answer, specimen),
        Probe::FreshIfRange => (answer.status == 200).then(|| {
            Finding::fault("breaks_if_range", "A range with the right If-Range is answered whole, so that players begin anew")
                .seen("status 200 where 206 is due; without If-Range it is 206")
                .mend("Pass If-Range on unchanged: proxy_set_header If-Range $http_if_range;")
        }),
        Probe::StaleIfRange => (answer.status == 206).then(|| {
            Finding::fault("drops_if_range", "The header If-Range is dropped, so that players join two versions into one")
                .seen("status 206 where 200 is due: the tag is another")
                .mend("Say proxy_set_header If-Range $http_if_range; in nginx, and proxy_cache off;")
        }),
        Probe::IfNoneMatch => (answer.status == 200).then(|| {
            Finding::fault("drops_if_none_match", "The header If-None-Match is dropped, so that browsers load again what they have")
                .seen("status 200 where 304 is due")
                .mend("Say proxy_set_header If-None-Match $http_if_none_match; in nginx, and proxy_cache off;")
        }),
        Probe::Head => head(answer, specimen),
        Probe::Prefer => (answer.status == 200 && !answer.headers.contains_key("preference-applied")).then(|| {
            Finding::fault("drops_prefer", "Prefer or Preference-Applied is dropped, so that nobody can say how long to wait")
                .seen("Prefer: wait=1, respond-async is answered without Preference-Applied")
                .mend("Say proxy_set_header Prefer $http_prefer; in nginx, and pass Preference-Applied back")
        }),
        Probe::Origin(origin) => of_origin(answer, origin),
    }
}

fn range(answer: &Answer, specimen: &Specimen) -> Option<Finding> {
    if answer.status == 200 {
        return Some(
            Finding::fault(DROPS_RANGE, "The header Range is dropped, so that nobody can seek")
                .seen("status 200 where 206 is due")
                .mend("Say proxy_set_header Range $http_range; in nginx, and proxy_cache off; (slice is none of its business here)"),
        );
    }
    if answer.status != 206 {
        return None;
    }
    let due = format!("bytes {FIRST}-{}/{}", PAST_LAST - 1, specimen.copy.length);
    let Some(said) = answer.header("content-range") else {
        return Some(
            Finding::fault(
                "drops_content_range",
                "The header Content-Range is dropped, so that players cannot tell what they got",
            )
            .seen("a 206 comes without Content-Range")
            .mend(
                "Take away proxy_hide_header Content-Range and whatever else removes Content-Range",
            ),
        );
    };
    let wrong = said != due || specimen.bytes.get(FIRST..PAST_LAST) != Some(&answer.body);
    wrong.then(|| {
        Finding::fault("changes_ranges", "A range is answered with another range")
            .seen(format!("{said} with {} bytes, and due is {due}", answer.body.len()))
            .mend("Take away slice and proxy_force_ranges in nginx: the service answers ranges itself")
    })
}

fn head(answer: &Answer, specimen: &Specimen) -> Option<Finding> {
    if matches!(answer.status, 403 | 405 | 501) {
        return Some(
            Finding::fault("refuses_head", "HEAD is refused")
                .seen(format!("status {}", answer.status))
                .mend("Allow HEAD beside GET in the proxy (limit_except GET HEAD …)"),
        );
    }
    let length = specimen.copy.length.to_string();
    let said = answer.header("content-length");
    (answer.status == 200 && said != Some(&length)).then(|| {
        Finding::fault("drops_content_length", "The header Content-Length is dropped or changed")
            .seen(format!("HEAD says {}, and due is {length}", said.unwrap_or("nothing")))
            .mend("Change no body (gzip off; sub_filter none) in the proxy, and say proxy_http_version 1.1;")
    })
}

fn of_origin(answer: &Answer, origin: &str) -> Option<Finding> {
    let allowed: Vec<_> = answer.headers.get_all("access-control-allow-origin").iter().collect();
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
    if allowed.len() > 1 {
        return Some(cors(
            "two Access-Control-Allow-Origin",
            "Take away add_header Access-Control-Allow-Origin in the proxy: the service says it itself",
        ));
    }
    if allowed.first().is_none_or(|allowed| *allowed != origin) {
        return Some(cors(
            &format!("no Access-Control-Allow-Origin for {origin}"),
            "Pass Origin on and Access-Control-* back in the proxy; restart the service, if server.cors_origins is what changed",
        ));
    }
    (!exposed.contains("Content-Range")).then(|| {
        cors(
            "Access-Control-Expose-Headers without Content-Range",
            "Pass Access-Control-Expose-Headers back unchanged",
        )
    })
}

fn cors(evidence: &str, remedy: &str) -> Finding {
    Finding::fault(
        "breaks_cors",
        "Pages of other origins cannot play, although server.cors_origins names theirs",
    )
    .seen(evidence.to_owned())
    .mend(remedy)
}

pub(super) fn preflight(answer: &Answer, origin: &str) -> Option<Finding> {
    let allows = |name: &str, value: &str| {
        answer.header(name).is_some_and(|said| said.to_ascii_lowercase().contains(value))
    };
    let good = matches!(answer.status, 200 | 204)
        && allows("access-control-allow-origin", &origin.to_ascii_lowercase())
        && allows("access-control-allow-headers", "authorization")
        && allows("access-control-allow-headers", "range");
    (!good).then(|| {
        Finding::fault("breaks_preflight", "CORS preflights are not answered as browsers need it")
            .seen(format!("OPTIONS answers {}", answer.status))
            .mend(
                "Pass OPTIONS on to the service like any other method, and answer it nowhere else",
            )
    })
}

/// One that is verified and names no call is refused as malformed, and has no effect.
pub(super) fn webhook(answer: &Answer) -> Option<Finding> {
    let problem = answer.problem();
    let (status, told) = (answer.status, problem.as_deref().unwrap_or("in other words than ours"));
    match (status, problem.as_deref()) {
        (400, Some("malformed")) => None,
        (413, _) => Some(
            Finding::fault("limits_bodies", "The proxy refuses webhooks that the service would take")
                .seen("a form of 60 KiB is refused with 413")
                .mend("Say client_max_body_size 128k; in nginx"),
        ),
        (403, Some("signature_mismatch")) => Some(
            Finding::fault(CHANGES_WEBHOOKS, "A webhook that is signed well is refused through the public URL")
                .seen("403, signature_mismatch")
                .mend("Have the proxy pass path, query and body on unchanged, but for the prefix of server.public_url"),
        ),
        _ => Some(
            Finding::fault("refuses_webhooks", "Webhooks do not reach the service")
                .seen(format!("a signed form is answered {status}, {told}"))
                .mend("Let POST /webhooks/twilio/ through in the proxy: no login, no cache, no firewall rule for large forms"),
        ),
    }
}

/// The same cause is told once.
pub(super) fn once_each(findings: &mut Vec<Finding>) {
    let mut known = Vec::new();
    findings.retain(|finding| {
        let new = !known.contains(&finding.code);
        known.push(finding.code);
        new
    });
}

/// What is wrong at the service's own door, too, is not the proxy's doing. `local` is `None` where nobody knows.
pub(super) fn blame(public: Vec<Finding>, local: Option<&[Finding]>) -> Vec<Finding> {
    let Some(local) = local else { return public };
    public
        .into_iter()
        .map(|finding| match local.iter().any(|known| known.code == finding.code) {
            false => {
                let evidence =
                    format!("{}; asked at server.listen the service is right", finding.evidence);
                finding.seen(evidence)
            }
            true if finding.code == CHANGES_WEBHOOKS => other_public_url(),
            true => {
                let evidence = format!(
                    "{}; asked at server.listen the service says the same",
                    finding.evidence
                );
                finding.seen(evidence)
            }
        })
        .collect()
}

fn other_public_url() -> Finding {
    Finding::fault("service_other_public_url", "The running service checks signatures over another public URL than this configuration")
        .seen("a webhook signed over server.public_url is refused (403) at server.listen, too")
        .mend("Set server.public_url for both and restart hearback serve, which logs the callback URLs that it expects")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
        let parse = |(name, value): &(&'static str, &str)| {
            (reqwest::header::HeaderName::from_static(name), value.parse().expect("a value"))
        };
        let headers = headers.iter().map(parse).collect();
        Answer { status, headers, body: bytes::Bytes::new(), cut: false }
    }

    #[test]
    fn what_both_doors_do_is_not_the_proxys_doing() {
        let found = || vec![webhook(&answer(413, &[])).expect("a finding")];
        let [alone] = &blame(found(), Some(&[]))[..] else { panic!("one") };
        assert!(alone.evidence.ends_with("the service is right"), "{}", alone.evidence);
        let [both] = &blame(found(), Some(&found()))[..] else { panic!("one") };
        assert!(both.evidence.ends_with("says the same"), "{}", both.evidence);
        assert_eq!(blame(found(), None), found());
        let mismatch = || {
            let finding = Finding::fault(CHANGES_WEBHOOKS, "a webhook is refused");
            vec![finding]
        };
        assert_eq!(blame(mismatch(), Some(&mismatch()))[0].code, "service_other_public_url");
    }

    #[test]
    fn a_preflight_needs_its_headers_and_two_origins_are_as_bad_as_none() {
        let good = [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-headers", "Authorization, Range"),
        ];
        assert!(preflight(&answer(204, &good), "https://a.example").is_none());
        assert!(preflight(&answer(204, &good[..1]), "https://a.example").is_some());
        assert!(preflight(&answer(405, &good), "https://a.example").is_some());
        let origin = ("access-control-allow-origin", "https://a.example");
        let exposed = ("access-control-expose-headers", "Content-Range");
        assert!(of_origin(&answer(200, &[origin, exposed]), "https://a.example").is_none());
        assert!(of_origin(&answer(200, &[exposed]), "https://a.example").is_some());
    }
}
