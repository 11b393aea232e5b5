//! What the service is compared with: nginx and varnish as well set up as we know how, and the old way.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;

use crate::http;
use crate::old_way;
use crate::process::{Process, free_address};

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// What each nginx has: tuned for this, as far as we know how. Whoever knows better, say so.
const NGINX: &str = "
    daemon off; master_process off; pid nginx.pid; error_log stderr crit;
    worker_rlimit_nofile 20000;
    events { worker_connections 8192; use epoll; multi_accept on; }
    http {
        access_log off; tcp_nodelay on; tcp_nopush off; server_tokens off; default_type audio/mpeg;
        keepalive_requests 1000000000; keepalive_timeout 3600s; reset_timedout_connection on;
        client_body_temp_path body; proxy_temp_path temp; fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        SETTINGS
    }";

const FILES: &str = "
    sendfile off; output_buffers 1 512k; open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h; open_file_cache_min_uses 1; etag on;
    server { listen ADDRESS sndbuf=128k backlog=4096; root files; }";

const PROXY: &str = "
    proxy_cache_path cache keys_zone=recordings:10m max_size=4g;
    server {
        listen ADDRESS sndbuf=128k backlog=4096;
        location / {
            proxy_pass http://SOURCE; proxy_cache recordings; proxy_cache_lock on; LOCK
            proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_force_ranges on;
        }
    }";

const VARNISH: &str = "
    vcl 4.1;
    backend source { .host = \"HOST\"; .port = \"PORT\"; }
    sub vcl_recv { return (hash); }
    sub vcl_backend_response { set beresp.do_stream = true; set beresp.ttl = 1h; }";

/// nginx on files, which are put into its folder.
pub(crate) fn nginx(folder: &Path, files: &[(String, Bytes)]) -> anyhow::Result<Peer> {
    for (path, bytes) in files {
        let file = folder.join("files").join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().context("a folder")?)?;
        fs::write(file, bytes)?;
    }
    let path = files.first().map_or("/", |(path, _)| path.as_str());
    start_nginx("nginx", folder, FILES, path, 200)
}

/// nginx in front of the source, with `lock` beside `proxy_cache_lock on`.
pub(crate) fn nginx_cache(
    name: &'static str,
    folder: &Path,
    source: SocketAddr,
    lock: &str,
) -> anyhow::Result<Peer> {
    let settings = PROXY.replace("SOURCE", &source.to_string()).replace("LOCK", lock);
    start_nginx(name, folder, &settings, "/nothing", 404)
}

fn start_nginx(
    name: &'static str,
    folder: &Path,
    settings: &str,
    path: &str,
    status: u16,
) -> anyhow::Result<Peer> {
    fs::create_dir_all(folder)?;
    let address = free_address()?;
    let settings = settings.replace("ADDRESS", &address.to_string());
    fs::write(folder.join("nginx.conf"), NGINX.replace("SETTINGS", &settings))?;
    let prefix = format!("{}/", folder.display());
    let arguments = ["-p", &prefix, "-c", "nginx.conf"];
    let mut process = Process::start(Path::new("/usr/sbin/nginx"), &arguments, &[], folder)?;
    process.await_answer(address, path, status)?;
    Ok(Peer { name, process, address })
}

pub(crate) fn varnish(folder: &Path, source: SocketAddr) -> anyhow::Result<Peer> {
    fs::create_dir_all(folder)?;
    let (address, port) = (free_address()?, source.port().to_string());
    let settings = VARNISH.replace("HOST", &source.ip().to_string()).replace("PORT", &port);
    let file = folder.join("varnish.vcl");
    fs::write(&file, settings)?;
    let (file, listen) = (file.display().to_string(), address.to_string());
    let work = folder.join("work").display().to_string();
    let arguments = [
        "-F",
        "-j",
        "none",
        "-a",
        &listen,
        "-f",
        &file,
        "-n",
        &work,
        "-s",
        "malloc,1g",
        "-p",
        "listen_depth=4096",
        "-p",
        "timeout_idle=3600",
    ];
    let mut process = Process::start(Path::new("/usr/sbin/varnishd"), &arguments, &[], folder)?;
    process.await_answer(address, "/nothing", 404)?;
    Ok(Peer { name: "varnish", process, address })
}

pub(crate) fn old_way(folder: &Path, source: SocketAddr) -> anyhow::Result<Peer> {
    fs::create_dir_all(folder)?;
    let address = free_address()?;
    let (listen, from) = (address.to_string(), source.to_string());
    let arguments = [old_way::COMMAND, &listen, &from];
    let mut process = Process::start(&std::env::current_exe()?, &arguments, &[], folder)?;
    process.await_answer(address, "/nothing", 404)?;
    Ok(Peer { name: "old way", process, address })
}

impl Peer {
    /// Learns the tag that this peer gives to a path.
    pub(crate) fn etag(&self, path: &str) -> anyhow::Result<String> {
        let answer = http::get(self.address, path, "")?;
        anyhow::ensure!(answer.status == 200, "{} answers {}", self.name, answer.status);
        Ok(answer.etag)
    }
}
