//! Listeners who come at once, each on a connection of its own, and each asking once: when each byte arrives counts.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use tokio::time::Instant;

use crate::http::{Exchange, Head};

const TICK: Duration = Duration::from_millis(20);
const BUFFER_BYTES: usize = 256 * 1_024;
/// What the kernel holds for a listener who reads slowly.
const SLOW_BUFFER_BYTES: usize = 16 * 1_024;

/// One listener.
pub(crate) struct Listener<'a> {
    stream: TcpStream,
    exchange: &'a Exchange,
    asked: bool,
    head: Vec<u8>,
    /// None while the head is awaited.
    body: Option<usize>,
    pub(crate) began: Instant,
    pub(crate) first_byte: Option<Instant>,
    complete: bool,
}

/// How listeners take what they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All that is there.
    Greedy,
    /// So many bytes at each tick.
    Slow(usize),
}

pub(crate) struct Crowd<'a> {
    poll: Poll,
    address: SocketAddr,
    pub(crate) listeners: Vec<Listener<'a>>,
    reading: Reading,
    buffer: Vec<u8>,
}

impl<'a> Crowd<'a> {
    pub(crate) fn new(address: SocketAddr, reading: Reading) -> anyhow::Result<Self> {
        let (poll, buffer) = (Poll::new()?, vec![0; BUFFER_BYTES]);
        Ok(Self { poll, address, listeners: Vec::new(), reading, buffer })
    }

    /// So many more begin to connect; nothing is waited for.
    pub(crate) fn join(&mut self, count: usize, exchange: &'a Exchange) -> anyhow::Result<()> {
        for _ in 0..count {
            let began = Instant::now();
            let mut stream = TcpStream::connect(self.address)?;
            if self.reading != Reading::Greedy {
                SockRef::from(&stream).set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
            }
            let (token, both) =
                (Token(self.listeners.len()), Interest::READABLE | Interest::WRITABLE);
            self.poll.registry().register(&mut stream, token, both)?;
            self.listeners.push(Listener {
                stream,
                exchange,
                asked: false,
                head: Vec::new(),
                body: None,
                began,
                first_byte: None,
                complete: false,
            });
        }
        Ok(())
    }

    /// Listens for so long, or until all have everything. True if they have.
    pub(crate) fn listen(&mut self, span: Duration) -> anyhow::Result<bool> {
        let until = Instant::now() + span;
        let mut events = Events::with_capacity(self.listeners.len().max(1));
        let mut left = self.listeners.iter().filter(|listener| !listener.complete).count();
        let mut next_tick = Instant::now() + TICK;
        while left > 0 && Instant::now() < until {
            self.poll.poll(&mut events, Some(TICK))?;
            for event in &events {
                let listener = &mut self.listeners[event.token().0];
                listener.ask_once_connected()?;
                if self.reading == Reading::Greedy && listener.take_in(&mut self.buffer, true)? {
                    left -= 1;
                }
            }
            if let Reading::Slow(bytes) = self.reading
                && Instant::now() >= next_tick
            {
                next_tick += TICK;
                for listener in self.listeners.iter_mut().filter(|listener| listener.asked) {
                    if listener.take_in(&mut self.buffer[..bytes], false)? {
                        left -= 1;
                    }
                }
            }
        }
        Ok(left == 0)
    }

    /// Bytes of body that have come, of all listeners.
    pub(crate) fn received(&self) -> usize {
        let of = |listener: &Listener<'_>| match listener.complete {
            true => listener.exchange.expected.body.len(),
            false => listener.body.unwrap_or(0),
        };
        self.listeners.iter().map(of).sum()
    }

    pub(crate) fn have_begun(&self) -> bool {
        self.listeners.iter().all(|listener| listener.first_byte.is_some())
    }
}

impl Listener<'_> {
    fn ask_once_connected(&mut self) -> anyhow::Result<()> {
        if self.asked {
            return Ok(());
        }
        if let Some(error) = self.stream.take_error()? {
            return Err(error).context("connecting");
        }
        match self.stream.write(&self.exchange.request) {
            Ok(written) => ensure!(written == self.exchange.request.len(), "half a request"),
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("asking"),
        }
        self.asked = true;
        Ok(())
    }

    /// Reads what is there, once or to its end. True when the last byte came just now.
    fn take_in(&mut self, buffer: &mut [u8], to_the_end: bool) -> anyhow::Result<bool> {
        if !self.asked || self.complete {
            return Ok(false);
        }
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => anyhow::bail!("cut after {} bytes", self.body.unwrap_or(0)),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("listening"),
            };
            self.hear(&buffer[..count])?;
            if self.complete || !to_the_end {
                return Ok(self.complete);
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let expected = &self.exchange.expected;
        let mut bytes = bytes;
        let joined;
        if self.body.is_none() {
            self.head.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.head);
            let Some(head) = Head::parse(&joined)? else {
                self.head = joined;
                return Ok(());
            };
            head.check(expected)?;
            bytes = &joined[head.bytes..];
            self.body = Some(0);
        }
        if !bytes.is_empty() && self.first_byte.is_none() {
            self.first_byte = Some(Instant::now());
        }
        let before = self.body.unwrap_or(0);
        let after = before + bytes.len();
        ensure!(after <= expected.body.len(), "the body is too long");
        ensure!(bytes == &expected.body[before..after], "the body is wrong after byte {before}");
        self.body = Some(after);
        self.complete = after == expected.body.len();
        Ok(())
    }
}
