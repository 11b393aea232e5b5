//! Writes one response onto the socket: paced, framed, ended and counted as its `Manner` says.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::response::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::fault::Framing;
use super::tally::InFlight;
use super::tape::Content;

/// How long a client may take to accept one piece, or to tire of one that never comes.
const PATIENCE: Duration = Duration::from_mins(10);
const PIECE_BYTES: usize = 16 * 1_024;
const PACED_PIECES_PER_SECOND: u64 = 20;
/// The kernel drops on RST what it has not sent, and some receivers what they have not read.
const RESET_DELAY: Duration = Duration::from_millis(30);

/// Travels with a response as an extension. Without one: at once, whole, with its length.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    pub first_byte: Duration,
    pub bytes_per_second: Option<u64>,
    pub framing: Framing,
    /// What `Content-Length` claims, if not the truth.
    pub declared_bytes: Option<usize>,
    pub ending: Ending,
    /// Counts what is sent, and ends with the response.
    pub in_flight: Option<Arc<InFlight>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ending {
    #[default]
    Whole,
    NeverBegins,
    ClosesFirst,
    StallsAfter(usize),
    CutAfter(usize),
    ResetAfter(usize),
}

pub(super) enum Sent {
    /// The connection may be used again.
    Whole,
    AndClosed,
}

pub(super) async fn deliver(
    stream: &mut TcpStream,
    mut head: Parts,
    body: Bytes,
    is_head: bool,
) -> io::Result<Sent> {
    let manner = head.extensions.remove::<Manner>().unwrap_or_default();
    // What is too long for a body travels beside it.
    let body = head.extensions.remove::<Content>().unwrap_or(Content::Held(body));
    wait(stream, Instant::now() + manner.first_byte).await?;
    let sent_bytes = match manner.ending {
        Ending::NeverBegins => {
            await_departure(stream).await;
            return Ok(Sent::AndClosed);
        }
        Ending::ClosesFirst => return close(stream).await,
        Ending::Whole => body.len(),
        Ending::StallsAfter(bytes) | Ending::CutAfter(bytes) | Ending::ResetAfter(bytes) => {
            bytes.min(body.len())
        }
    };
    let length = body.len();
    write(stream, head_bytes(&head, length, &manner, is_head).as_bytes()).await?;
    if is_head {
        return Ok(Sent::Whole);
    }
    write_paced(stream, &body.slice(0..sent_bytes), &manner).await?;
    end(stream, length, &manner).await
}

async fn end(stream: &mut TcpStream, length: usize, manner: &Manner) -> io::Result<Sent> {
    let honest = manner.declared_bytes.is_none_or(|declared| declared == length);
    match (manner.ending, manner.framing) {
        (Ending::Whole, Framing::Chunked) => {
            write(stream, b"0\r\n\r\n").await?;
            Ok(Sent::Whole)
        }
        (Ending::Whole, Framing::ContentLength) if honest => Ok(Sent::Whole),
        (Ending::Whole | Ending::CutAfter(_) | Ending::NeverBegins | Ending::ClosesFirst, _) => {
            close(stream).await
        }
        (Ending::StallsAfter(bytes), Framing::ContentLength) if honest && bytes >= length => {
            Ok(Sent::Whole)
        }
        (Ending::StallsAfter(_), _) => {
            await_departure(stream).await;
            Ok(Sent::AndClosed)
        }
        (Ending::ResetAfter(_), _) => {
            sleep(RESET_DELAY).await;
            stream.set_zero_linger()?;
            Ok(Sent::AndClosed)
        }
    }
}

fn head_bytes(head: &Parts, length: usize, manner: &Manner, is_head: bool) -> String {
    let reason = head.status.canonical_reason().unwrap_or("Unknown");
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16());
    for (name, value) in &head.headers {
        if !is_head && name == header::CONTENT_LENGTH {
            continue;
        }
        text += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    let bodiless = is_head || head.status == StatusCode::NO_CONTENT;
    match manner.framing {
        Framing::ContentLength if !bodiless => {
            let length = manner.declared_bytes.unwrap_or(length);
            text += &format!("content-length: {length}\r\n");
        }
        Framing::Chunked if !bodiless => text += "transfer-encoding: chunked\r\n",
        Framing::UntilClose => text += "connection: close\r\n",
        Framing::ContentLength | Framing::Chunked => {}
    }
    text + "\r\n"
}

async fn write_paced(stream: &mut TcpStream, body: &Content, manner: &Manner) -> io::Result<()> {
    let piece_bytes = manner.bytes_per_second.map_or(PIECE_BYTES, |pace| {
        usize::try_from(pace / PACED_PIECES_PER_SECOND).unwrap_or(PIECE_BYTES).clamp(1, PIECE_BYTES)
    });
    // Paced, the last byte comes alone and when its time has come: nothing is left to be done after it.
    let alone = usize::from(manner.bytes_per_second.is_some()).min(body.len());
    let (most, last) =
        (body.slice(0..body.len() - alone), body.slice(body.len() - alone..body.len()));
    let began = Instant::now();
    let mut sent_bytes = 0;
    for piece in most.pieces(piece_bytes).chain(last.pieces(1)) {
        if let Some(pace) = manner.bytes_per_second {
            let due = Duration::from_millis(sent_bytes * 1_000 / pace.max(1));
            wait(stream, began + due).await?;
        }
        match manner.framing {
            Framing::Chunked => {
                let frame = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
                write(stream, &frame).await?;
            }
            Framing::ContentLength | Framing::UntilClose => write(stream, &piece).await?,
        }
        sent_bytes += piece.len() as u64;
        if let Some(in_flight) = &manner.in_flight {
            in_flight.sent(piece.len() as u64);
        }
    }
    Ok(())
}

/// Ends early, and in an error, when the client leaves.
async fn wait(stream: &TcpStream, until: Instant) -> io::Result<()> {
    let gone = async {
        match stream.peek(&mut [0]).await {
            Ok(0) => io::ErrorKind::BrokenPipe.into(),
            // Its next request can wait.
            Ok(_) => pending().await,
            Err(error) => error,
        }
    };
    tokio::select! {
        biased;
        () = sleep_until(until) => Ok(()),
        error = gone => Err(error),
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, stream.write_all(bytes)).await?
}

async fn close(stream: &mut TcpStream) -> io::Result<Sent> {
    stream.shutdown().await?;
    Ok(Sent::AndClosed)
}

/// Returns when the client has closed, or broken, its side.
async fn await_departure(stream: &mut TcpStream) {
    let mut ignored = [0; 256];
    let gone = async { while stream.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {} };
    // Either way there is nothing left to do for this client.
    let _ = timeout(PATIENCE, gone).await;
}
