//! What browsers load: the console's page and the player's module.

use std::io::Read;

use flate2::read::GzDecoder;
use hearback::app::World;

use crate::support::{TestApp, header};

const ORIGIN: &str = "https://app.example.com";

async fn start() -> TestApp {
    let allow = |config: &mut hearback::config::Config| {
        config.server.cors_origins = ORIGIN.to_owned();
    };
    TestApp::start_with(World::default(), allow).await
}

#[tokio::test]
async fn the_page_needs_no_token_and_allows_nothing_inline() {
    let app = start().await;
    let page = app.client.get(app.url("/")).send().await.expect("an answer");
    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let policy = header(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = page.text().await.expect("text");
    assert!(
        !page.contains("hearback-demo") && !page.contains("<style") && !page.contains("style=")
    );

    let mut loaded = 0;
    for reference in page.split("=\"./").skip(1) {
        let path = reference.split('"').next().expect("a path");
        let asset = app.client.get(app.url(&format!("/{path}"))).send().await.expect("an answer");
        assert_eq!(asset.status(), 200, "{path}");
        assert_eq!(header(&asset, "x-content-type-options"), "nosniff");
        loaded += 1;
    }
    assert!(loaded >= 3, "script, style and icon: {page}");
}

#[tokio::test]
async fn the_module_travels_compressed_once_to_pages_of_configured_origins() {
    let app = start().await;
    let url = app.url("/web/player.js");
    let plain = app.client.get(&url).send().await.expect("an answer");
    assert_eq!(header(&plain, "content-type"), "text/javascript; charset=utf-8");
    let plain_bytes = plain.bytes().await.expect("bytes");

    let ask = || app.client.get(&url).header("origin", ORIGIN).header("accept-encoding", "gzip");
    let packed = ask().send().await.expect("an answer");
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    assert_eq!(header(&packed, "access-control-allow-origin"), ORIGIN);
    let tag = header(&packed, "etag");
    let packed = packed.bytes().await.expect("bytes");
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).expect("gzip");
    assert!(unpacked == plain_bytes, "another module");
    assert!(packed.len() <= 60_000, "{} bytes", packed.len());

    let package = app.client.get(app.url("/web/hearback-player.tgz")).send().await.expect("it");
    assert_eq!(
        (package.status().as_u16(), &*header(&package, "content-type")),
        (200, "application/gzip")
    );

    let again = ask().header("if-none-match", tag).send().await.expect("an answer");
    assert_eq!(again.status(), 304);
    let elsewhere = app.client.get(&url).header("origin", "https://other.example");
    let elsewhere = elsewhere.send().await.expect("an answer");
    assert!(!elsewhere.headers().contains_key("access-control-allow-origin"));
}
