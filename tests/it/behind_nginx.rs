//! What is true of the service is true of it behind a real nginx, with the configuration that is shipped: tests of other
//! modules once more, at the root of a host and below a path of one.

use std::cell::Cell;

use reqwest::{Method, StatusCode};

use crate::nginx::Front;
use crate::nobody::nobody_listens;
use crate::support::{TestApp, header};
use crate::{events, following, herd, playback, ranges, requests, webhooks};

/// How the requests of a test come to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Straight,
    AtTheRoot,
    BelowAPath,
}

thread_local! {
    static WAY: Cell<Way> = const { Cell::new(Way::Straight) };
}

impl Way {
    pub fn of_this_test() -> Self {
        WAY.get()
    }

    /// The nginx to be started, and its URL of the service.
    pub fn front(self) -> Option<(Front, String)> {
        let url = match self {
            Self::Straight => return None,
            Self::AtTheRoot => Front::root_url,
            Self::BelowAPath => Front::prefixed_url,
        };
        let front = Front::open();
        let url = url(&front);
        Some((front, url))
    }

    /// A test makes its runtime on the thread that it is called on, and starts its service there.
    fn take(self, test: fn()) {
        WAY.set(self);
        test();
    }
}

macro_rules! once_more {
    ($($module:ident::$test:ident)*) => {
        mod at_the_root {
            $(#[test] fn $test() { super::Way::AtTheRoot.take(super::$module::$test); })*
        }
        mod below_a_path {
            $(#[test] fn $test() { super::Way::BelowAPath.take(super::$module::$test); })*
        }
    };
}

once_more! {
    ranges::every_range_is_answered_as_the_standard_says
    ranges::every_condition_is_answered_as_the_standard_says
    ranges::every_range_and_condition_is_answered_the_same_while_the_recording_arrives
    playback::a_cold_call_is_fetched_once_and_plays
    playback::a_webhook_fetches_ahead_of_the_listener
    playback::who_cannot_be_served_yet_is_told_honestly
    playback::preparing_starts_the_fetch_and_status_only_looks
    playback::a_named_recording_is_the_one_that_plays
    playback::damage_far_into_a_copy_cuts_one_answer_and_heals_the_next
    playback::download_is_the_same_audio_under_a_speaking_name
    following::the_first_bytes_are_heard_long_before_the_last_have_arrived
    following::a_final_failure_cuts_every_listener_so_that_all_notice
    following::whoever_listens_when_the_service_stops_hears_it_through
    events::a_fetch_is_followed_from_nothing_to_ready_and_then_the_stream_ends
    events::what_is_final_is_told_once_and_a_browser_that_comes_back_is_told_to_stop
    events::streams_are_bounded_for_each_reader_and_for_all
    events::a_stream_ends_with_the_link_that_opened_it
    events::open_streams_do_not_hold_up_a_stop
    webhooks::what_twilio_signed_is_kept_and_shown
    webhooks::whatever_is_forged_is_refused_alike
    webhooks::too_large_a_body_is_not_read_to_its_end
    webhooks::fifty_at_once_have_one_effect
    requests::a_request_keeps_the_name_its_client_gave_it_or_gets_one
    requests::a_refusal_is_named_only_by_its_client_so_that_equal_refusals_stay_equal
    herd::a_thousand_players_cost_twilio_one_request
}

#[tokio::test]
async fn where_nobody_listens_players_are_told_to_come_back() {
    let front = Front::open();
    let urls = [front.root_url(), front.prefixed_url()];
    let (address, _kept) = nobody_listens();
    let _nginx = front.start(address);
    let client = reqwest::Client::builder().build().expect("a client");
    for url in urls {
        for method in [Method::GET, Method::POST] {
            let told = client.request(method, format!("{url}/api/calls")).send().await;
            let told = told.expect("an answer");
            assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(header(&told, "content-type"), "application/problem+json");
            assert_eq!(header(&told, "cache-control"), "no-store");
            assert_eq!(header(&told, "retry-after"), "5");
            let problem: serde_json::Value = told.json().await.expect("JSON");
            assert_eq!((&problem["code"], &problem["status"]), (&"away".into(), &503.into()));
        }
    }
}

#[tokio::test]
async fn metrics_are_not_for_everybody_and_links_and_numbers_stay_out_of_the_logs() {
    let front = Front::open();
    let (root, below) = (front.root_url(), front.prefixed_url());
    let app = TestApp::start().await;
    let nginx = front.start(app.app.address);
    for path in ["/metrics", "/%6Detrics", "//metrics", "/api/../metrics", "/metrics?x"] {
        for url in [&root, &below] {
            let answer = app.client.get(format!("{url}{path}")).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{url}{path}");
            assert_eq!(header(&answer, "content-type"), "text/html", "nginx says so: {url}{path}");
        }
    }
    let secret = "/api/calls?number=%2B15550104444&link=a-signed-link";
    let answer = app.client.get(format!("{root}{secret}")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    app.until("it is logged", async || nginx.access_log().contains("/api/calls 401").then_some(()))
        .await;
    let logs = nginx.access_log() + &nginx.error_log();
    assert!(!logs.contains("15550104444") && !logs.contains("signed-link"), "{logs}");
}
