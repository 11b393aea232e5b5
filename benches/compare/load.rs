//! The load generator: so many connections, each asking again as soon as it was answered, every answer checked.
//!
//! One thread and one buffer, so that it can outrun a server that has a core of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tokio::time::Instant;

use crate::http::{Exchange, Head};
use crate::process::own_time;

/// Before anything counts.
const WARM_UP: Duration = Duration::from_millis(300);
/// Nothing measured here is silent for so long.
const SILENCE_MAX: Duration = Duration::from_secs(5);
const BUFFER_BYTES: usize = 256 * 1_024;

/// What one round brought.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// How much of its core the generator used: at 1 it is the bottleneck.
    pub(crate) generator_share: f64,
}

/// Connection `n` makes the exchange `n % exchanges.len()`, over and over.
pub(crate) fn run(
    address: SocketAddr,
    exchanges: &[Exchange],
    connections: usize,
    span: Duration,
) -> anyhow::Result<Round> {
    let mut poll = Poll::new()?;
    let mut open = Vec::with_capacity(connections);
    for n in 0..connections {
        let mut connection = Connection::open(address, &exchanges[n % exchanges.len()])?;
        poll.registry().register(&mut connection.stream, Token(n), Interest::READABLE)?;
        open.push(connection);
    }
    for connection in &mut open {
        connection.ask()?;
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    turn(&mut poll, &mut open, &mut buffer, WARM_UP)?;
    let (began, own_before) = (Instant::now(), own_time());
    let mut latencies = turn(&mut poll, &mut open, &mut buffer, span)?;
    let (took, own) = (began.elapsed().as_secs_f64(), own_time() - own_before);
    ensure!(!latencies.is_empty(), "nothing was answered in {span:?}");
    latencies.sort_unstable();
    let quantile = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    Ok(Round {
        per_second: latencies.len() as f64 / took,
        p50: Duration::from_nanos(quantile(0.5)),
        p99: Duration::from_nanos(quantile(0.99)),
        generator_share: own.as_secs_f64() / took,
    })
}

/// How long each answer that was complete in this span took, in nanoseconds.
fn turn(
    poll: &mut Poll,
    open: &mut [Connection<'_>],
    buffer: &mut [u8],
    span: Duration,
) -> anyhow::Result<Vec<u64>> {
    let mut events = Events::with_capacity(open.len());
    let mut latencies = Vec::with_capacity(1 << 20);
    let until = Instant::now() + span;
    loop {
        poll.poll(&mut events, Some(SILENCE_MAX))?;
        ensure!(!events.is_empty(), "no answer for {SILENCE_MAX:?}");
        let now = Instant::now();
        if now >= until {
            // What has been told of must not be forgotten: edges come once.
            for event in &events {
                open[event.token().0].take_in(buffer, &mut Vec::new())?;
            }
            return Ok(latencies);
        }
        for event in &events {
            open[event.token().0].take_in(buffer, &mut latencies)?;
        }
    }
}

struct Connection<'a> {
    stream: TcpStream,
    exchange: &'a Exchange,
    asked_at: Instant,
    /// The beginning of a head that is not all here: hardly ever anything.
    partial: Vec<u8>,
    /// None while the head is awaited.
    body: Option<usize>,
}

impl<'a> Connection<'a> {
    fn open(address: SocketAddr, exchange: &'a Exchange) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        Ok(Self { stream, exchange, asked_at: Instant::now(), partial: Vec::new(), body: None })
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        self.asked_at = Instant::now();
        let written = self.stream.write(&self.exchange.request)?;
        ensure!(written == self.exchange.request.len(), "a request did not fit the socket");
        Ok(())
    }

    /// Reads what is there, and asks again when an answer is complete.
    fn take_in(&mut self, buffer: &mut [u8], latencies: &mut Vec<u64>) -> anyhow::Result<()> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => anyhow::bail!("the server hung up"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("reading"),
            };
            if self.is_complete_with(&buffer[..count])? {
                latencies.push(self.asked_at.elapsed().as_nanos() as u64);
                self.ask()?;
            }
            // Less than there was room for is all there was.
            if count < buffer.len() {
                return Ok(());
            }
        }
    }

    fn is_complete_with(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        let expected = &self.exchange.expected;
        let mut bytes = bytes;
        let joined;
        if self.body.is_none() {
            if !self.partial.is_empty() {
                self.partial.extend_from_slice(bytes);
                joined = std::mem::take(&mut self.partial);
                bytes = &joined;
            }
            let Some(head) = Head::parse(bytes)? else {
                self.partial = bytes.to_vec();
                return Ok(false);
            };
            head.check(expected)?;
            bytes = &bytes[head.bytes..];
            self.body = Some(0);
        }
        let before = self.body.unwrap_or(0);
        let after = before + bytes.len();
        ensure!(after <= expected.body.len(), "the body is too long");
        ensure!(bytes == &expected.body[before..after], "the body is wrong after byte {before}");
        self.body = (after < expected.body.len()).then_some(after);
        Ok(self.body.is_none())
    }
}
