//! HTTP/1.1 as plainly as it gets, so that every byte of an answer is seen, thousands of times a second, and a
//! connection can be dropped anywhere.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// All of an answer that could tell something: `Date` is the clock's, and every request has a new id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// A connection that is kept, and made anew when it was dropped.
pub(super) struct Line {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Line {
    pub(super) const fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    pub(super) async fn ask(&mut self, request: &str) -> Answer {
        let mut stream = self.stream().await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        let is_head = request.starts_with("HEAD ");
        let (answer, closes) = read_answer(&mut stream, is_head).await;
        self.stream = (!closes).then_some(stream);
        answer
    }

    /// Sends a part of the request, perhaps all of it, reads a little of the answer, perhaps none, and leaves.
    pub(super) async fn hang_up(&mut self, request: &str, sent_bytes: usize, read_bytes: usize) {
        let mut stream = self.stream().await;
        let part = &request.as_bytes()[..sent_bytes.min(request.len())];
        stream.write_all(part).await.expect("sent");
        if part.len() == request.len() && read_bytes > 0 {
            let mut little = vec![0; read_bytes];
            let _ = stream.read(&mut little).await.expect("something comes");
        }
    }

    async fn stream(&mut self) -> TcpStream {
        match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address).await.expect("connected");
                stream.set_nodelay(true).expect("set");
                stream
            }
        }
    }
}

/// Also says whether the connection ends with it.
async fn read_answer(stream: &mut TcpStream, is_head: bool) -> (Answer, bool) {
    let mut arrived = Vec::with_capacity(1_024);
    let head_bytes = loop {
        if let Some(at) = arrived.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        assert_ne!(stream.read_buf(&mut arrived).await.expect("an answer"), 0, "cut in the head");
    };
    let text = std::str::from_utf8(&arrived[..head_bytes]).expect("text");
    let mut lines = text.split("\r\n");
    let status_line = lines.next().expect("a status line");
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let head: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
    let value = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!(value("transfer-encoding:"), None, "nothing here is that long");
    let length: usize = value("content-length:").map_or(0, |text| text.parse().expect("a number"));
    let closes = value("connection:") == Some("close");
    let length = if is_head { 0 } else { length };
    let mut body = arrived.split_off(head_bytes + 4);
    while body.len() < length {
        assert_ne!(stream.read_buf(&mut body).await.expect("a body"), 0, "cut in the body");
    }
    assert_eq!(body.len(), length, "nothing but the answer");
    let is_of_any = |line: &String| !["date:", "x-request-id:"].iter().any(|n| line.starts_with(n));
    let mut head: Vec<String> = head.into_iter().filter(is_of_any).collect();
    // Their order is nobody's business.
    head.sort_unstable();
    (Answer { status: status.expect("a status"), head, body }, closes)
}
