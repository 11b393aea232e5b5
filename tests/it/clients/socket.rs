//! A client that writes what it likes, and sees what is on the wire.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Socket(TcpStream);

/// What came until the other side closed.
pub(super) struct Heard {
    pub bytes: Vec<u8>,
    pub after: Duration,
    pub was_reset: bool,
}

impl Socket {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("it listens"))
    }

    /// One that can hold only so much that nobody has read.
    pub(super) async fn connect_narrow(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("it is narrow");
        Self(socket.connect(address).await.expect("it listens"))
    }

    pub(super) async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.try_send(text).await.expect("it reads");
    }

    pub(super) async fn try_send(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(text.as_ref()).await
    }

    pub(super) async fn read(&mut self, bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; bytes];
        timeout(PATIENCE, self.0.read_exact(&mut buffer)).await.expect("in time").expect("bytes");
        buffer
    }

    /// The head of one answer.
    pub(super) async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1).await);
        }
        String::from_utf8(head).expect("text")
    }

    /// Reads until the other side closes; that it does, is part of what is tested.
    pub(super) async fn until_closed(&mut self) -> Heard {
        let (started, mut bytes) = (Instant::now(), Vec::new());
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await.expect("it closes");
        Heard { bytes, after: started.elapsed(), was_reset: read.is_err() }
    }
}

impl Heard {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Of each answer; bodies here never look like one.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        let status = |rest: &str| rest.get(..3).and_then(|digits| digits.parse().ok());
        text.split("HTTP/1.1 ").skip(1).filter_map(status).collect()
    }
}
