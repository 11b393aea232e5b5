//! What we tell whoever supervises this process, if it wants to know (`sd_notify`).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

#[derive(Debug, Clone, Copy)]
pub enum News {
    Ready,
    Stopping,
}

/// Says nothing where nobody listens (`NOTIFY_SOCKET` is not set).
pub fn tell(news: News) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return;
    };
    let message = match news {
        News::Ready => "READY=1",
        News::Stopping => "STOPPING=1",
    };
    if let Err(error) = send(&address, message) {
        tracing::warn!(%error, message, "the service manager was not told");
    }
}

/// An address that begins with `@` is in the abstract name space.
fn send(address: &OsStr, message: &str) -> io::Result<()> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}
