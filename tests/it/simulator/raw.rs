//! A client that sees what is on the wire, and believes none of it.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{ACCOUNT, TOKEN};

/// Silence this long on an open connection is a stall.
const STALL: Duration = Duration::from_millis(1_500);
/// Before the first byte the simulator may be slow.
const SILENCE: Duration = Duration::from_secs(6);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Fin,
    Reset,
    /// Open, but nothing comes.
    Open,
}

pub(super) struct Wire {
    pub head: String,
    pub body: Vec<u8>,
    pub end: End,
}

impl Wire {
    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Sends one GET and reads until the connection ends or falls silent.
pub(super) async fn get(url: &str, more_headers: &str) -> Wire {
    let (address, path) = split(url);
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let basic = STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {basic}\r\n{more_headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 65_536]);
    let end = loop {
        let patience = if bytes.is_empty() { SILENCE } else { STALL };
        match timeout(patience, stream.read(&mut buffer)).await {
            Err(_) => break End::Open,
            Ok(Ok(0)) => break End::Fin,
            Ok(Ok(read)) => bytes.extend_from_slice(&buffer[..read]),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => break End::Reset,
            Ok(Err(error)) => panic!("{error}"),
        }
    };
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let body = at.map_or_else(Vec::new, |at| bytes.split_off(at + 4));
    Wire { head: String::from_utf8(bytes).expect("text"), body, end }
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let at = rest.find('/').expect("a path");
    rest.split_at(at)
}
