//! The socket that is listened on: opened here, or inherited by systemd's protocol.
//!
//! An inherited socket outlives this process. Connections that come while nobody accepts wait in its backlog, so that
//! a successor, or the same service started again, finds them there.

use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::TcpSocket;

pub struct Listening {
    pub(super) socket: tokio::net::TcpListener,
    /// Whether whoever waits in the backlog is lost when we close it.
    pub(super) is_ours: bool,
}

/// Sockets that whoever started this process left open for it (`LISTEN_FDS`, `LISTEN_PID`).
#[derive(Default)]
pub struct Inherited(Option<TcpListener>);

impl Inherited {
    /// Reads the environment and removes these variables from it, so that they are not taken for those of a child.
    /// To be called once, before there are threads. The first socket counts.
    pub fn from_environment() -> io::Result<Self> {
        let mut sockets = ListenFd::from_env();
        if sockets.len() > 1 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("LISTEN_FDS: {} sockets were passed; pass one", sockets.len()),
            ));
        }
        let socket = sockets
            .take_tcp_listener(0)
            .map_err(|error| io::Error::new(error.kind(), format!("LISTEN_FDS: {error}")))?;
        Ok(Self(socket))
    }
}

impl Listening {
    /// On the inherited socket, whatever its address and its backlog, else on one of our own. Connections have the
    /// send buffer of the socket that they came in by; of 0 bytes is the system's own.
    pub fn start(
        inherited: Inherited,
        address: SocketAddr,
        backlog: u32,
        send_buffer_bytes: u32,
    ) -> io::Result<Self> {
        if let Inherited(Some(socket)) = inherited {
            socket.set_nonblocking(true)?;
            if send_buffer_bytes > 0 {
                set_socket_send_buffer_size(&socket, send_buffer_bytes as usize)?;
            }
            let socket = tokio::net::TcpListener::from_std(socket)?;
            return Ok(Self { socket, is_ours: false });
        }
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        if send_buffer_bytes > 0 {
            socket.set_send_buffer_size(send_buffer_bytes)?;
        }
        socket.bind(address)?;
        Ok(Self { socket: socket.listen(backlog)?, is_ours: true })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
