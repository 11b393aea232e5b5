//! Going on where a transfer was cut.

use actors::ports::Resume;

use super::*;

const FROM: u64 = 6;

/// What comes of asking for the rest of twelve bytes.
async fn rest(status_line: &str, headers: &str, body: &str) -> Result<(u64, Vec<u8>), FetchError> {
    let answer = format!(
        "HTTP/1.1 {status_line}\r\nContent-Type: audio/mpeg\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let server = Scripted::start(vec![(answer.into_bytes(), Then::HangUp)]).await;
    let from = Resume { offset: FROM, total: 12, validator: "\"v1\"".to_owned() };
    let outcome = client(&server).resume(&request(1), &from).await;
    let heard = server.heard();
    assert!(heard[0].contains("\r\nrange: bytes=6-\r\n"), "{heard:?}");
    assert!(heard[0].contains("\r\nif-range: \"v1\"\r\n"), "{heard:?}");
    assert!(heard[0].contains(&basic_auth()), "{heard:?}");
    let body = outcome?;
    assert_eq!(body.total, Some(12));
    let start = body.start;
    Ok((start, read(body).await?))
}

#[tokio::test]
async fn the_rest_goes_on_where_it_was_cut() {
    let outcome = rest("206 Partial", "Content-Range: bytes 6-11/12\r\n", "second").await;
    assert_eq!(outcome, Ok((6, b"second".to_vec())));
}

#[tokio::test]
async fn a_source_may_begin_anew() {
    assert_eq!(rest("200 OK", "", "first,second").await, Ok((0, b"first,second".to_vec())));
}

#[tokio::test]
async fn a_rest_of_something_else_is_refused() {
    for range in ["bytes 5-11/12", "bytes 6-11/13", "bytes 6-10/12", "bytes 6-11/*", "6-11/12"] {
        let outcome = rest("206 Partial", &format!("Content-Range: {range}\r\n"), "second").await;
        assert!(matches!(outcome, Err(FetchError::Unexpected(_))), "{range}: {outcome:?}");
    }
    let short = rest("206 Partial", "Content-Range: bytes 6-11/12\r\n", "secon").await;
    assert!(matches!(short, Err(FetchError::Unexpected(_))), "{short:?}");
    let missing = rest("206 Partial", "", "second").await;
    assert!(matches!(missing, Err(FetchError::Unexpected(_))), "{missing:?}");
    let status = rest("416 Range Not Satisfiable", "", "").await;
    assert!(
        matches!(status, Err(FetchError::Unexpected(_) | FetchError::Status(416))),
        "{status:?}"
    );
}

#[tokio::test]
async fn what_was_sent_is_named_by_a_strong_tag_or_a_date() {
    let date = "Sat, 21 Nov 2026 06:00:00 GMT";
    for (headers, validator) in [
        (String::new(), None),
        ("ETag: \"v1\"\r\n".to_owned(), Some("\"v1\"")),
        ("ETag: W/\"v1\"\r\n".to_owned(), None),
        (format!("ETag: W/\"v1\"\r\nLast-Modified: {date}\r\n"), Some(date)),
        (format!("ETag: \"v1\"\r\nLast-Modified: {date}\r\n"), Some("\"v1\"")),
    ] {
        let answer = audio(&format!("Content-Length: 5\r\n{headers}"), "sound");
        let server = Scripted::start(vec![(answer.into_bytes(), Then::HangUp)]).await;
        let body = client(&server).open(&request(1)).await.expect("opened");
        assert_eq!(body.validator.as_deref(), validator, "{headers}");
    }
}
