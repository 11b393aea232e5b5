//! An address at which connections are refused.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// Where nobody listens, nor will while it is kept.
pub(crate) fn nobody_listens() -> (SocketAddr, TcpSocket) {
    let bound = TcpSocket::new_v4().expect("a socket");
    bound.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    (bound.local_addr().expect("an address"), bound)
}
