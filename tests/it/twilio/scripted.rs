//! A server that says exactly what it was told to, byte for byte, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What comes after the last byte.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    HangUp,
    /// Without a word of goodbye.
    Reset,
    /// The connection stays open and nothing comes.
    Silence,
}

pub(super) struct Scripted {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Scripted {
    /// Answers the first request with the first answer and so on. Further requests are heard and left unanswered.
    pub(super) async fn start(answers: Vec<(Vec<u8>, Then)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, answers, Arc::clone(&heard)));
        Self { port, heard, _serving: serving }
    }

    pub(super) fn url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// The heads of all requests so far, in lower case but for the request line.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }
}

async fn serve(
    listener: TcpListener,
    answers: Vec<(Vec<u8>, Then)>,
    heard: Arc<Mutex<Vec<String>>>,
) {
    let mut connections = JoinSet::new();
    let mut answers = answers.into_iter();
    while let Ok((mut stream, _)) = listener.accept().await {
        let head = read_head(&mut stream).await;
        heard.lock().expect("not poisoned").push(head);
        if let Some((answer, then)) = answers.next() {
            connections.spawn(say(stream, answer, then));
        }
    }
}

async fn say(mut stream: TcpStream, answer: Vec<u8>, then: Then) {
    // A client that has seen enough may leave first.
    let _ = stream.write_all(&answer).await;
    match then {
        Then::HangUp => {}
        // Closing with a linger of zero is what the kernel answers a reset for.
        Then::Reset => stream.set_zero_linger().expect("a linger"),
        Then::Silence => {
            let _ = stream.read(&mut [0]).await;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).expect("a head in ASCII");
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    format!("{line}\r\n{}", headers.to_ascii_lowercase())
}

/// Long enough never to be reached by a test that passes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
