//! The session cookie: for media elements and pages, which can send no header.

use hearback::app::World;
use hearback::auth::Role;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use crate::support::{ACME, TestApp, header, play_path};

async fn sign_in(app: &TestApp, token: &str) -> Response {
    let url = format!("http://{}/api/session", app.app.address);
    let request = app.client.post(url).json(&json!({ "token": token }));
    request.send().await.expect("an answer")
}

/// `name=value` and the attributes of the one cookie that is set.
fn cookie(response: &Response) -> (String, Vec<String>) {
    let lines = response.headers().get_all("set-cookie");
    assert_eq!(lines.iter().count(), 1, "{response:?}");
    let line = header(response, "set-cookie");
    let mut parts = line.split(';').map(|part| part.trim().to_owned());
    (parts.next().expect("a cookie"), parts.collect())
}

#[tokio::test]
async fn a_good_token_becomes_a_cookie_that_scripts_cannot_read() {
    let app = TestApp::start().await;
    let token = app.token("acme", Role::Agent);
    let response = sign_in(&app, &token).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&response, "cache-control"), "no-store");
    let (pair, attributes) = cookie(&response);
    assert_eq!(pair, format!("hearback_session={token}"));
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.iter().any(|known| known == attribute), "{attributes:?}");
    }
    assert!(!attributes.iter().any(|known| known == "Secure"), "over http it would be lost");
    let max_age = attributes.iter().find_map(|known| known.strip_prefix("Max-Age="));
    let max_age: u64 = max_age.expect("Max-Age").parse().expect("seconds");
    assert!((86_000..=86_400).contains(&max_age), "as long as the token: {max_age}");
}

#[tokio::test]
async fn who_is_signed_in_is_told_by_the_cookie_alone() {
    let app = TestApp::start().await;
    let url = app.url("/api/session");
    let ask = |cookie: String| app.client.get(&url).header("cookie", cookie).send();
    let nobody = ask("another=1".to_owned()).await.expect("an answer");
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let token = app.token("globex", Role::Owner);
    let owner = ask(format!("hearback_session={token}")).await.expect("an answer");
    assert_eq!(header(&owner, "cache-control"), "no-store");
    let owner: serde_json::Value = owner.json().await.expect("JSON");
    assert_eq!((&owner["business_id"], &owner["role"]), (&"globex".into(), &"owner".into()));
    let expires_at: jiff::Timestamp =
        owner["expires_at"].as_str().expect("text").parse().expect("a time");
    assert!(expires_at > jiff::Timestamp::now());
}

#[tokio::test]
async fn over_https_the_cookie_is_secure_and_under_a_prefix_it_is_of_that_prefix_only() {
    let app = TestApp::start_with(World::default(), |config| {
        config.server.public_url = "https://rec.example.com/hearback".to_owned();
    })
    .await;
    let response = sign_in(&app, &app.token("acme", Role::Agent)).await;
    let (_, attributes) = cookie(&response);
    for attribute in ["Secure", "Path=/hearback"] {
        assert!(attributes.iter().any(|known| known == attribute), "{attributes:?}");
    }
}

#[tokio::test]
async fn signing_out_takes_the_cookie_back() {
    let app = TestApp::start().await;
    let request = app.client.delete(app.url("/api/session"));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let (pair, attributes) = cookie(&response);
    assert_eq!(pair, "hearback_session=");
    for attribute in ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(attributes.iter().any(|known| known == attribute), "{attributes:?}");
    }
}

#[tokio::test]
async fn the_cookie_alone_plays() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(50_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    let (pair, _) = cookie(&sign_in(&app, &app.token("acme", Role::Agent)).await);
    let url = app.url(&play_path(&placed));

    let played = app.client.get(&url).header("cookie", format!("theme=dark; {pair}; lang=he"));
    let played = played.send().await.expect("an answer");
    assert_eq!(played.status(), StatusCode::OK);
    assert_eq!(played.bytes().await.expect("a body"), placed.audio);

    let part = app.client.get(&url).header("cookie", &pair).header("range", "bytes=0-1");
    let part = part.send().await.expect("an answer");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);

    let head = app.client.head(&url).header("cookie", &pair).send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_bad_header_is_not_made_good_by_a_cookie() {
    let app = TestApp::start().await;
    let (plan, audio) = TestApp::synthetic(20_000, 1);
    let placed = app.place_planned(plan, ACME, audio).await;
    let good = app.token("acme", Role::Agent);
    let pair = format!("hearback_session={good}");
    for authorization in ["Bearer nonsense", "Basic YTpi", "Bearer", ""] {
        let request = app.client.get(app.url(&play_path(&placed)));
        let request = request.header("cookie", &pair).header("authorization", authorization);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
    }
    for pair in ["hearback_session=", "hearback_session=nonsense", "session=x"] {
        let request = app.client.get(app.url(&play_path(&placed))).header("cookie", pair);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{pair:?}");
    }
}

#[tokio::test]
async fn what_is_no_good_token_sets_no_cookie() {
    let app = TestApp::start().await;
    let expired = app.token_with(json!({ "exp": 1_000_000_000 }));
    for token in ["", "nonsense", "a.b.c", "x\r\nSet-Cookie: y=1", &expired] {
        let response = sign_in(&app, token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{token:?}");
        assert!(!response.headers().contains_key("set-cookie"));
    }
    for body in ["", "{}", "[]", "{\"token\":1}", "token=x", "{\"token\":"] {
        let request = app.client.post(app.url("/api/session")).body(body);
        let request = request.header("content-type", "application/json");
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(header(&response, "content-type"), "application/problem+json");
    }
    let plain = app.client.request(Method::POST, app.url("/api/session"));
    let response = plain.body("{\"token\":\"x\"}").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "without a media type");
}
