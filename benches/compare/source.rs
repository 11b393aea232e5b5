//! Where the cold come from: as slow as it is told to be, and otherwise like Twilio.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::http::HEAD_BYTES_MAX;

/// How often a paced body goes on.
const BEAT: Duration = Duration::from_millis(10);
const PIECE_BYTES: usize = 64 * 1_024;

#[derive(Default)]
struct Shelf {
    recordings: Mutex<HashMap<String, Arc<Sourced>>>,
}

/// One recording as the source has it, and what was asked of it.
pub(crate) struct Sourced {
    pub(crate) body: Bytes,
    etag: String,
    first_byte_after: Duration,
    /// 0: as fast as it is taken.
    bytes_per_second: AtomicU64,
    fetches: AtomicUsize,
    first_byte_at: Mutex<Option<Instant>>,
}

pub(crate) struct Source {
    pub(crate) address: SocketAddr,
    shelf: Arc<Shelf>,
}

impl Source {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, shelf) = (listener.local_addr()?, Arc::<Shelf>::default());
        let shared = Arc::clone(&shelf);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shelf = Arc::clone(&shared);
                // A client that leaves concerns nobody else.
                thread::spawn(move || shelf.converse(stream));
            }
        });
        Ok(Self { address, shelf })
    }

    /// `path` without its query.
    pub(crate) fn add(
        &self,
        path: &str,
        body: Bytes,
        first_byte_after: Duration,
        bytes_per_second: u64,
    ) -> Arc<Sourced> {
        let sourced = Arc::new(Sourced {
            etag: format!("\"{}-{}\"", body.len(), path.len()),
            body,
            first_byte_after,
            bytes_per_second: AtomicU64::new(bytes_per_second),
            fetches: AtomicUsize::new(0),
            first_byte_at: Mutex::default(),
        });
        let mut known = self.shelf.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.to_owned(), Arc::clone(&sourced));
        sourced
    }
}

impl Sourced {
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// When the first byte of the first fetch was sent.
    pub(crate) fn first_byte_at(&self) -> Option<Instant> {
        *self.first_byte_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn speed_up(&self) {
        self.bytes_per_second.store(0, Ordering::Relaxed);
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        sleep(self.first_byte_after);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: {}\r\nETag: {}\r\n\
             Accept-Ranges: bytes\r\nCache-Control: max-age=3600\r\n\r\n",
            self.body.len(),
            self.etag
        );
        self.first_byte_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(Instant::now);
        let (mut sent, mut due, mut next) = (0, 0.0, Instant::now());
        let mut piece = head.into_bytes();
        while sent < self.body.len() {
            let pace = self.bytes_per_second.load(Ordering::Relaxed);
            let step = if pace == 0 {
                PIECE_BYTES
            } else {
                due += pace as f64 * BEAT.as_secs_f64();
                due as usize - sent.min(due as usize)
            };
            let end = self.body.len().min(sent + step);
            piece.extend_from_slice(&self.body[sent..end]);
            stream.write_all(&piece)?;
            piece.clear();
            sent = end;
            if pace > 0 {
                next += BEAT;
                sleep(next.saturating_duration_since(Instant::now()));
            }
        }
        Ok(())
    }
}

impl Shelf {
    fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        loop {
            while !bytes.ends_with(b"\r\n\r\n") {
                let count = stream.read(&mut piece)?;
                if count == 0 || bytes.len() > HEAD_BYTES_MAX {
                    return Ok(());
                }
                bytes.extend_from_slice(&piece[..count]);
            }
            let head = String::from_utf8_lossy(&bytes);
            let target = head.split(' ').nth(1).unwrap_or_default();
            let path = target.split('?').next().unwrap_or_default();
            let known = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
            let sourced = known.get(path).cloned();
            drop(known);
            match sourced {
                Some(sourced) => sourced.send(&mut stream)?,
                None => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
            }
            bytes.clear();
        }
    }
}
