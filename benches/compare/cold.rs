//! Cold recordings: a source of 300 ms to the first byte and then 200 KB/s, and who listens meanwhile.
//!
//! Each repetition plays a recording that nobody has had before. What counts is how much later than the source's
//! own first byte a listener's comes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::crowd::{Crowd, Reading};
use crate::http::Exchange;
use crate::peers::{self, Peer};
use crate::report::{Better, Row, Spread};
use crate::service::{Recorded, Service, settle, source_path};
use crate::source::{Source, Sourced};
use crate::{Plan, say};

const FIRST_BYTE_AFTER: Duration = Duration::from_millis(300);
const BYTES_PER_SECOND: u64 = 200_000;
/// A good six seconds of it: longer than nginx has those wait who want what it is fetching already.
const RECORDING_BYTES: usize = 1_200_000;
/// Peers are slow, and vary less than the goals are away.
const PEER_ROUNDS_MAX: usize = 3;
const MANY: usize = 200;
const JOINS_AFTER: Duration = Duration::from_secs(2);
/// Long here by then.
const JOINS_FOR: (usize, usize) = (0, 65_535);
/// Far more than any peer takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const NAMES: [&str; 5] =
    ["cold-1", "cold-join", "cold-200-p50", "cold-200-p99", "cold-200-fetches"];
const HEARBACK: &str = "hearback";

/// What one repetition brought at one server; in milliseconds, but for the fetches.
struct Heard {
    first: f64,
    joined: f64,
}

struct HeardByMany {
    p50: f64,
    p99: f64,
    fetches: f64,
}

/// Whom the same is asked of, the service first.
struct Stage {
    source: Source,
    service: Service,
    peers: Vec<Peer>,
    fresh: u64,
}

pub(crate) fn measure(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let mut stage = Stage::set(folder)?;
    let mut rows = Vec::new();
    if NAMES[..2].iter().any(|name| plan.wants(name)) {
        let heard = stage.repeat(plan, "cold, one listener and one who joins", few)?;
        rows.push(row("cold-1", 3.0, "ms", &heard, |heard| heard.first));
        rows.push(row("cold-join", 2.0, "ms", &heard, |heard| heard.joined));
    }
    if NAMES[2..].iter().any(|name| plan.wants(name)) {
        let heard = stage.repeat(plan, "cold, 200 listeners at once", many)?;
        rows.push(row("cold-200-p50", 10.0, "ms", &heard, |heard| heard.p50));
        rows.push(row("cold-200-p99", 15.0, "ms", &heard, |heard| heard.p99));
        rows.push(row("cold-200-fetches", 1.0, "fetches", &heard, |heard| heard.fetches));
    }
    Ok(rows)
}

impl Stage {
    fn set(folder: &Path) -> anyhow::Result<Self> {
        let source = Source::start()?;
        let service = Service::start(&folder.join(HEARBACK), source.address, &[])?;
        let from = source.address;
        let patient = "proxy_cache_lock_timeout 60s; proxy_cache_lock_age 60s;";
        let peers = vec![
            peers::nginx_cache("nginx", &folder.join("nginx"), from, "")?,
            peers::nginx_cache("nginx, long lock", &folder.join("nginx-lock"), from, patient)?,
            peers::varnish(&folder.join("varnish"), from)?,
            peers::old_way(&folder.join("old-way"), from)?,
        ];
        Ok(Self { source, service, peers, fresh: 1_000 })
    }

    /// The same with everybody, in turns: a name and what was heard, for each.
    fn repeat<T>(
        &mut self,
        plan: &Plan,
        what: &str,
        listen: fn(SocketAddr, &Exchange, &Exchange, &Sourced) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<(&'static str, Vec<T>)>> {
        let names = [HEARBACK].into_iter().chain(self.peers.iter().map(|peer| peer.name));
        let mut heard: Vec<(&str, Vec<T>)> = names.map(|name| (name, Vec::new())).collect();
        for round in 1..=plan.rounds {
            say(&format!("{what}: round {round} of {}", plan.rounds));
            let recorded = self.fresh();
            self.service.announce(&recorded)?;
            settle(&self.service.process)?;
            let [whole, joining] =
                [None, Some(JOINS_FOR)].map(|range| self.service.play(&recorded, range));
            let ours = listen(self.service.address, &whole, &joining, &recorded.at_source);
            heard[0].1.push(ours.context(HEARBACK)?);
            let peers = if round > PEER_ROUNDS_MAX { 0 } else { self.peers.len() };
            for nth in 0..peers {
                let recorded = self.fresh();
                let (path, at_source) = (source_path(recorded.recording), &recorded.at_source);
                let peer = &self.peers[nth];
                let play = |range| {
                    crate::service::play(&path, "", &at_source.body, at_source.etag(), range)
                };
                let theirs = listen(peer.address, &play(None), &play(Some(JOINS_FOR)), at_source);
                heard[nth + 1].1.push(theirs.context(peer.name)?);
            }
        }
        Ok(heard)
    }

    fn fresh(&mut self) -> Recorded {
        self.fresh += 1;
        let (index, bytes) = (self.fresh, RECORDING_BYTES);
        Recorded::at(&self.source, index, bytes, FIRST_BYTE_AFTER, BYTES_PER_SECOND)
    }
}

/// One listener from the start to the end, and one who joins.
fn few(
    address: SocketAddr,
    whole: &Exchange,
    joining: &Exchange,
    at_source: &Sourced,
) -> anyhow::Result<Heard> {
    let mut crowd = Crowd::new(address, Reading::Greedy)?;
    crowd.join(1, whole)?;
    crowd.listen(JOINS_AFTER)?;
    crowd.join(1, joining)?;
    ensure!(crowd.listen(PATIENCE)?, "two listeners do not come to an end");
    let sent = at_source.first_byte_at().context("nothing was fetched")?;
    let [first, joined] = &crowd.listeners[..] else { bail!("they are two") };
    let first = first.first_byte.context("the first heard nothing")?;
    let joined = joined.first_byte.context("who joined heard nothing")? - joined.began;
    Ok(Heard { first: millis(first.saturating_duration_since(sent)), joined: millis(joined) })
}

fn many(
    address: SocketAddr,
    whole: &Exchange,
    _: &Exchange,
    at_source: &Sourced,
) -> anyhow::Result<HeardByMany> {
    let mut crowd = Crowd::new(address, Reading::Greedy)?;
    crowd.join(MANY, whole)?;
    ensure!(crowd.listen(PATIENCE)?, "{MANY} listeners do not come to an end");
    let behind = behind(&crowd, at_source)?;
    let fetches = at_source.fetches() as f64;
    Ok(HeardByMany { p50: behind[MANY / 2], p99: behind[MANY * 99 / 100 - 1], fetches })
}

/// How much later than the source's first byte each listener's came, in milliseconds, the soonest first.
fn behind(crowd: &Crowd<'_>, at_source: &Sourced) -> anyhow::Result<Vec<f64>> {
    let sent = at_source.first_byte_at().context("nothing was fetched")?;
    let first_bytes = crowd.listeners.iter().map(|listener| listener.first_byte);
    let first_bytes: Option<Vec<_>> = first_bytes.collect();
    let first_bytes = first_bytes.context("a listener heard nothing")?.into_iter();
    let mut behind: Vec<f64> =
        first_bytes.map(|at| millis(at.saturating_duration_since(sent))).collect();
    behind.sort_by(f64::total_cmp);
    Ok(behind)
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn row<T>(
    workload: &str,
    goal: f64,
    unit: &'static str,
    heard: &[(&'static str, Vec<T>)],
    figure: fn(&T) -> f64,
) -> Row {
    let spread = |of: &[T]| Spread::of(of.iter().map(figure));
    let details: Vec<String> =
        heard.iter().map(|(name, of)| format!("{name} {:.1}", spread(of).median)).collect();
    Row {
        workload: workload.to_owned(),
        value: spread(&heard[0].1),
        goal,
        better: Better::Lower,
        unit,
        detail: details.join(" · "),
    }
}
