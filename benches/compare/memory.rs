//! Two thousand listeners on one cold recording: how much memory the service takes for each.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

use crate::crowd::{Crowd, Reading};
use crate::report::{Better, Row, Spread};
use crate::service::{Recorded, Service, settle};
use crate::source::Source;
use crate::{Plan, say};

const LISTENERS: usize = 2_000;
const RECORDING_BYTES: usize = 5_000_000;
const FIRST_BYTE_AFTER: Duration = Duration::from_millis(300);
/// All together take what one core can bring without effort.
const FOLLOWED_BYTES_PER_SECOND: u64 = 50_000;
const SLOW_BYTES_PER_TICK: usize = 256;
const GATHERING_MAX: Duration = Duration::from_secs(30);
const WATCHED: Duration = Duration::from_secs(8);
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
const ENDING_MAX: Duration = Duration::from_secs(120);
const GOAL_KIB: f64 = 64.0;

pub(crate) const NAMES: [&str; 2] = ["memory-following", "memory-slow"];

struct Scene {
    name: &'static str,
    reading: Reading,
    bytes_per_second: u64,
}

const SCENES: [Scene; 2] = [
    Scene { name: NAMES[0], reading: Reading::Greedy, bytes_per_second: FOLLOWED_BYTES_PER_SECOND },
    // All of it is soon here, and they are nowhere near it.
    Scene { name: NAMES[1], reading: Reading::Slow(SLOW_BYTES_PER_TICK), bytes_per_second: 0 },
];

pub(crate) fn measure(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Row>> {
    SCENES.iter().filter(|scene| plan.wants(scene.name)).map(|scene| row(scene, folder)).collect()
}

/// Once: a process that has had two thousand listeners is another one than before.
fn row(scene: &Scene, folder: &Path) -> anyhow::Result<Row> {
    say(&format!("{}: {LISTENERS} listeners", scene.name));
    let source = Source::start()?;
    let service = Service::start(&folder.join(scene.name), source.address, &[])?;
    let (bytes, pace) = (RECORDING_BYTES, scene.bytes_per_second);
    let recorded = Recorded::at(&source, 2_000, bytes, FIRST_BYTE_AFTER, pace);
    service.announce(&recorded)?;
    settle(&service.process)?;
    let before = service.process.resident_bytes()?;
    let exchange = service.play(&recorded, None);
    let mut crowd = Crowd::new(service.address, scene.reading)?;
    crowd.join(LISTENERS, &exchange)?;
    let gathering = Instant::now();
    while !crowd.have_begun() {
        crowd.listen(SAMPLE_EVERY)?;
        ensure!(gathering.elapsed() < GATHERING_MAX, "not everybody hears something");
    }
    let (watching, mut samples) = (Instant::now(), Vec::new());
    while watching.elapsed() < WATCHED {
        crowd.listen(SAMPLE_EVERY)?;
        let added = service.process.resident_bytes()?.saturating_sub(before);
        samples.push(added as f64 / 1_024.0 / LISTENERS as f64);
    }
    let received = crowd.received();
    let fetches = recorded.at_source.fetches();
    if scene.reading == Reading::Greedy {
        recorded.at_source.speed_up();
        ensure!(crowd.listen(ENDING_MAX)?, "they do not come to an end");
    }
    Ok(Row {
        workload: scene.name.to_owned(),
        // The most that it was is what has to be there.
        value: Spread {
            median: Spread::of(samples.iter().copied()).greatest,
            ..Spread::of(samples)
        },
        goal: GOAL_KIB,
        better: Better::Lower,
        unit: "KB",
        detail: format!(
            "for each listener, at the most; {:.0} MB before, {:.0} % heard after {} s, {fetches} fetches",
            before as f64 / 1e6,
            received as f64 / (LISTENERS * exchange.expected.body.len()) as f64 * 1e2,
            WATCHED.as_secs(),
        ),
    })
}
