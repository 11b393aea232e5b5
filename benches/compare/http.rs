//! Just enough HTTP/1.1 for a client that knows what it will be told, and checks that it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use memchr::memmem;

const PATIENCE: Duration = Duration::from_secs(60);
/// More is no response of ours or of a peer.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// A request as it goes over the wire, and the only response to it that is right.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

#[derive(Clone)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) etag: String,
    /// None where a response has no body and need not say what it would be.
    pub(crate) content_length: Option<usize>,
    pub(crate) content_range: Option<String>,
    pub(crate) body: Bytes,
}

/// The head of a response, of which only what is checked is looked at.
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    /// With the empty line.
    pub(crate) bytes: usize,
    lines: &'a [u8],
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: String,
}

impl<'a> Head<'a> {
    /// None if it is not all here.
    pub(crate) fn parse(bytes: &'a [u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
            ensure!(bytes.len() < HEAD_BYTES_MAX, "a head without an end");
            return Ok(None);
        };
        ensure!(bytes.starts_with(b"HTTP/1.1 "), "no response: {}", text(&bytes[..end]));
        let status = text(&bytes[9..12]).parse().context("a status")?;
        Ok(Some(Self { status, bytes: end + 4, lines: &bytes[..end + 2] }))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.lines;
        while let Some(end) = memmem::find(rest, b"\r\n") {
            let line = &rest[..end];
            rest = &rest[end + 2..];
            if line.len() > name.len()
                && line[name.len()] == b':'
                && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            {
                return std::str::from_utf8(line[name.len() + 1..].trim_ascii()).ok();
            }
        }
        None
    }

    pub(crate) fn check(&self, expected: &Expected) -> anyhow::Result<()> {
        let length = self.value("content-length").and_then(|length| length.parse().ok());
        let right = self.status == expected.status
            && self.value("etag") == Some(&expected.etag)
            && (expected.content_length.is_none() || length == expected.content_length)
            && self.value("content-range") == expected.content_range.as_deref();
        ensure!(
            right,
            "expected {} {:?} {:?} {:?}, got {}",
            expected.status,
            expected.etag,
            expected.content_length,
            expected.content_range,
            text(self.lines)
        );
        Ok(())
    }
}

/// `lines` are header lines, each with its end.
pub(crate) fn request(method: &str, path: &str, lines: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

pub(crate) fn get(address: SocketAddr, path: &str, lines: &str) -> anyhow::Result<Answer> {
    ask(address, &request("GET", path, &format!("Connection: close\r\n{lines}")))
}

/// The body is of the length that the head says.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    ask_on(&mut stream, request)
}

pub(crate) fn ask_on(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 * 1_024]);
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            bail!("it hung up after {} bytes", bytes.len());
        }
        bytes.extend_from_slice(&piece[..count]);
        let Some(head) = Head::parse(&bytes)? else { continue };
        let length = head.value("content-length").unwrap_or("0").parse::<usize>()?;
        if bytes.len() >= head.bytes + length {
            let etag = head.value("etag").unwrap_or_default().to_owned();
            return Ok(Answer { status: head.status, etag });
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
