//! The client against servers that behave as Twilio does, and as it should not.

mod resuming;
mod scripted;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use actors::domain::{
    AccountSid, CallDetails, CallSid, CallStatus, Direction, FetchError, Format, NotAudio,
    PhoneNumber, RecordingSid,
};
use actors::ports::{RecordingSource, SourceBody, SourceRequest};
use base64::Engine as _;
use futures_util::StreamExt;
use hearback::twilio::client::{Credential, Credentials, TwilioClient, TwilioClientConfig};
use scripted::{PATIENCE, Scripted, Then};

const ACCOUNT: AccountSid = AccountSid::from_bits(0xac);
const CALL: CallSid = CallSid::from_bits(0xca);
const RECORDING: RecordingSid = RecordingSid::from_bits(0x4e);
const SECRET: &str = "an-auth-token";
const BYTES_MAX: u64 = 1_000;

struct OneAccount;

impl Credentials for OneAccount {
    fn of(&self, account: AccountSid) -> Option<Credential> {
        (account == ACCOUNT)
            .then(|| Credential { user: ACCOUNT.to_string(), secret: SECRET.into() })
    }
}

fn client_with(base: &str, adjust: impl FnOnce(&mut TwilioClientConfig)) -> TwilioClient {
    let mut config = TwilioClientConfig {
        base_url: base.parse().expect("a URL"),
        redirect_hosts: vec!["localhost".to_owned()],
        connect_timeout: PATIENCE,
        header_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        total_timeout: PATIENCE,
        max_recording_bytes: BYTES_MAX,
    };
    adjust(&mut config);
    TwilioClient::new(config, Arc::new(OneAccount)).expect("a client")
}

fn client(server: &Scripted) -> TwilioClient {
    client_with(&server.url("127.0.0.1"), |_| {})
}

fn request(channels: u8) -> SourceRequest {
    let channels = Some(channels);
    SourceRequest { account: ACCOUNT, recording: RECORDING, format: Format::Mp3, channels }
}

/// All of a body, or what ended it.
async fn read(body: SourceBody) -> Result<Vec<u8>, FetchError> {
    let mut chunks = body.chunks;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

async fn fetch(client: &TwilioClient, channels: u8) -> Result<Vec<u8>, FetchError> {
    read(client.open(&request(channels)).await?).await
}

/// What comes of one answer.
async fn fetch_one(answer: impl Into<Vec<u8>>, then: Then) -> Result<Vec<u8>, FetchError> {
    let server = Scripted::start(vec![(answer.into(), then)]).await;
    fetch(&client(&server), 1).await
}

fn audio(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n{headers}\r\n{body}")
}

fn whole(body: &str) -> (Vec<u8>, Then) {
    let length = format!("Content-Length: {}\r\n", body.len());
    (audio(&length, body).into_bytes(), Then::HangUp)
}

fn status(status: &str, body: &str) -> (Vec<u8>, Then) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    (answer.into_bytes(), Then::HangUp)
}

fn redirect(location: &str) -> (Vec<u8>, Then) {
    status(&format!("307 Temporary Redirect\r\nLocation: {location}"), "")
}

fn basic_auth() -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{ACCOUNT}:{SECRET}"));
    format!("authorization: basic {pair}\r\n").to_ascii_lowercase()
}

fn request_line(head: &str) -> &str {
    head.split("\r\n").next().unwrap_or_default()
}

mod asking {
    use super::*;

    #[tokio::test]
    async fn the_url_is_made_of_the_base_and_the_sids() {
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}.mp3");
        for (before, line) in [
            ("", format!("GET {path} HTTP/1.1")),
            ("/", format!("GET {path} HTTP/1.1")),
            ("/twilio/", format!("GET /twilio{path} HTTP/1.1")),
        ] {
            let server = Scripted::start(vec![whole("sound")]).await;
            let client = client_with(&format!("{}{before}", server.url("127.0.0.1")), |_| {});
            assert_eq!(fetch(&client, 1).await, Ok(b"sound".to_vec()));
            let heard = server.heard();
            assert_eq!(request_line(&heard[0]), line);
            assert!(heard[0].contains(&basic_auth()), "{heard:?}");
            assert!(heard[0].contains("accept-encoding: identity\r\n"), "{heard:?}");
            assert!(!heard[0].contains("\r\nrange:"), "{heard:?}");
        }
    }

    #[tokio::test]
    async fn two_channels_are_asked_for_where_there_are_two() {
        let server = Scripted::start(vec![whole("stereo")]).await;
        assert_eq!(fetch(&client(&server), 2).await, Ok(b"stereo".to_vec()));
        let heard = server.heard();
        assert_eq!(heard.len(), 1);
        assert!(request_line(&heard[0]).ends_with(".mp3?RequestedChannels=2 HTTP/1.1"));
    }

    #[tokio::test]
    async fn a_mono_recording_is_asked_for_again_as_it_is() {
        for refusal in [
            r#"{"code": 16113, "message": "mono", "status": 400}"#,
            "<TwilioResponse><RestException><Code>16113</Code></RestException></TwilioResponse>",
        ] {
            let server =
                Scripted::start(vec![status("400 Bad Request", refusal), whole("mono")]).await;
            assert_eq!(fetch(&client(&server), 2).await, Ok(b"mono".to_vec()));
            let heard = server.heard();
            assert!(request_line(&heard[0]).ends_with(".mp3?RequestedChannels=2 HTTP/1.1"));
            assert!(request_line(&heard[1]).ends_with(".mp3 HTTP/1.1"));
            assert!(heard[1].contains(&basic_auth()), "{heard:?}");
        }
    }

    #[tokio::test]
    async fn a_refused_question_is_asked_no_third_time() {
        let no = || status("400 Bad Request", "");
        let server = Scripted::start(vec![no(), no()]).await;
        assert_eq!(fetch(&client(&server), 2).await, Err(FetchError::Status(400)));
        assert_eq!(server.heard().len(), 2);
        let server = Scripted::start(vec![no()]).await;
        assert_eq!(fetch(&client(&server), 1).await, Err(FetchError::Status(400)));
        assert_eq!(server.heard().len(), 1);
    }

    #[tokio::test]
    async fn an_account_without_credentials_is_not_asked_for() {
        let server = Scripted::start(vec![whole("sound")]).await;
        let request = SourceRequest { account: AccountSid::from_bits(1), ..request(1) };
        let error = client(&server).open(&request).await.err();
        assert_eq!(error, Some(FetchError::RefusedAccount));
        assert_eq!(server.heard().len(), 0);
    }
}

mod redirects {
    use super::*;

    #[tokio::test]
    async fn credentials_do_not_come_along() {
        let media = Scripted::start(vec![whole("sound")]).await;
        let location = format!("{}/media?sig=1", media.url("localhost"));
        let server = Scripted::start(vec![redirect(&location)]).await;
        assert_eq!(fetch(&client(&server), 1).await, Ok(b"sound".to_vec()));
        let heard = media.heard();
        assert_eq!(request_line(&heard[0]), "GET /media?sig=1 HTTP/1.1");
        for header in ["authorization:", "cookie:", "referer:"] {
            assert!(!heard[0].contains(header), "{heard:?}");
        }
        assert!(heard[0].contains("accept-encoding: identity\r\n"), "{heard:?}");
    }

    #[tokio::test]
    async fn not_even_back_to_where_they_came_from() {
        let server = Scripted::start(vec![redirect("/media?sig=1"), whole("sound")]).await;
        assert_eq!(fetch(&client(&server), 1).await, Ok(b"sound".to_vec()));
        let heard = server.heard();
        assert!(heard[0].contains("authorization:"));
        assert_eq!(request_line(&heard[1]), "GET /media?sig=1 HTTP/1.1");
        assert!(!heard[1].contains("authorization:"), "{heard:?}");
    }

    #[tokio::test]
    async fn three_are_followed_and_no_more() {
        let again = || redirect("/again");
        let server = Scripted::start(vec![again(), again(), again(), whole("sound")]).await;
        assert_eq!(fetch(&client(&server), 1).await, Ok(b"sound".to_vec()));
        let server = Scripted::start((0..9).map(|_| again()).collect()).await;
        assert!(matches!(fetch(&client(&server), 1).await, Err(FetchError::Unexpected(_))));
        assert_eq!(server.heard().len(), 4);
    }

    #[tokio::test]
    async fn a_host_that_is_not_listed_is_never_asked() {
        let elsewhere = Scripted::start(vec![whole("sound")]).await;
        let signed = format!("{}/media?sig=secret", elsewhere.url("127.0.0.1"));
        let server = Scripted::start(vec![redirect(&signed)]).await;
        let error = fetch(&client(&server), 1).await.expect_err("refused");
        assert!(matches!(error, FetchError::Unexpected(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert_eq!(elsewhere.heard().len(), 0);
    }

    #[tokio::test]
    async fn what_leads_nowhere_is_refused() {
        for location in ["http://user:pass@localhost/", "ftp://localhost/", "http://[::1/", ""] {
            let server = Scripted::start(vec![redirect(location)]).await;
            let outcome = fetch(&client(&server), 1).await;
            assert!(matches!(outcome, Err(FetchError::Unexpected(_))), "{location}: {outcome:?}");
        }
    }

    /// The media host's refusal is of the link; the account's breaker must not open for it.
    #[tokio::test]
    async fn a_link_that_is_refused_says_nothing_of_the_account() {
        for line in ["401 Unauthorized", "403 Forbidden", "410 Gone"] {
            let media = Scripted::start(vec![status(line, "")]).await;
            let server = Scripted::start(vec![redirect(&media.url("localhost"))]).await;
            let code = line[..3].parse().expect("a number");
            assert_eq!(fetch(&client(&server), 1).await, Err(FetchError::Status(code)));
        }
    }
}

mod deadlines {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    async fn outcome(
        answer: &str,
        adjust: impl FnOnce(&mut TwilioClientConfig),
    ) -> Result<Vec<u8>, FetchError> {
        let server = Scripted::start(vec![(answer.into(), Then::Silence)]).await;
        fetch(&client_with(&server.url("127.0.0.1"), adjust), 1).await
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_given_up() {
        for begun in ["", "HTTP/1.1 200 OK\r\nContent-Ty"] {
            let given_up = outcome(begun, |config| config.header_timeout = SOON).await;
            assert_eq!(given_up, Err(FetchError::TimedOut("answer")));
        }
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_given_up() {
        let part = audio("Content-Length: 9\r\n", "part");
        let given_up = outcome(&part, |config| config.idle_timeout = SOON).await;
        assert_eq!(given_up, Err(FetchError::TimedOut("send more")));
    }

    #[tokio::test]
    async fn the_whole_has_a_deadline_too() {
        let part = audio("Content-Length: 9\r\n", "part");
        for begun in ["", &part] {
            let given_up = outcome(begun, |config| config.total_timeout = SOON).await;
            assert_eq!(given_up, Err(FetchError::TimedOut("finish")));
        }
    }

    #[tokio::test]
    async fn a_refusal_counts_though_its_reasons_never_come() {
        let refusal = "HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n{";
        let refused = outcome(refusal, |config| config.idle_timeout = SOON).await;
        assert_eq!(refused, Err(FetchError::NotFound));
    }
}

mod bodies {
    use super::*;

    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

    #[tokio::test]
    async fn a_declared_length_is_told_and_kept() {
        let server = Scripted::start(vec![whole("sound")]).await;
        let body = client(&server).open(&request(1)).await.expect("a body");
        assert_eq!(body.total, Some(5));
        assert_eq!(read(body).await, Ok(b"sound".to_vec()));
    }

    #[tokio::test]
    async fn a_chunked_body_has_no_length_and_an_end() {
        let answer = audio(CHUNKED, "3\r\nsou\r\n2\r\nnd\r\n0\r\n\r\n");
        let server = Scripted::start(vec![(answer.into(), Then::HangUp)]).await;
        let body = client(&server).open(&request(1)).await.expect("a body");
        assert_eq!(body.total, None);
        assert_eq!(read(body).await, Ok(b"sound".to_vec()));
    }

    #[tokio::test]
    async fn a_cut_body_is_no_body() {
        let cut = |received| Err(FetchError::Cut { received });
        let declared = audio("Content-Length: 9\r\n", "part");
        assert_eq!(fetch_one(declared, Then::HangUp).await, cut(4));
        let without_an_end = audio(CHUNKED, "4\r\npart\r\n");
        assert_eq!(fetch_one(without_an_end, Then::HangUp).await, cut(4));
        let no_chunk = audio(CHUNKED, "4\r\npart\r\nzz\r\n");
        assert_eq!(fetch_one(no_chunk, Then::Silence).await, cut(4));
    }

    /// A reset may overtake the bytes before it.
    #[tokio::test]
    async fn a_reset_is_a_cut() {
        let answer = audio("Content-Length: 9\r\n", "part");
        let outcome = fetch_one(answer, Then::Reset).await;
        assert!(
            matches!(outcome, Err(FetchError::Cut { .. } | FetchError::Unreachable(_))),
            "{outcome:?}"
        );
    }

    #[tokio::test]
    async fn bytes_beyond_the_declared_length_are_not_read() {
        let answer = audio("Content-Length: 5\r\n", "soundHTTP/1.1 200 OK");
        assert_eq!(fetch_one(answer, Then::HangUp).await, Ok(b"sound".to_vec()));
    }

    #[tokio::test]
    async fn a_body_that_ends_when_the_line_does_is_not_trusted() {
        for head in ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK"] {
            let answer = format!("{head}\r\nContent-Type: audio/mpeg\r\n\r\nsound");
            let outcome = fetch_one(answer, Then::HangUp).await;
            assert!(matches!(outcome, Err(FetchError::Unexpected(_))), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_recording_has_a_size_limit() {
        let (fits, too_much) = ("x".repeat(1_000), "x".repeat(1_001));
        assert_eq!(fits.len() as u64, BYTES_MAX);
        let too_large = || Err(FetchError::TooLarge { limit: BYTES_MAX });
        let chunked =
            |body: &str| audio(CHUNKED, &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
        assert_eq!(fetch_one(whole(&fits).0, Then::HangUp).await, Ok(fits.clone().into()));
        assert_eq!(fetch_one(whole(&too_much).0, Then::HangUp).await, too_large());
        assert_eq!(fetch_one(chunked(&fits), Then::HangUp).await, Ok(fits.into()));
        assert_eq!(fetch_one(chunked(&too_much), Then::HangUp).await, too_large());
    }

    #[tokio::test]
    async fn only_audio_is_audio() {
        for (said, told) in [
            ("text/html; charset=utf-8", "text/html"),
            ("application/xml", "application/xml"),
            ("", ""),
            ("audio", "audio"),
        ] {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {said}\r\nContent-Length: 5\r\n\r\n<oops"
            );
            assert_eq!(
                fetch_one(answer, Then::HangUp).await,
                Err(NotAudio::ContentType(told.to_owned()).into())
            );
        }
        for said in ["audio/mpeg", "audio/x-wav", "Audio/MPEG; rate=8000"] {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {said}\r\nContent-Length: 5\r\n\r\nsound"
            );
            assert_eq!(fetch_one(answer, Then::HangUp).await, Ok(b"sound".to_vec()), "{said}");
        }
    }

    #[tokio::test]
    async fn what_was_not_asked_for_is_refused() {
        let gzipped = audio("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "\u{1f}\u{b}");
        let part = audio("Content-Range: bytes 0-1/9\r\nContent-Length: 2\r\n", "so")
            .replace("200 OK", "206 Partial Content");
        for answer in [gzipped, part] {
            let outcome = fetch_one(answer, Then::HangUp).await;
            assert!(matches!(outcome, Err(FetchError::Unexpected(_))), "{outcome:?}");
        }
    }
}

mod refusals {
    use super::*;

    #[tokio::test]
    async fn each_status_is_told_apart() {
        let throttled =
            |seconds| FetchError::Throttled { retry_after: Duration::from_secs(seconds) };
        for (line, error) in [
            ("401 Unauthorized", FetchError::RefusedAccount),
            ("403 Forbidden", FetchError::RefusedRecording),
            ("404 Not Found", FetchError::NotFound),
            ("410 Gone", FetchError::Deleted),
            ("429 Too Many Requests", throttled(2)),
            ("429 Too Many Requests\r\nRetry-After: 7", throttled(7)),
            ("429 Too Many Requests\r\nRetry-After: 864000", throttled(3_600)),
            ("500 Internal Server Error", FetchError::Status(500)),
            ("503 Service Unavailable", FetchError::Status(503)),
            ("204 No Content", FetchError::Status(204)),
        ] {
            let body = if line.starts_with("204") { "" } else { r#"{"code": 20404}"# };
            let (answer, then) = status(line, body);
            assert_eq!(fetch_one(answer, then).await, Err(error), "{line}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_told_without_the_url() {
        let (address, _kept) = crate::nobody::nobody_listens();
        let base = format!("http://{address}");
        let error = fetch(&client_with(&base, |_| {}), 1).await.expect_err("nobody there");
        assert!(matches!(error, FetchError::Unreachable(_)), "{error:?}");
        let told = format!("{error} {error:?}");
        for private in [RECORDING.to_string(), base, SECRET.to_owned()] {
            assert!(!told.contains(&private), "{told}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_not_http_is_no_answer() {
        for (answer, then) in [("SSH-2.0-OpenSSH_9.6\r\n", Then::HangUp), ("", Then::HangUp)] {
            let outcome = fetch_one(answer, then).await;
            assert!(matches!(outcome, Err(FetchError::Unreachable(_))), "{outcome:?}");
        }
    }
}

mod calls {
    use super::*;

    async fn ask(answer: (Vec<u8>, Then)) -> (Result<CallDetails, FetchError>, Vec<String>) {
        let server = Scripted::start(vec![answer]).await;
        (client(&server).call(ACCOUNT, CALL).await, server.heard())
    }

    #[tokio::test]
    async fn a_call_is_looked_up() {
        let json = format!(
            r#"{{"sid": "{CALL}", "account_sid": "{ACCOUNT}", "parent_call_sid": null,
            "direction": "inbound", "from": "+15550100", "to": null, "status": "completed",
            "start_time": null, "duration": "42"}}"#
        );
        let (details, heard) = ask(status("200 OK", &json)).await;
        let expected = CallDetails {
            direction: Some(Direction::Inbound),
            from: Some(PhoneNumber::new("+15550100")),
            status: Some(CallStatus::Completed),
            duration: Some(Duration::from_secs(42)),
            ..CallDetails::default()
        };
        assert_eq!(details, Ok(expected));
        let line = format!("GET /2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json HTTP/1.1");
        assert_eq!(request_line(&heard[0]), line);
        assert!(heard[0].contains(&basic_auth()), "{heard:?}");
    }

    #[tokio::test]
    async fn what_is_not_that_call_is_refused() {
        for body in [
            "<TwilioResponse/>".to_owned(),
            format!(r#"{{"sid": "{}"}}"#, CallSid::from_bits(1)),
            format!(r#"{{"sid": "{}"}}"#, "x".repeat(100_000)),
        ] {
            let (outcome, _) = ask(status("200 OK", &body)).await;
            assert!(matches!(outcome, Err(FetchError::Unexpected(_))), "{outcome:?}");
        }
        for (line, error) in
            [("404 Not Found", FetchError::NotFound), ("401 No", FetchError::RefusedAccount)]
        {
            assert_eq!(ask(status(line, "{}")).await.0, Err(error));
        }
    }
}
