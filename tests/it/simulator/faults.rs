//! Every fault does on the wire what its name says.

use actors::domain::RecordingSid;
use hearback::simulator::{
    Behaviour, Document, Fault, Framing, PlannedCall, PlannedRecording, Simulator, synthetic_mpeg,
};
use reqwest::StatusCode;
use tokio::time::Instant;

use super::raw::{self, End, Wire};
use super::{ACCOUNT, answer, judged, place_mp3, start};

const BYTES: usize = 96_000;

/// A simulator with one recording whose delivery is scripted.
struct Stage {
    simulator: Simulator,
    recording: RecordingSid,
    mp3: Vec<u8>,
}

impl Stage {
    async fn set() -> Self {
        let simulator = start().await;
        let mp3 = synthetic_mpeg(BYTES, 9);
        let (_, recording) = place_mp3(&simulator, mp3.clone()).await;
        Self { simulator, recording, mp3 }
    }

    fn url(&self, extension: &str) -> String {
        let (base, recording) = (self.simulator.url(), self.recording);
        format!("{base}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording}{extension}")
    }

    async fn get(&self, behaviour: impl Into<Behaviour>) -> Wire {
        self.get_with(behaviour, "").await
    }

    async fn get_with(&self, behaviour: impl Into<Behaviour>, headers: &str) -> Wire {
        assert!(self.simulator.set_behaviour(self.recording, vec![behaviour.into()]));
        raw::get(&self.url(".mp3"), headers).await
    }
}

#[tokio::test]
async fn a_healthy_connection_stays_open_for_the_next_request() {
    let stage = Stage::set().await;
    let wire = stage.get(Behaviour::healthy()).await;
    assert_eq!((wire.status(), wire.end), (200, End::Open));
    assert_eq!(wire.body, stage.mp3);
    let closed = stage.get_with(Behaviour::healthy(), "Connection: close\r\n").await;
    assert_eq!(closed.end, End::Fin);
}

#[tokio::test]
async fn any_status_comes_with_twilios_error() {
    let stage = Stage::set().await;
    for code in [401, 403, 404, 410, 429, 500, 503] {
        let wire = stage.get(Behaviour::status(code)).await;
        assert_eq!(wire.status(), code);
        assert!(String::from_utf8_lossy(&wire.body).contains(&format!("<Status>{code}</Status>")));
    }
    let limited = Fault::Status { code: 429, retry_after: Some("7".into()) };
    assert_eq!(stage.get(limited).await.header("retry-after"), Some("7"));
}

#[tokio::test]
async fn it_may_be_missing_for_a_while() {
    let stage = Stage::set().await;
    let script = vec![Behaviour::status(404).times(2), Behaviour::healthy()];
    stage.simulator.set_behaviour(stage.recording, script);
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(raw::get(&stage.url(".mp3"), "Connection: close\r\n").await.status());
    }
    assert_eq!(codes, [404, 404, 200, 200]);
}

#[tokio::test]
async fn it_hangs_or_hangs_up_before_the_status_line() {
    let stage = Stage::set().await;
    let wire = stage.get(Fault::Hang).await;
    assert_eq!((wire.head.as_str(), wire.end), ("", End::Open));
    let wire = stage.get(Fault::CloseBeforeHeaders).await;
    assert_eq!((wire.head.as_str(), wire.end), ("", End::Fin));
}

#[tokio::test]
async fn a_body_stalls_is_cut_or_is_reset_after_exactly_so_many_bytes() {
    let stage = Stage::set().await;
    let after = 50_001;
    for (fault, end) in [
        (Fault::StallAfterBytes(after), End::Open),
        (Fault::CutAfterBytes(after), End::Fin),
        (Fault::ResetAfterBytes(after), End::Reset),
    ] {
        let wire = stage.get(fault).await;
        assert_eq!(wire.status(), 200);
        assert_eq!(wire.header("content-length"), Some("96000"));
        assert_eq!(wire.end, end);
        assert_eq!(wire.body, stage.mp3[..after]);
    }
}

#[tokio::test]
async fn the_length_may_lie_both_ways() {
    let stage = Stage::set().await;
    let long = stage.get(Fault::TooLongByBytes(100)).await;
    assert_eq!((long.header("content-length"), long.body.len()), (Some("96000"), BYTES + 100));
    let short = stage.get(Fault::TooShortByBytes(100)).await;
    assert_eq!((short.header("content-length"), short.body.len()), (Some("96000"), BYTES - 100));
    assert_eq!((long.end, short.end), (End::Fin, End::Fin));
}

#[tokio::test]
async fn a_body_may_come_without_its_length() {
    let stage = Stage::set().await;
    let framed = |framing, fault| Behaviour { framing, fault, ..Behaviour::default() };
    let chunked = stage.get(framed(Framing::Chunked, Fault::Healthy)).await;
    assert_eq!(chunked.header("content-length"), None);
    assert_eq!(chunked.header("transfer-encoding"), Some("chunked"));
    assert!(chunked.body.ends_with(b"\r\n0\r\n\r\n"));
    let cut = stage.get(framed(Framing::Chunked, Fault::CutAfterBytes(100))).await;
    assert_eq!(cut.body, [b"64\r\n", &stage.mp3[..100], b"\r\n"].concat());
    assert_eq!(cut.end, End::Fin);
    let until_close = stage.get(framed(Framing::UntilClose, Fault::Healthy)).await;
    assert_eq!(until_close.header("content-length"), None);
    assert_eq!((&until_close.body, until_close.end), (&stage.mp3, End::Fin));

    let script = vec![framed(Framing::Chunked, Fault::Healthy)];
    stage.simulator.set_behaviour(stage.recording, script);
    let response =
        answer(super::get(&stage.simulator, &format!("/Recordings/{}.mp3", stage.recording)));
    assert_eq!(response.await.bytes().await.expect("sound chunks"), stage.mp3);
}

#[tokio::test]
async fn what_is_not_audio_comes_with_status_200() {
    let stage = Stage::set().await;
    for (document, media_type, begins) in [
        (Document::Html, "text/html", "<html>"),
        (Document::Json, "application/json", "{\""),
        (Document::Xml, "application/xml", "<?xml"),
    ] {
        let wire = stage.get(Fault::NotAudio { document, disguised: false }).await;
        assert_eq!((wire.status(), wire.header("content-type")), (200, Some(media_type)));
        assert!(wire.body.starts_with(begins.as_bytes()));
        let wire = stage.get(Fault::NotAudio { document, disguised: true }).await;
        assert_eq!(wire.header("content-type"), Some("audio/mpeg"));
    }
    let empty = stage.get(Fault::Empty).await;
    assert_eq!((empty.status(), empty.header("content-length")), (200, Some("0")));
    let mp3 = stage.get(Fault::HeaderOnly).await;
    assert_eq!(mp3.body, b"ID3\x04\0\0\0\0\0\0");
    let wav = raw::get(&stage.url(".wav"), "").await;
    assert_eq!(wav.body.len(), 44);
    assert!(wav.body.starts_with(b"RIFF"));
}

#[tokio::test]
async fn it_may_be_compressed_unasked() {
    let stage = Stage::set().await;
    let wire = stage.get(Fault::Gzip).await;
    assert_eq!(wire.header("content-encoding"), Some("gzip"));
    assert!(wire.body.starts_with(&[0x1f, 0x8b, 8]));
    let (first, second) = wire.body[10..].split_at(5 + 65_535);
    let stored = [&first[5..], &second[5..second.len() - 8]].concat();
    assert_eq!(stored, stage.mp3);
}

#[tokio::test]
async fn partial_answers_may_be_unasked_misplaced_or_refused() {
    let stage = Stage::set().await;
    let unasked = stage.get(Fault::UnaskedPartial).await;
    assert_eq!((unasked.status(), unasked.body.len()), (206, BYTES / 2));
    assert_eq!(unasked.header("content-range"), Some("bytes 0-47999/96000"));
    let resume = "Range: bytes=1000-\r\n";
    let misplaced = stage.get_with(Fault::WrongContentRange, resume).await;
    assert_eq!(misplaced.header("content-range"), Some("bytes 1001-96000/96000"));
    assert_eq!(misplaced.body, stage.mp3[1_000..]);
    let ignored = stage.get_with(Fault::IgnoreRange, resume).await;
    assert_eq!((ignored.status(), &ignored.body), (200, &stage.mp3));
}

#[tokio::test]
async fn the_content_may_change_with_or_without_its_tag() {
    let stage = Stage::set().await;
    let before = stage.get(Behaviour::healthy()).await;
    let changed = stage.get(Fault::Changed).await;
    let silently = stage.get(Fault::ChangedSilently).await;
    for wire in [&changed, &silently] {
        assert_ne!(wire.body, stage.mp3);
        assert_eq!(judged(&wire.body), judged(&stage.mp3));
    }
    assert_ne!(changed.header("etag"), before.header("etag"));
    assert_eq!(silently.header("etag"), before.header("etag"));
    let resumed =
        format!("Range: bytes=5-\r\nIf-Range: {}\r\n", before.header("etag").expect("a tag"));
    assert_eq!(stage.get_with(Fault::Changed, &resumed).await.status(), 200);
}

#[tokio::test]
async fn redirects_lead_elsewhere_or_nowhere() {
    let stage = Stage::set().await;
    let looped = stage.get(Fault::RedirectLoop).await;
    assert_eq!(looped.status(), 302);
    assert!(stage.url(".mp3").ends_with(looped.header("location").expect("a location")));

    let elsewhere = start().await;
    let own = PlannedRecording {
        sid: Some(stage.recording),
        ..PlannedRecording::of_mp3(stage.mp3.clone())
    };
    let plan = PlannedCall { recordings: vec![own], ..PlannedCall::default() };
    elsewhere.place_call(plan.unannounced()).await.expect("a plan");
    let to = format!("{}/media/{}.mp3", elsewhere.url(), stage.recording);
    let moved = stage.get(Fault::Redirect(to.clone())).await;
    assert_eq!(moved.header("location"), Some(to.as_str()));
    let found = answer(super::plain_client().get(&to)).await;
    assert_eq!(found.bytes().await.expect("audio without credentials"), stage.mp3);
    assert_eq!(elsewhere.counters(stage.recording).with_authorization, 0);
    assert_eq!(stage.simulator.counters(stage.recording).with_authorization, 2);
}

#[tokio::test]
async fn it_may_be_late_and_slow() {
    let stage = Stage::set().await;
    let late = Behaviour { first_byte_ms: 150, ..Behaviour::paced(320_000) };
    stage.simulator.set_behaviour(stage.recording, vec![late]);
    let began = Instant::now();
    let wire = raw::get(&stage.url(".mp3"), "Connection: close\r\n").await;
    assert_eq!(wire.body, stage.mp3);
    // 150 ms, and 96,000 bytes at 320,000 a second.
    assert!(began.elapsed().as_millis() >= 450, "{:?}", began.elapsed());
}

#[tokio::test]
async fn parallel_requests_are_counted_at_their_height() {
    let stage = Stage::set().await;
    let url = stage.url(".mp3");
    stage.simulator.set_behaviour(stage.recording, vec![Fault::StallAfterBytes(10).into()]);
    tokio::join!(raw::get(&url, ""), raw::get(&url, ""), raw::get(&url, ""));
    let counters = stage.simulator.counters(stage.recording);
    assert_eq!((counters.gets, counters.in_flight_max, counters.bytes_sent), (3, 3, 30));
}

#[tokio::test]
async fn an_outage_concerns_every_route_of_twilios() {
    let stage = Stage::set().await;
    stage.simulator.set_outage(Some(Behaviour::status(503)));
    for path in [format!("/Recordings/{}.mp3", stage.recording), "/Recordings.json".to_owned()] {
        let response = answer(super::get(&stage.simulator, &path)).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    stage.simulator.set_outage(None);
    let response = answer(super::get(&stage.simulator, "/Recordings.json")).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn shutdown_ends_what_is_under_way_and_frees_the_port() {
    let stage = Stage::set().await;
    let url = stage.url(".mp3");
    stage.simulator.set_behaviour(stage.recording, vec![Fault::Hang.into()]);
    let address = stage.simulator.url().trim_start_matches("http://").to_owned();
    let hanging = tokio::spawn(async move { raw::get(&url, "").await });
    while stage.simulator.counters(stage.recording).in_flight == 0 {
        tokio::task::yield_now().await;
    }
    stage.simulator.shutdown().await;
    assert_ne!(hanging.await.expect("a client").end, End::Open);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
