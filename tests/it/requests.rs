//! The name of a request, by which a client and the log speak of the same thing.

use hearback::auth::Role;
use reqwest::{Method, RequestBuilder};

use crate::support::{TestApp, header};

async fn id_of(request: RequestBuilder) -> Option<String> {
    let response = request.send().await.expect("an answer");
    let named = response.headers().contains_key("x-request-id");
    named.then(|| header(&response, "x-request-id"))
}

#[tokio::test]
pub async fn a_request_keeps_the_name_its_client_gave_it_or_gets_one() {
    let app = TestApp::start().await;
    let calls = || app.request(Method::GET, "/api/calls");
    let given = calls().header("x-request-id", "client-7.a_b");
    assert_eq!(id_of(given).await.as_deref(), Some("client-7.a_b"));
    let made = [id_of(calls()).await.expect("made"), id_of(calls()).await.expect("made")];
    assert_ne!(made[0], made[1]);
    for odd in ["+15550104444", "a b", &"a".repeat(65)] {
        let answered = id_of(calls().header("x-request-id", odd)).await.expect("made");
        assert_ne!(answered, odd);
    }
    let probe = app.client.get(app.url("/livez"));
    assert_eq!(id_of(probe).await, None);
}

#[tokio::test]
pub async fn a_refusal_is_named_only_by_its_client_so_that_equal_refusals_stay_equal() {
    let app = TestApp::start().await;
    let unknown = "/api/calls/CA000000000000000000000000deadbeef";
    let ask = || app.request_by(("globex", Role::Agent), Method::GET, unknown);
    assert_eq!(id_of(ask()).await, None);
    assert_eq!(id_of(app.request(Method::OPTIONS, unknown)).await, None);
    assert_eq!(id_of(ask().header("x-request-id", "mine")).await.as_deref(), Some("mine"));
}
