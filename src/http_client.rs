//! The one place that makes an HTTP client.

use std::time::Duration;

use reqwest::Client;

const IDLE_CONNECTIONS_MAX: usize = 16;

/// It follows no redirects, which would carry headers along; it decompresses nothing, which would hide the
/// length; it uses no proxy that a stray variable names. TLS is rustls on aws-lc, which `reqwest` brings
/// along, trusting what the system trusts.
pub fn http_client(connect_timeout: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(connect_timeout)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .user_agent(concat!("hearback/", env!("CARGO_PKG_VERSION")))
        .build()
}
