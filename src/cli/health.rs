//! `hearback health`: what a container's health check asks, where there is no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::Config;
use crate::http_client::http_client;

/// Longer than `/readyz` waits for the database, shorter than health checks wait for this.
const DEADLINE: Duration = Duration::from_secs(4);

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Ask only whether it is alive (/livez), which it still is while it finishes its last answers.
    #[arg(long)]
    live: bool,
}

/// Asks the service that has these settings on this machine; anything but a good answer is an error, and exit status 1.
pub(super) async fn run(config: &Config, options: &Options) -> anyhow::Result<()> {
    let path = if options.live { "/livez" } else { "/readyz" };
    let url = format!("http://{}{path}", reached_at(config.server.listen));
    let request = http_client(DEADLINE)?.get(&url).timeout(DEADLINE);
    let answer = request.send().await;
    let answer = answer.with_context(|| format!("{url}: nobody answers; see server.listen"))?;
    if !answer.status().is_success() {
        bail!("{url}: {}", answer.status());
    }
    Ok(())
}

/// Who listens on every address is reached at the loopback.
const fn reached_at(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) => IpAddr::V4(if ip.is_unspecified() { Ipv4Addr::LOCALHOST } else { ip }),
        IpAddr::V6(ip) => IpAddr::V6(if ip.is_unspecified() { Ipv6Addr::LOCALHOST } else { ip }),
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_everywhere_is_asked_at_the_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let listen = listen.parse().expect("an address");
            assert_eq!(reached_at(listen).to_string(), reached);
        }
    }
}
