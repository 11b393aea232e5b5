//! Many listeners, a source that stalls, cuts, lies and changes its mind, and evictions in between.
//!
//! What may not happen, whatever the chance: a body that ends as announced and is not what its entity tag names; an
//! entity tag that names two contents; two requests at the source at a time; an answer that is not in the contract.

mod ledger;
mod listener;
mod source;

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use futures_util::future::join_all;
use hearback::app::World;
use hearback::auth::Role;
use hearback::simulator::{Behaviour, synthetic_mpeg};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use crate::campaign::{self, Chance};
use crate::support::{Placed, TestApp, header, play_path};
use ledger::Ledger;
use listener::{Asker, Outcome, Wish};
use source::Source;

/// Recordings that live side by side, and how often each is fetched anew.
const RECORDINGS: u64 = 6;
const ROUNDS: u64 = 2;
const RECORDINGS_LONG: u64 = 48;
const ROUNDS_LONG: u64 = 40;
const LISTENERS_MAX: u64 = 12;
/// The last of a round joins so long after its first.
const JOIN_WITHIN_MS: u64 = 700;
/// An operator does not wait for the window of attempts to open again.
const NUDGE_EVERY: Duration = Duration::from_millis(150);
/// Of one round: all listeners are answered, or cut, before.
const ROUND_MAX: Duration = Duration::from_secs(120);
/// An operator does so as often as this, and leaves it then.
const NUDGES_MAX: u64 = 12;
const AUDIO_BYTES: [usize; 5] = [960, 20_000, 66_000, 200_000, 1_500_000];

type Tally = BTreeMap<Outcome, u64>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_listeners_get_exact_bytes_or_a_visible_cut_whatever_the_source_does() {
    let seed = campaign::seed();
    let app = TestApp::start_with(World::default(), |config| {
        config.play.prefetch = false;
        config.play.first_byte_wait_ms = 400;
        config.play.media_element_wait_ms = 1_500;
        config.twilio.max_parallel_fetches = 64;
        config.twilio.header_timeout_ms = 400;
        config.twilio.idle_timeout_ms = 400;
    })
    .await;
    let began = Instant::now();
    let recordings = campaign::size(RECORDINGS, RECORDINGS_LONG);
    let lives = (0..recordings).map(|index| live(&app, seed.wrapping_add(index)));
    let tallies = join_all(lives).await;
    let mut total = Tally::new();
    for (outcome, count) in tallies.into_iter().flatten() {
        *total.entry(outcome).or_default() += count;
    }
    let answers: u64 = total.values().sum();
    let fetches = app.simulator.totals().gets;
    eprintln!(
        "{answers} answers from {fetches} requests at the source in {:?}: {total:?}",
        began.elapsed()
    );
    // By the laws of chance, each in any run.
    for outcome in [Outcome::Whole, Outcome::Part, Outcome::Left] {
        assert!(total.contains_key(&outcome), "never {outcome:?}: {total:?}");
    }
}

/// One recording: fetched, heard, evicted, and again.
async fn live(app: &TestApp, seed: u64) -> Tally {
    let mut chance = Chance(seed);
    let bytes = AUDIO_BYTES[chance.below(AUDIO_BYTES.len() as u64) as usize];
    let placed = app.place(synthetic_mpeg(bytes, chance.next())).await;
    let honest = chance.below(3) > 0;
    let (ledger, asker) = (Ledger::of(&placed.audio, honest), Asker::new(app, &placed));
    let mut tally = Tally::new();
    for round in 0..campaign::size(ROUNDS, ROUNDS_LONG) {
        // Who listens to a source that never gets well waits for as long as one may.
        let gets_well = campaign::size(1, 0) == 1 || chance.below(4) > 0;
        let source = Source { honest, gets_well };
        let script = source::script(&mut chance, placed.audio.len(), source);
        let about = format!("TEST_SEED={seed}, round {round}, {}, {script:?}", placed.call);
        assert!(app.simulator.set_behaviour(placed.recording, script));
        let outcomes = tokio::select! {
            heard = hear(&asker, &ledger, &mut chance) => heard,
            () = sleep(ROUND_MAX) => panic!("{about}: somebody is left without an end"),
            never = nudge(app, &placed) => never,
        };
        for outcome in outcomes {
            *tally
                .entry(outcome.unwrap_or_else(|wrong| panic!("{about}: {wrong}")))
                .or_default() += 1;
        }
        app.until("nobody is at the source", async || {
            (app.simulator.counters(placed.recording).in_flight == 0).then_some(())
        })
        .await;
        let at_once = app.simulator.counters(placed.recording).in_flight_max;
        assert!(at_once <= 1, "{about}: {at_once} requests at a time");
        order(app, &placed, "evict").await;
    }
    settle(app, &placed, &ledger).await;
    tally
}

/// All listeners of a round.
async fn hear(asker: &Asker, ledger: &Ledger, chance: &mut Chance) -> Vec<Result<Outcome, String>> {
    let count = 1 + chance.below(LISTENERS_MAX);
    let listeners: Vec<_> = (0..count)
        .map(|_| {
            let joins_after = Duration::from_millis(chance.below(JOIN_WITHIN_MS));
            (joins_after, Wish::draw(chance, ledger.length()))
        })
        .collect();
    let asked = listeners.iter().map(async |(joins_after, wish)| {
        sleep(*joins_after).await;
        asker.ask(wish, ledger).await
    });
    join_all(asked).await
}

/// An operator who has what failed tried again at once, for a while.
async fn nudge(app: &TestApp, placed: &Placed) -> ! {
    let mut nudges = 0;
    while nudges < NUDGES_MAX {
        sleep(NUDGE_EVERY).await;
        if state(app, placed).await == "failed" {
            order(app, placed, "retry").await;
            nudges += 1;
        }
    }
    pending().await
}

/// In the end the source is well, and the recording plays.
async fn settle(app: &TestApp, placed: &Placed, ledger: &Ledger) {
    app.simulator.set_behaviour(placed.recording, vec![Behaviour::healthy()]);
    let settled = app.until("it plays", async || {
        let response = app.get(&play_path(placed)).await;
        if response.status() != StatusCode::OK {
            order(app, placed, "retry").await;
            return None;
        }
        let tag = header(&response, "etag");
        // What was begun with other audio is cut, and begun again; what was got of it meanwhile is dropped.
        let body = response.bytes().await.ok()?;
        if body != placed.audio {
            order(app, placed, "evict").await;
            return None;
        }
        Some((tag, body))
    });
    let (tag, body) = settled.await;
    ledger.note(&tag, 0, &body).unwrap_or_else(|wrong| panic!("{}: {wrong}", placed.call));
}

async fn state(app: &TestApp, placed: &Placed) -> String {
    let status = app.get(&format!("/api/recordings/{}/status", placed.call)).await;
    let status: serde_json::Value = status.json().await.expect("JSON");
    status["state"].as_str().expect("a state").to_owned()
}

/// Given, whether or not it makes sense just now.
async fn order(app: &TestApp, placed: &Placed, order: &str) {
    let path = format!("/debug/actors/{}/{order}", placed.call);
    let answer = app.request_by(("acme", Role::Operator), Method::POST, &path).send().await;
    let status = answer.expect("an answer").status();
    assert!(matches!(status, StatusCode::ACCEPTED | StatusCode::CONFLICT), "{order}: {status}");
}
