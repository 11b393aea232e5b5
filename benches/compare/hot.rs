//! Hot recordings: the service, nginx and varnish in turns, each with the same bytes, from memory or from disk.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use crate::http::{Exchange, Expected, request};
use crate::load::{self, Round};
use crate::peers::{self, Peer};
use crate::profile::Recording;
use crate::report::{Better, Row, Spread};
use crate::service::{Recorded, Service, file_path, settle, source_path};
use crate::source::Source;
use crate::{Plan, say};

const CONNECTIONS: usize = 64;
const RECORDINGS: u64 = 8;
const RECORDING_BYTES: usize = 1_000_000;
/// As long as the rest: a bit more than the first, as players ask when they seek.
const MIDDLE: (usize, usize) = (500_000, 500_000 + 64 * 1_024 - 1);

/// What is asked of each recording.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Range(usize, usize),
    Whole,
    Head,
    Unchanged,
}

struct Workload {
    name: &'static str,
    ask: Ask,
    goal: f64,
}

const FROM_MEMORY: [Workload; 5] = [
    Workload { name: "hot-0-1", ask: Ask::Range(0, 1), goal: 1.25 },
    Workload { name: "hot-64k", ask: Ask::Range(MIDDLE.0, MIDDLE.1), goal: 1.15 },
    Workload { name: "hot-1m", ask: Ask::Whole, goal: 1.6 },
    Workload { name: "head", ask: Ask::Head, goal: 1.0 },
    Workload { name: "not-modified", ask: Ask::Unchanged, goal: 0.95 },
];
const FROM_DISK: [Workload; 1] = [Workload { name: "disk-1m", ask: Ask::Whole, goal: 0.6 }];

pub(crate) const NAMES: [&str; 6] =
    ["hot-0-1", "hot-64k", "hot-1m", "head", "not-modified", "disk-1m"];

/// Where a hot recording is asked for, and how.
struct Place {
    path: String,
    lines: String,
    etag: String,
    whole: Bytes,
}

pub(crate) fn measure(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if FROM_MEMORY.iter().any(|workload| plan.wants(workload.name)) {
        rows.extend(compare(plan, &folder.join("memory"), &FROM_MEMORY, &[])?);
    }
    if FROM_DISK.iter().any(|workload| plan.wants(workload.name)) {
        let nothing_kept = [("HEARBACK_VAULT__MEMORY_BYTES", "0")];
        rows.extend(compare(plan, &folder.join("disk"), &FROM_DISK, &nothing_kept)?);
    }
    Ok(rows)
}

fn compare(
    plan: &Plan,
    folder: &Path,
    workloads: &[Workload],
    settings: &[(&str, &str)],
) -> anyhow::Result<Vec<Row>> {
    let source = Source::start()?;
    let service = Service::start(&folder.join("hearback"), source.address, settings)?;
    say(&format!("fetching {RECORDINGS} recordings"));
    let recorded: Vec<Recorded> = (0..RECORDINGS)
        .map(|index| Recorded::at(&source, index, RECORDING_BYTES, Duration::ZERO, 0))
        .collect();
    for recorded in &recorded {
        service.announce(recorded)?;
        service.await_status(&file_path(recorded), 200)?;
    }
    let file =
        |recorded: &Recorded| (source_path(recorded.recording), recorded.at_source.body.clone());
    let files: Vec<(String, Bytes)> = recorded.iter().map(file).collect();
    let peers = [
        peers::nginx(&folder.join("nginx"), &files)?,
        peers::varnish(&folder.join("varnish"), source.address)?,
    ];
    settle(&service.process)?;
    let wanted = workloads.iter().filter(|workload| plan.wants(workload.name));
    wanted.map(|workload| turns(plan, workload, &service, &peers, &recorded)).collect()
}

/// Service, nginx, varnish, and again.
fn turns(
    plan: &Plan,
    workload: &Workload,
    service: &Service,
    peers: &[Peer],
    recorded: &[Recorded],
) -> anyhow::Result<Row> {
    let ours = exchanges(workload.ask, &ours(service, recorded));
    let theirs: Vec<Vec<Exchange>> = peers
        .iter()
        .map(|peer| Ok(exchanges(workload.ask, &places_at(peer, recorded)?)))
        .collect::<anyhow::Result<_>>()?;
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); 1 + peers.len()];
    for round in 1..=plan.rounds {
        say(&format!("{}: round {round} of {}", workload.name, plan.rounds));
        rounds[0].push(load::run(service.address, &ours, CONNECTIONS, plan.span())?);
        for (nth, peer) in peers.iter().enumerate() {
            let round = load::run(peer.address, &theirs[nth], CONNECTIONS, plan.span())?;
            rounds[1 + nth].push(round);
        }
    }
    if plan.profile {
        let recording = Recording::of(&service.process, plan.span(), &plan.kept)?;
        load::run(service.address, &ours, CONNECTIONS, plan.span())?;
        recording.show(workload.name)?;
    }
    let ratios =
        rounds[0].iter().zip(&rounds[1]).map(|(us, nginx)| us.per_second / nginx.per_second);
    let names = ["hearback", "nginx", "varnish"];
    let details: Vec<String> = names.iter().zip(&rounds).map(|(name, r)| detail(name, r)).collect();
    Ok(Row {
        workload: workload.name.to_owned(),
        value: Spread::of(ratios),
        goal: workload.goal,
        better: Better::Higher,
        unit: "x",
        detail: details.join(" · "),
    })
}

fn detail(name: &str, rounds: &[Round]) -> String {
    let median = |of: fn(&Round) -> f64| Spread::of(rounds.iter().map(of)).median;
    format!(
        "{name} {:.0}/s, p50 {:.2} ms, p99 {:.2} ms (client {:.0} %)",
        median(|round| round.per_second),
        median(|round| round.p50.as_secs_f64() * 1e3),
        median(|round| round.p99.as_secs_f64() * 1e3),
        median(|round| round.generator_share * 1e2),
    )
}

fn ours(service: &Service, recorded: &[Recorded]) -> Vec<Place> {
    let place = |recorded: &Recorded| Place {
        path: file_path(recorded),
        lines: service.authorization().to_owned(),
        etag: format!("\"{}-mp3-1\"", recorded.recording),
        whole: recorded.at_source.body.clone(),
    };
    recorded.iter().map(place).collect()
}

fn places_at(peer: &Peer, recorded: &[Recorded]) -> anyhow::Result<Vec<Place>> {
    let place = |recorded: &Recorded| {
        let (path, whole) = (source_path(recorded.recording), recorded.at_source.body.clone());
        Ok(Place { etag: peer.etag(&path)?, path, lines: String::new(), whole })
    };
    recorded.iter().map(place).collect()
}

fn exchanges(ask: Ask, places: &[Place]) -> Vec<Exchange> {
    let exchange = |place: &Place| {
        let Place { path, lines, etag, whole } = place;
        let bodiless = |method: &str, status: u16, lines: &str, content_length| Exchange {
            request: request(method, path, lines),
            expected: Expected {
                status,
                etag: etag.clone(),
                content_length,
                content_range: None,
                body: Bytes::new(),
            },
        };
        match ask {
            Ask::Range(first, last) => {
                crate::service::play(path, lines, whole, etag, Some((first, last)))
            }
            Ask::Whole => crate::service::play(path, lines, whole, etag, None),
            Ask::Head => bodiless("HEAD", 200, lines, Some(whole.len())),
            Ask::Unchanged => {
                bodiless("GET", 304, &format!("{lines}If-None-Match: {etag}\r\n"), None)
            }
        }
    };
    places.iter().map(exchange).collect()
}
