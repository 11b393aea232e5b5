//! What the actors publish: calls, fetches, Twilio's pace, the vault, the inbox, the pipeline.

use std::fmt;
use std::time::Duration;

use actors::Board;
use actors::domain::{FetchError, Intent, JobState, Stage, StateName, Timestamp};
use actors::{PassOutcome, StageView};

use super::page::Page;
use super::{flag, number};
use crate::http::Service;
use crate::http::traffic::Whence;

pub(super) fn write(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    let now = service.clock.now();
    calls(page, &service.board)?;
    tree(page, &service.board)?;
    fetches(page, &service.board)?;
    twilio(page, service)?;
    vault(page, service)?;
    inbox(page, &service.board, now)?;
    pipeline(page, &service.board, now)?;
    reconciler(page, &service.board)
}

fn calls(page: &mut Page<'_>, board: &Board) -> fmt::Result {
    let (states, waiting) = board.states();
    page.gauge(
        "hearback_recordings_awake",
        "Recordings whose call's actor is live, by state.",
        StateName::ALL
            .into_iter()
            .zip(states)
            .map(|(state, count)| ([("state", state.as_str())], number(count))),
    )?;
    let asks = board.asks();
    page.counter(
        "hearback_asks_total",
        "Requests that reached a call's actor.",
        [([], asks.asks_total)],
    )?;
    page.counter(
        "hearback_asks_coalesced_total",
        "Those that found a fetch under way, and cost none of their own.",
        [([], asks.joined_total)],
    )?;
    page.gauge("hearback_asks_waiting", "Asks that wait for audio.", [([], number(waiting))])?;
    page.gauge(
        "hearback_listeners",
        "Clients that listen to what is still being downloaded.",
        [([], number(*board.audience.borrow() as u64))],
    )
}

fn tree(page: &mut Page<'_>, board: &Board) -> fmt::Result {
    let view = board.recordings.borrow().clone();
    let places = [
        ("live", view.live),
        ("loading", view.loading),
        ("draining", view.draining),
        ("cooling", view.cooling),
    ];
    page.gauge(
        "hearback_call_actors",
        "Calls that have an actor, by what it is doing; cooling: it crashed a moment ago.",
        places.map(|(state, count)| ([("state", state)], number(count as u64))),
    )?;
    page.gauge(
        "hearback_call_actors_max",
        "How many calls may have an actor.",
        [([], number(view.live_max as u64))],
    )?;
    page.gauge(
        "hearback_asks_parked",
        "Asks that wait for a call's actor to come.",
        [([], number(view.parked as u64))],
    )?;
    page.counter(
        "hearback_call_actor_crashes_total",
        "Crashes of calls' actors: each is a bug.",
        [([], view.crashed_total)],
    )?;
    let children = board.children.borrow().clone();
    page.counter(
        "hearback_actor_restarts_total",
        "Restarts of the supervisor's children: each is a bug.",
        children.iter().map(|child| ([("actor", child.name)], child.restarts.into())),
    )?;
    page.gauge(
        "hearback_actor_running",
        "Whether a child of the supervisor runs, or waits to be started again.",
        children.iter().map(|child| ([("actor", child.name)], flag(child.running))),
    )
}

fn fetches(page: &mut Page<'_>, board: &Board) -> fmt::Result {
    let view = board.fetcher.borrow().clone();
    let failed = |name| view.failures.get(name).copied().unwrap_or_default();
    let failures = FetchError::NAMES.map(|name| ([("outcome", name)], failed(name)));
    page.counter(
        "hearback_fetches_total",
        "Fetches of recordings by how they ended: fetched, or why not.",
        [([("outcome", "fetched")], view.fetched_total)].into_iter().chain(failures),
    )?;
    page.counter(
        "hearback_fetched_bytes_total",
        "Audio that fetches brought.",
        [([], view.fetched_bytes_total)],
    )?;
    page.histogram(
        "hearback_fetch_duration_seconds",
        "How long a fetch had a place in the pool.",
        [
            ([("outcome", "fetched")], view.fetched_in.clone()),
            ([("outcome", "failed")], view.failed_in.clone()),
        ],
    )?;
    page.histogram(
        "hearback_fetch_wait_seconds",
        "How long a fetch waited for a place in the pool and its account's turn.",
        [([], view.waited.clone())],
    )?;
    page.gauge(
        "hearback_fetches_running",
        "Fetches that have a place in the pool.",
        [([], number(view.running as u64))],
    )?;
    page.gauge(
        "hearback_fetches_running_max",
        "Places in the pool.",
        [([], number(view.parallel_max as u64))],
    )?;
    page.gauge(
        "hearback_fetches_queued",
        "Fetches that wait for a place or their account's turn, by why they are wanted.",
        Intent::ALL
            .into_iter()
            .zip(view.queued)
            .map(|(intent, count)| ([("intent", intent.as_str())], number(count as u64))),
    )
}

fn twilio(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    let pace = service.board.pace();
    let waits = [
        ("pace", pace.paced_total),
        ("pause", pace.paused_total),
        ("refused", pace.shut_out_total),
    ];
    page.counter(
        "hearback_twilio_waits_total",
        "How often something had to wait for an account: for its pace, a pause that Twilio wants, refused credentials.",
        waits.map(|(cause, count)| ([("cause", cause)], count)),
    )?;
    page.counter(
        "hearback_twilio_throttled_total",
        "Answers of Twilio's that were 429.",
        [([], pace.throttled_total)],
    )?;
    page.counter(
        "hearback_twilio_refused_total",
        "Answers of Twilio's that were 401: it refuses the account's credentials.",
        [([], pace.refused_total)],
    )?;
    let states = [
        ("known", pace.accounts),
        ("paused", pace.accounts_paused),
        ("refused", pace.accounts_refused),
    ];
    page.gauge(
        "hearback_twilio_accounts",
        "Accounts that were asked for, and those of them that Twilio has paused, or whose credentials it refuses.",
        states.map(|(state, count)| ([("state", state)], number(count as u64))),
    )
}

fn vault(page: &mut Page<'_>, service: &Service) -> fmt::Result {
    let view = service.board.vault_keeper.borrow().clone();
    page.gauge(
        "hearback_vault_bytes",
        "Audio that the vault holds, before sealing.",
        [([], number(view.bytes))],
    )?;
    page.gauge(
        "hearback_vault_max_bytes",
        "How much audio the vault may hold.",
        [([], number(view.bytes_max))],
    )?;
    page.gauge("hearback_vault_copies", "Copies in the vault.", [([], number(view.copies))])?;
    page.counter(
        "hearback_vault_evicted_total",
        "Copies that had to leave since the vault was full.",
        [([], view.evicted_total)],
    )?;
    page.counter(
        "hearback_vault_swept_total",
        "Files that no row named, and that were removed.",
        [([], view.swept_total)],
    )?;
    let reads = service.vault.reads();
    let of_memory = |(whence, spans): (Whence, actors::domain::Distribution)| {
        if whence == Whence::Memory { spans.total() } else { 0 }
    };
    let at_once: u64 = service.traffic.first_bytes().map(of_memory).sum();
    page.counter(
        "hearback_vault_reads_total",
        "Pieces of copies that were read for somebody, out of memory or from disk.",
        [([("from", "memory")], reads.memory + at_once), ([("from", "disk")], reads.disk)],
    )?;
    let errors = [("missing", reads.missing), ("damaged", reads.damaged), ("failed", reads.failed)];
    page.counter(
        "hearback_vault_read_errors_total",
        "Pieces that could not be read: the file is missing, damaged, or disk or keys failed.",
        errors.map(|(kind, count)| ([("kind", kind)], count)),
    )?;
    page.counter(
        "hearback_vault_damaged_total",
        "Copies that could not be read back as they were sealed, and are fetched again.",
        [([], service.board.asks().damaged_total)],
    )?;
    let keeper = service.board.retention_keeper.borrow().clone();
    page.counter(
        "hearback_recordings_expired_total",
        "Recordings whose retention ended.",
        [([], keeper.expired_total)],
    )
}

fn inbox(page: &mut Page<'_>, board: &Board, now: Timestamp) -> fmt::Result {
    let view = board.inbox.borrow().clone();
    let outcomes = [
        ("applied", view.applied_total),
        ("unassigned", view.unassigned_total),
        ("set_aside", view.set_aside_total),
    ];
    page.counter(
        "hearback_inbox_events_total",
        "Stored events by what became of them: applied, kept since they fit no business, or given up.",
        outcomes.map(|(outcome, count)| ([("outcome", outcome)], count)),
    )?;
    page.histogram(
        "hearback_webhook_lag_seconds",
        "From when an event was received to when it was applied.",
        [([], view.lag.clone())],
    )?;
    page.gauge(
        "hearback_inbox_waiting",
        "Events that wait to be applied.",
        [([], number(view.backlog.waiting))],
    )?;
    page.gauge(
        "hearback_inbox_oldest_seconds",
        "How long the oldest event has waited to be applied; 0 if none does.",
        [([], age(view.backlog.oldest, now))],
    )
}

fn pipeline(page: &mut Page<'_>, board: &Board, now: Timestamp) -> fmt::Result {
    let view = board.jobs.borrow().clone();
    let counted = |stage, state| {
        let rows = view.backlog.counts.iter();
        rows.filter(|row| (row.0, row.1) == (stage, state)).map(|row| row.2).sum()
    };
    let states = [JobState::Waiting, JobState::Running, JobState::Dead, JobState::Cancelled];
    page.gauge(
        "hearback_jobs",
        "Jobs of the pipeline that are not done, by stage and state.",
        Stage::ALL.into_iter().flat_map(|stage| {
            states.map(|state| {
                let labels = [("stage", stage.as_str()), ("state", state.as_str())];
                (labels, number(counted(stage, state)))
            })
        }),
    )?;
    let oldest = |stage| view.backlog.oldest.iter().find(|row| row.0 == stage).map(|row| row.1);
    page.gauge(
        "hearback_job_oldest_waiting_seconds",
        "How long the oldest job of a stage has waited; 0 if none does.",
        Stage::ALL.map(|stage| ([("stage", stage.as_str())], age(oldest(stage), now))),
    )?;
    runs(page, &view.stages)
}

fn runs(page: &mut Page<'_>, views: &[StageView]) -> fmt::Result {
    let of = |stage| views.iter().find(|view| view.stage == stage);
    page.counter(
        "hearback_job_runs_total",
        "Runs of jobs by how they ended; postponed: for nobody's fault, lost: the lease was.",
        Stage::ALL.into_iter().flat_map(|stage| {
            let count = |total: fn(&StageView) -> u64| of(stage).map_or(0, total);
            let outcomes = [
                ("finished", count(|view| view.finished_total)),
                ("failed", count(|view| view.failed_total)),
                ("postponed", count(|view| view.postponed_total)),
                ("lost", count(|view| view.lost_total)),
            ];
            outcomes
                .map(|(outcome, count)| ([("stage", stage.as_str()), ("outcome", outcome)], count))
        }),
    )?;
    page.gauge(
        "hearback_job_workers",
        "Workers of a stage; 0: it is switched off, and its jobs wait.",
        Stage::ALL.map(|stage| {
            let workers = of(stage).map_or(0, |view| view.workers);
            ([("stage", stage.as_str())], number(workers as u64))
        }),
    )?;
    page.gauge(
        "hearback_job_paused",
        "Whether a stage waits for its provider to work again.",
        Stage::ALL.map(|stage| {
            let paused = of(stage).is_some_and(|view| view.paused_for.is_some());
            ([("stage", stage.as_str())], flag(paused))
        }),
    )
}

fn reconciler(page: &mut Page<'_>, board: &Board) -> fmt::Result {
    let view = board.reconciler.borrow().clone();
    page.gauge(
        "hearback_reconciler_interval_seconds",
        "How often Twilio's lists are compared with what is known; 0: never.",
        [([], view.every.unwrap_or_default().as_secs_f64())],
    )?;
    let outcome = |outcome| view.outcomes.get(&outcome).copied().unwrap_or_default();
    page.counter(
        "hearback_reconciler_passes_total",
        "Comparisons by how they ended: complete, partial (not all of every account), or failed.",
        PassOutcome::ALL.map(|of| ([("outcome", of.as_str())], outcome(of).0)),
    )?;
    page.gauge(
        "hearback_reconciler_last_timestamp_seconds",
        "When a comparison last ended so, since 1970; 0: not since the start.",
        PassOutcome::ALL.map(|of| ([("outcome", of.as_str())], since_1970(outcome(of).1))),
    )?;
    page.counter(
        "hearback_reconciler_found_total",
        "Recordings that no webhook had told of.",
        [([], view.found_total)],
    )
}

fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(Duration::ZERO, |since| now.since(since)).as_secs_f64()
}

fn since_1970(at: Timestamp) -> f64 {
    Duration::from_millis(at.as_millis().unsigned_abs()).as_secs_f64()
}
