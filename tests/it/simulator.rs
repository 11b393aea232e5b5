//! The simulated Twilio, judged from outside: what it says over HTTP, and what it does on the wire.

mod faults;
mod provider;
mod raw;
mod webhooks;

use actors::domain::{AccountSid, AudioCheck, AudioFacts, CallSid, RecordingSid};
use hearback::simulator::{
    PlannedCall, PlannedRecording, Simulator, SimulatorConfig, call_sid, demo_calls, recording_sid,
    synthetic_mpeg,
};
use reqwest::header::RANGE;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;

const ACCOUNT: AccountSid = AccountSid::from_bits(0xac);
const TOKEN: &str = "a token";
/// Friday, 14 October 2016, 21:56:34 UTC.
const NOW_MS: i64 = 1_476_482_194_000;

async fn start() -> Simulator {
    let config = SimulatorConfig::new(ACCOUNT, TOKEN, NOW_MS);
    Simulator::start(config).await.expect("a free port")
}

/// A call with one recording of made-up audio that nobody heard of.
async fn place_mp3(simulator: &Simulator, mp3: Vec<u8>) -> (CallSid, RecordingSid) {
    let recordings = vec![PlannedRecording::of_mp3(mp3)];
    let plan = PlannedCall { recordings, ..PlannedCall::default() }.unannounced();
    let (placed, _) = simulator.place_call(plan).await.expect("a sound plan");
    (placed.call, placed.recordings[0])
}

fn get(simulator: &Simulator, path: &str) -> RequestBuilder {
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}{path}", simulator.url());
    plain_client().get(url).basic_auth(ACCOUNT, Some(TOKEN))
}

fn plain_client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(20))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn json(request: RequestBuilder) -> Value {
    answer(request).await.json().await.expect("JSON")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

fn judged(body: &[u8]) -> AudioFacts {
    let mut check = AudioCheck::default();
    check.push(body).expect("sound frames");
    check.finish(None).expect("whole audio")
}

#[tokio::test]
async fn audio_is_served_to_the_account_only() {
    let simulator = start().await;
    let mp3 = synthetic_mpeg(1_000_000, 3);
    let (_, recording) = place_mp3(&simulator, mp3.clone()).await;
    let response = answer(get(&simulator, &format!("/Recordings/{recording}.mp3"))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "audio/mpeg");
    assert_eq!(header(&response, "content-length"), mp3.len().to_string());
    assert_eq!(response.bytes().await.expect("a body"), mp3);

    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording}", simulator.url());
    let other = AccountSid::from_bits(0xbad);
    for (user, password) in [(ACCOUNT, "wrong"), (other, TOKEN)] {
        let request = plain_client().get(format!("{url}.mp3")).basic_auth(user, Some(password));
        let response = answer(request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(header(&response, "www-authenticate").starts_with("Basic"));
        assert!(response.text().await.expect("text").contains("<Code>20003</Code>"));
    }
    let refused = json(plain_client().get(format!("{url}.json"))).await;
    assert_eq!((&refused["code"], &refused["status"]), (&20_003.into(), &401.into()));

    let counters = simulator.counters(recording);
    assert_eq!(counters.gets, 3);
    assert_eq!(counters.with_authorization, 3);
    assert_eq!(counters.bytes_sent, mp3.len() as u64);
    assert_eq!(counters.in_flight_max, 1);
    assert!(simulator.requests(recording)[0].target.ends_with(".mp3"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn ranges_are_answered_as_the_standard_says() {
    let simulator = start().await;
    let mp3 = synthetic_mpeg(9_600, 3);
    let (_, recording) = place_mp3(&simulator, mp3.clone()).await;
    let path = format!("/Recordings/{recording}.mp3");
    let etag = header(&answer(get(&simulator, &path)).await, "etag").to_owned();
    for (range, start, end) in
        [("bytes=0-1", 0, 2), ("bytes=9000-", 9_000, 9_600), ("bytes=-10", 9_590, 9_600)]
    {
        let request = get(&simulator, &path).header(RANGE, range).header("if-range", &etag);
        let response = answer(request).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let claimed = format!("bytes {start}-{}/9600", end - 1);
        assert_eq!(header(&response, "content-range"), claimed);
        assert_eq!(response.bytes().await.expect("a body"), mp3[start..end]);
    }
    let stale = get(&simulator, &path).header(RANGE, "bytes=5-").header("if-range", "\"other\"");
    assert_eq!(answer(stale).await.status(), StatusCode::OK);
    let beyond = answer(get(&simulator, &path).header(RANGE, "bytes=9600-")).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&beyond, "content-range"), "bytes */9600");
    simulator.shutdown().await;
}

#[tokio::test]
async fn two_channels_of_a_mono_recording_are_refused_with_16113() {
    let simulator = start().await;
    let (_, recording) = place_mp3(&simulator, synthetic_mpeg(960, 1)).await;
    let path = format!("/Recordings/{recording}.wav?RequestedChannels=");
    let refused = answer(get(&simulator, &format!("{path}2"))).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.json::<Value>().await.expect("JSON")["code"], 16_113);
    let mono = answer(get(&simulator, &format!("{path}1"))).await;
    assert_eq!(header(&mono, "content-type"), "audio/x-wav");
    simulator.shutdown().await;
}

#[tokio::test]
async fn every_demo_call_sounds_as_long_as_announced_in_every_form() {
    let simulator = start().await;
    let plans = demo_calls(NOW_MS);
    assert_eq!(plans.len(), 8);
    for plan in plans {
        let started_at_ms = plan.started_at_ms.expect("a demo call has its time");
        assert!((0..2 * 86_400_000).contains(&(NOW_MS - started_at_ms)));
        let channels = plan.recordings[0].channels;
        let (placed, _) = simulator.place_call(plan.unannounced()).await.expect("a plan");
        let recording = placed.recordings[0];
        let told = json(get(&simulator, &format!("/Recordings/{recording}.json"))).await;
        let announced = told["duration"].as_str().expect("text").parse::<f64>().expect("seconds");
        assert_eq!(told["channels"], channels);
        for extension in ["", ".wav", ".mp3"] {
            for wanted in 1..=channels {
                let path = format!("/Recordings/{recording}{extension}?RequestedChannels={wanted}");
                let body = answer(get(&simulator, &path)).await.bytes().await.expect("a body");
                let lasts = judged(&body).duration.as_secs_f64();
                assert!((lasts - announced).abs() <= 0.51, "{path}: {lasts} s, {announced} s said");
            }
        }
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn calls_and_their_legs_are_told_by_the_rest_api() {
    let simulator = start().await;
    let plan = PlannedCall { child_leg: true, ..PlannedCall::default() }.unannounced();
    let (placed, _) = simulator.place_call(plan).await.expect("a plan");
    assert_eq!(placed.call, call_sid(1, 0), "the seed decides");
    assert_eq!(placed.child_leg, Some(call_sid(1, 1)));
    assert_eq!(placed.recordings, [recording_sid(1, 2)]);
    let told = json(get(&simulator, &format!("/Calls/{}.json", placed.call))).await;
    assert_eq!(told["direction"], "inbound");
    assert_eq!(told["parent_call_sid"], Value::Null);
    assert!(told["start_time"].as_str().expect("text").starts_with("Fri, 14 Oct 2016 21:56:"));
    let leg = placed.child_leg.expect("a leg");
    let told = json(get(&simulator, &format!("/Calls/{leg}.json"))).await;
    assert_eq!(told["direction"], "outbound-dial");
    assert_eq!(told["parent_call_sid"], placed.call.to_string());
    assert_eq!(simulator.lookups(leg), 1);
    let missing = json(get(&simulator, &format!("/Calls/{}.json", CallSid::from_bits(5)))).await;
    assert_eq!(missing["code"], 20_404);
    simulator.shutdown().await;
}

#[tokio::test]
async fn lists_are_paged_newest_first_and_new_recordings_shift_nothing() {
    let simulator = start().await;
    let mut sids = Vec::new();
    for minute in 0..5 {
        let plan =
            PlannedCall { started_at_ms: Some(NOW_MS + minute * 60_000), ..PlannedCall::default() };
        let (placed, _) = simulator.place_call(plan.unannounced()).await.expect("a plan");
        sids.insert(0, placed.recordings[0].to_string());
    }
    let mut found = Vec::new();
    let mut next = Some(format!("/2010-04-01/Accounts/{ACCOUNT}/Recordings.json?PageSize=2"));
    while let Some(uri) = next {
        let url = format!("{}{uri}", simulator.url());
        let page = json(plain_client().get(url).basic_auth(ACCOUNT, Some(TOKEN))).await;
        let recordings = page["recordings"].as_array().expect("a list");
        found.extend(recordings.iter().map(|it| it["sid"].as_str().expect("text").to_owned()));
        next = page["next_page_uri"].as_str().map(str::to_owned);
        let plan = PlannedCall { started_at_ms: Some(NOW_MS * 2), ..PlannedCall::default() };
        simulator.place_call(plan.unannounced()).await.expect("a plan");
    }
    assert_eq!(found, sids);

    let second = call_sid(1, 2);
    for path in
        [format!("/Recordings.json?CallSid={second}"), format!("/Calls/{second}/Recordings.json")]
    {
        let page = json(get(&simulator, &path)).await;
        assert_eq!(page["recordings"].as_array().map(Vec::len), Some(1), "{path}");
        assert_eq!(page["recordings"][0]["call_sid"], second.to_string());
    }
    let later = json(get(&simulator, "/Recordings.json?DateCreated%3E=2016-10-15")).await;
    assert_eq!(later["recordings"].as_array().map(Vec::len), Some(3));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_recording_that_was_never_kept_or_is_deleted_has_no_audio() {
    let simulator = start().await;
    let (_, recording) = place_mp3(&simulator, synthetic_mpeg(960, 1)).await;
    assert!(simulator.set_status(recording, "absent"));
    let told = json(get(&simulator, &format!("/Recordings/{recording}.json"))).await;
    assert_eq!((&told["status"], &told["error_code"]), (&"absent".into(), &16_101.into()));
    let audio = answer(get(&simulator, &format!("/Recordings/{recording}.mp3"))).await;
    assert_eq!(audio.status(), StatusCode::NOT_FOUND);
    simulator.shutdown().await;
}

#[tokio::test]
async fn it_can_be_driven_over_http() {
    let simulator = start().await;
    let control = |path: &str| format!("{}/simulator{path}", simulator.url());
    let client = plain_client();
    let wish = r#"{"script":"opening-hours"}"#;
    let place =
        |body| client.post(control("/calls")).header("content-type", "application/json").body(body);
    let placed = answer(place(wish)).await;
    assert_eq!(placed.status(), StatusCode::CREATED);
    let placed: Value = placed.json().await.expect("JSON");
    let recording = placed["recordings"][0].as_str().expect("a SID");
    let custom = r#"{"recordings":[{"audio":{"synthetic":{"bytes":1000,"tag":1}},"channels":2}]}"#;
    assert_eq!(answer(place(custom)).await.status(), StatusCode::CREATED);
    for nonsense in [r#"{"script":"none"}"#, r#"{"colour":"red"}"#] {
        let refused = answer(place(nonsense)).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{nonsense}");
    }

    let script = r#"[{"fault":{"status":{"code":503}}},{}]"#;
    let put = client.put(control(&format!("/recordings/{recording}/behaviour")));
    let put = put.header("content-type", "application/json").body(script);
    assert_eq!(answer(put).await.status(), StatusCode::NO_CONTENT);
    let path = format!("/Recordings/{recording}.mp3");
    assert_eq!(answer(get(&simulator, &path)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer(get(&simulator, &path)).await.status(), StatusCode::OK);

    let overview = json(client.get(control(""))).await;
    assert_eq!(overview["calls"].as_array().map(Vec::len), Some(2));
    let own = overview["recordings"].as_array().expect("a list").iter();
    let own = own.into_iter().find(|it| it["sid"] == recording).expect("it is listed");
    assert_eq!(own["counters"]["gets"], 2);
    assert_eq!(overview["scripts"]["opening-hours"]["language"], "he");
    assert!(!overview.to_string().contains(TOKEN));
    simulator.shutdown().await;
}
