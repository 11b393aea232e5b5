//! Bodies that nobody reads: players ask for everything, read a little and hang up, all the time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;

use crate::http::{Exchange, Head, request};
use crate::peers;
use crate::process::Process;
use crate::report::{Better, Row, Spread};
use crate::service::{Recorded, Service, file_path, play, settle, source_path};
use crate::source::Source;
use crate::{Plan, say};

const RECORDING_BYTES: usize = 5_000_000;
const REQUESTS: u32 = 500;
/// What a player reads before it hangs up.
const READ_BYTES: usize = 4 * 1_024;
/// Until a server has noticed that everybody has left.
const AFTERMATH: Duration = Duration::from_millis(200);

pub(crate) const NAMES: [&str; 2] = ["abandoned", "abandoned-beside-0-1"];

/// One server, with a request that is abandoned and one that is not.
struct Stage<'a> {
    process: &'a Process,
    address: SocketAddr,
    everything: Exchange,
    a_little: Exchange,
}

/// Processor time for each request, in microseconds.
struct Cost {
    abandoned: f64,
    a_little: f64,
}

pub(crate) fn measure(plan: &Plan, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let source = Source::start()?;
    let service = Service::start(&folder.join("hearback"), source.address, &[])?;
    let recorded = Recorded::at(&source, 3_000, RECORDING_BYTES, Duration::ZERO, 0);
    let (path, whole) = (source_path(recorded.recording), recorded.at_source.body.clone());
    let nginx = peers::nginx(&folder.join("nginx"), &[(path.clone(), whole.clone())])?;
    service.announce(&recorded)?;
    service.await_status(&file_path(&recorded), 200)?;
    settle(&service.process)?;
    let etag = format!("\"{}-mp3-1\"", recorded.recording);
    let all = Some((0, whole.len() - 1));
    let open_ended = |path: &str, lines: &str, etag: &str| Exchange {
        request: request("GET", path, &format!("{lines}Range: bytes=0-\r\n")),
        ..play(path, lines, &whole, etag, all)
    };
    let (ours, theirs) = (file_path(&recorded), nginx.etag(&path)?);
    let stages = [
        Stage {
            process: &service.process,
            address: service.address,
            everything: open_ended(&ours, service.authorization(), &etag),
            a_little: play(&ours, service.authorization(), &whole, &etag, Some((0, 1))),
        },
        Stage {
            process: &nginx.process,
            address: nginx.address,
            everything: open_ended(&path, "", &theirs),
            a_little: play(&path, "", &whole, &theirs, Some((0, 1))),
        },
    ];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        say(&format!("abandoned bodies: round {round} of {}", plan.rounds));
        ours.push(stages[0].cost()?);
        theirs.push(stages[1].cost()?);
    }
    Ok(rows(&ours, &theirs))
}

fn rows(ours: &[Cost], theirs: &[Cost]) -> Vec<Row> {
    let median = |of: &[Cost], figure: fn(&Cost) -> f64| Spread::of(of.iter().map(figure)).median;
    let detail = |of: &[Cost]| {
        let (abandoned, a_little) = (median(of, |it| it.abandoned), median(of, |it| it.a_little));
        format!("{abandoned:.0} µs of processor time abandoned, {a_little:.0} µs for bytes=0-1")
    };
    let detail = format!("hearback {} · nginx {}", detail(ours), detail(theirs));
    let row = |workload: &str, goal, value| Row {
        workload: workload.to_owned(),
        value,
        goal,
        better: Better::Lower,
        unit: "x",
        detail: detail.clone(),
    };
    let pairs = ours.iter().zip(theirs);
    let beside_nginx = Spread::of(pairs.map(|(ours, theirs)| ours.abandoned / theirs.abandoned));
    let beside_a_little = Spread::of(ours.iter().map(|cost| cost.abandoned / cost.a_little));
    vec![row(NAMES[0], 1.0, beside_nginx), row(NAMES[1], 2.0, beside_a_little)]
}

impl Stage<'_> {
    fn cost(&self) -> anyhow::Result<Cost> {
        Ok(Cost { abandoned: self.each(&self.everything)?, a_little: self.each(&self.a_little)? })
    }

    fn each(&self, exchange: &Exchange) -> anyhow::Result<f64> {
        sleep(AFTERMATH);
        let before = self.process.processor_time();
        for _ in 0..REQUESTS {
            self.ask_and_leave(exchange)?;
        }
        sleep(AFTERMATH);
        let used = self.process.processor_time() - before;
        Ok(used.as_secs_f64() * 1e6 / f64::from(REQUESTS))
    }

    /// On a connection of its own. What was read is right.
    fn ask_and_leave(&self, exchange: &Exchange) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(&exchange.request)?;
        let (mut bytes, mut here) = ([0; READ_BYTES], 0);
        loop {
            let count = stream.read(&mut bytes[here..])?;
            ensure!(count > 0, "it hung up after {here} bytes");
            here += count;
            let Some(head) = Head::parse(&bytes[..here])? else { continue };
            head.check(&exchange.expected)?;
            let (body, expected) = (&bytes[head.bytes..here], &exchange.expected.body);
            ensure!(expected.starts_with(body), "the body is wrong");
            if here == bytes.len() || body.len() == expected.len() {
                return Ok(());
            }
        }
    }
}
