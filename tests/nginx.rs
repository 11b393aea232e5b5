//! A real nginx with the very configuration that is shipped.
//!
//! What has to differ is changed in a copy of `config/nginx.conf`: addresses, and where it writes. A change that finds
//! nothing to change fails, so that no test is about another configuration than the one that operators have.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The path of the second server in the shipped configuration.
const PREFIX: &str = "/hearback";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nginx.conf");

/// Sockets that nginx will listen on, so that its URLs are known before whom it stands in front of.
pub struct Front {
    root: TcpListener,
    below: TcpListener,
}

/// A running nginx. Stopped when dropped.
pub struct Nginx {
    child: Child,
    folder: TempDir,
}

impl Front {
    pub fn open() -> Self {
        let open = || {
            let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
            // As nginx makes its own. A worker that comes second to a connection would wait for the next one otherwise, and
            // serve nobody meanwhile.
            socket.set_nonblocking(true).expect("a socket of one's own");
            socket
        };
        Self { root: open(), below: open() }
    }

    /// Of the server that has a host of its own.
    pub fn root_url(&self) -> String {
        format!("http://{}", address(&self.root))
    }

    /// Of the server that has a path below another host.
    pub fn prefixed_url(&self) -> String {
        format!("http://{}{PREFIX}", address(&self.below))
    }

    /// Whoever connected in the meantime is served, too.
    pub fn start(self, service: SocketAddr) -> Nginx {
        let folder = tempfile::tempdir().expect("a folder");
        let configuration = configuration(folder.path(), &self, service);
        std::fs::write(folder.path().join("nginx.conf"), configuration).expect("written");
        let log = File::create(folder.path().join("start.log")).expect("a log");
        // How nginx itself hands its sockets to a successor.
        let script = "exec 3<&0 4<&1 0</dev/null 1>&2; export NGINX='3;4;'; \
            exec \"$0\" -p \"$1\" -c \"$1/nginx.conf\" -g 'daemon off;'";
        let socket = |listener: TcpListener| Stdio::from(OwnedFd::from(listener));
        let child = Command::new("sh")
            .args(["-c", script, program()])
            .arg(folder.path())
            .stdin(socket(self.root))
            .stdout(socket(self.below))
            .stderr(log)
            .spawn()
            .expect("sh runs");
        Nginx { child, folder }
    }
}

impl Nginx {
    pub fn access_log(&self) -> String {
        self.read("access.log")
    }

    /// Empty but for what should wake somebody.
    pub fn error_log(&self) -> String {
        self.read("error.log")
    }

    fn read(&self, name: &str) -> String {
        match std::fs::read_to_string(self.folder.path().join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It ends its workers first, which it could not if it were killed.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("an address")
}

/// `tests/setup` installs it; Debian has it where plain users do not look.
pub fn program() -> &'static str {
    let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
    places.into_iter().find(|place| Path::new(place).exists()).expect("nginx: run tests/setup")
}

fn configuration(folder: &Path, front: &Front, service: SocketAddr) -> String {
    let shipped = std::fs::read_to_string(SHIPPED).expect("it is shipped");
    let text = in_folder(&shipped, folder);
    let text =
        changed(text, 1, "listen 80 default_server;", &format!("listen {};", address(&front.root)));
    let text = changed(text, 1, "listen 8081;", &format!("listen {};", address(&front.below)));
    changed(text, 2, "server 127.0.0.1:8080 ", &format!("server {service} "))
}

/// The same configuration, which writes nowhere else.
pub fn in_folder(shipped: &str, folder: &Path) -> String {
    let (place, scratch) = (folder.display(), scratch(folder));
    let text = changed(shipped.to_owned(), 1, "\nhttp {\n", &format!("\nhttp {{\n{scratch}"));
    let text = changed(text, 1, "pid /run/", &format!("pid {place}/"));
    let text = changed(text, 1, "error_log /var/log/nginx/", &format!("error_log {place}/"));
    changed(text, 1, "access_log /var/log/nginx/", &format!("access_log {place}/"))
}

/// Folders that nginx makes at its start, used or not, and may only make where its user may.
pub fn scratch(folder: &Path) -> String {
    let names = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    names.map(|name| format!("    {name}_temp_path {}/{name};\n", folder.display())).concat()
}

fn changed(text: String, times: usize, shipped: &str, here: &str) -> String {
    assert_eq!(text.matches(shipped).count(), times, "config/nginx.conf: {shipped}");
    text.replace(shipped, here)
}
