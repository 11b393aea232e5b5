//! The service's database as somebody else reads it, and watches it.
//!
//! Triggers note each end of a job and each write of a finding. The file itself refuses a transaction that ends a
//! transcription without its transcript, or the other way round.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use actors::domain::{RecordingSid, Stage};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, FromRow, SqliteConnection, query, query_as, query_scalar, raw_sql};

use crate::home::{Home, until_within};

/// What the service does by itself, with a backlog, on a busy machine.
const SETTLES_WITHIN: Duration = Duration::from_mins(2);

const WATCH: &str = "
    CREATE TABLE watched_ends (job INTEGER NOT NULL, epoch INTEGER NOT NULL);
    CREATE TABLE watched_writes (recording_sid TEXT NOT NULL, what TEXT NOT NULL);
    CREATE TRIGGER watch_ends AFTER UPDATE OF state ON jobs
        WHEN new.state = 'done' AND old.state <> 'done'
        BEGIN INSERT INTO watched_ends VALUES (new.id, new.lease_epoch); END;
    CREATE TRIGGER watch_transcripts AFTER INSERT ON transcripts
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'transcript'); END;
    CREATE TRIGGER watch_transcripts_again AFTER UPDATE OF utterances ON transcripts
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'transcript'); END;
    CREATE TRIGGER watch_summaries AFTER UPDATE OF summary ON transcripts
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'summary'); END;
    CREATE TRIGGER watch_facts AFTER UPDATE OF facts ON transcripts
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'facts'); END;
    CREATE TRIGGER watch_appointments AFTER INSERT ON appointments
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'appointment'); END;
    CREATE TRIGGER watch_appointments_again AFTER UPDATE OF starts_at_ms ON appointments
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'appointment'); END;
    CREATE TRIGGER watch_waveforms AFTER INSERT ON waveforms
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'waveform'); END;
    CREATE TRIGGER watch_waveforms_again AFTER UPDATE OF peaks ON waveforms
        BEGIN INSERT INTO watched_writes VALUES (new.recording_sid, 'waveform'); END;

    CREATE TABLE watched_transcribed (recording_sid TEXT NOT NULL PRIMARY KEY
        REFERENCES transcripts (recording_sid) DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE watched_transcripts (recording_sid TEXT NOT NULL PRIMARY KEY
        REFERENCES watched_transcribed (recording_sid) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER watch_transcribed AFTER UPDATE OF state ON jobs
        WHEN new.state = 'done' AND new.stage = 'transcribe'
        BEGIN INSERT OR IGNORE INTO watched_transcribed VALUES (new.recording_sid); END;
    CREATE TRIGGER watch_transcribed_too AFTER INSERT ON transcripts
        BEGIN INSERT OR IGNORE INTO watched_transcripts VALUES (new.recording_sid); END;";

const JOB: &str = "
    SELECT id, state, attempt, lease_epoch, interruptions, lease_owner, lease_until_ms
    FROM jobs WHERE recording_sid = $1 AND stage = $2";

const ENDS: &str = "SELECT epoch FROM watched_ends WHERE job = $1";

const OUTCOMES: &str = "
    SELECT sid, business_id,
        (SELECT group_concat(stage || ' ' || state || ' in attempt ' || attempt || ', ended '
                             || (SELECT count(*) FROM watched_ends WHERE job = jobs.id),
                             '; ' ORDER BY stage)
         FROM jobs WHERE recording_sid = sid) AS jobs,
        (SELECT group_concat(what || ' ' || times, ', ' ORDER BY what)
         FROM (SELECT what, count(*) AS times FROM watched_writes
               WHERE recording_sid = sid GROUP BY what)) AS writes,
        (SELECT json_group_array(json_array(business_id, channels, language, utterances,
                                            corrections, revision, summary, facts))
         FROM transcripts WHERE recording_sid = sid) AS understood,
        (SELECT json_group_array(json_array(business_id, status, starts_at_ms, subject,
                                            customer_name, confidence))
         FROM appointments WHERE recording_sid = sid) AS appointments,
        (SELECT json_group_array(json_array(business_id, channels, sample_rate,
                                            samples_per_pixel, duration_us, hex(peaks)))
         FROM waveforms WHERE recording_sid = sid) AS waveforms
    FROM recordings";

/// Jobs that are done without what they found, or found without being done, and transcripts that nobody goes on with.
const HALVES: &str = "
    SELECT dedup_key || ' is ' || state FROM jobs
    LEFT JOIN transcripts USING (business_id, recording_sid)
    LEFT JOIN waveforms USING (business_id, recording_sid)
    WHERE (state = 'done') <> CASE stage
        WHEN 'measure' THEN peaks IS NOT NULL
        WHEN 'transcribe' THEN utterances IS NOT NULL
        WHEN 'summarise' THEN summary IS NOT NULL
        WHEN 'extract' THEN facts IS NOT NULL END
    UNION ALL
    SELECT recording_sid || ' is not gone on with' FROM transcripts
    WHERE 2 <> (SELECT count(*) FROM jobs
                WHERE recording_sid = transcripts.recording_sid
                  AND stage IN ('summarise', 'extract'))";

const INTERRUPTED: &str = "
    SELECT stage, count(*), sum(interruptions), max(interruptions)
    FROM jobs GROUP BY stage ORDER BY stage";

const DEAD: &str = "SELECT dedup_key || ': ' || last_error FROM jobs WHERE state = 'dead'";

const LAST_WORD: &str = "
    SELECT max(value ->> 'end_ms') FROM transcripts, json_each(utterances)
    WHERE recording_sid = $1";

const LOCK_WAIT: Duration = Duration::from_millis(300);

pub(super) struct Records {
    file: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Job {
    pub(super) id: i64,
    pub(super) state: String,
    pub(super) attempt: i64,
    pub(super) lease_epoch: i64,
    pub(super) interruptions: i64,
    pub(super) lease_owner: Option<String>,
    pub(super) lease_until_ms: Option<i64>,
}

/// All that is left of a recording's way through the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Outcome {
    sid: String,
    business_id: String,
    pub(super) jobs: Option<String>,
    pub(super) writes: Option<String>,
    pub(super) understood: String,
    pub(super) appointments: String,
    pub(super) waveforms: String,
}

impl Outcome {
    /// What it would be for any other recording of the same call, whosever it is.
    pub(super) fn in_general(self) -> Self {
        let nobodys = |text: &str| text.replace(&format!("[\"{}\",", self.business_id), "[");
        Self {
            understood: nobodys(&self.understood),
            appointments: nobodys(&self.appointments),
            waveforms: nobodys(&self.waveforms),
            sid: String::new(),
            business_id: String::new(),
            ..self
        }
    }

    pub(super) fn business(&self) -> &str {
        &self.business_id
    }
}

impl Records {
    pub(super) fn of(home: &Home) -> Self {
        Self { file: home.data("hearback.db") }
    }

    pub(super) fn url(&self) -> String {
        format!("sqlite://{}", self.file.display())
    }

    /// From now on. The service must not be running.
    pub(super) async fn watch(&self) {
        let mut database = self.options().connect().await.expect("it opens");
        raw_sql(WATCH).execute(&mut database).await.expect("triggers");
    }

    pub(super) async fn job(&self, recording: RecordingSid, stage: Stage) -> Option<Job> {
        let job = query_as(JOB).bind(recording.to_string()).bind(stage.as_str());
        job.fetch_optional(&mut self.reader().await).await.expect("a job")
    }

    /// Under which epochs a job was ended.
    pub(super) async fn ends(&self, job: i64) -> Vec<i64> {
        let ends = query_scalar(ENDS).bind(job);
        ends.fetch_all(&mut self.reader().await).await.expect("a list")
    }

    /// By recording.
    pub(super) async fn outcomes(&self) -> BTreeMap<String, Outcome> {
        let found = query_as(OUTCOMES).fetch_all(&mut self.reader().await).await;
        let found: Vec<Outcome> = found.expect("a list");
        found.into_iter().map(|outcome| (outcome.sid.clone(), outcome)).collect()
    }

    /// Holds at any moment.
    pub(super) async fn check_whole(&self) {
        let halves = query_scalar(HALVES).fetch_all(&mut self.reader().await).await;
        let halves: Vec<String> = halves.expect("a list");
        assert!(halves.is_empty(), "{halves:#?}");
    }

    pub(super) async fn unfinished(&self) -> i64 {
        let mut database = self.reader().await;
        let dead = query_scalar(DEAD).fetch_all(&mut database).await;
        let dead: Vec<String> = dead.expect("a list");
        assert!(dead.is_empty(), "{dead:#?}");
        let unfinished = query_scalar("SELECT count(*) FROM jobs WHERE state <> 'done'");
        unfinished.fetch_one(&mut database).await.expect("a count")
    }

    /// Each of so many recordings has gone through all stages.
    pub(super) async fn until_settled(&self, recordings: usize) {
        let jobs = (recordings * Stage::ALL.len()) as i64;
        until_within(SETTLES_WITHIN, "all jobs are done", async || {
            let known = query_scalar("SELECT count(*) FROM jobs");
            let known: i64 = known.fetch_one(&mut self.reader().await).await.expect("a count");
            (known == jobs && self.unfinished().await == 0).then_some(())
        })
        .await;
    }

    /// Stage, jobs, how often those were interrupted, and the most that one of them was.
    pub(super) async fn interrupted(&self) -> Vec<(String, i64, i64, i64)> {
        query_as(INTERRUPTED).fetch_all(&mut self.reader().await).await.expect("a list")
    }

    /// Where in the recording its transcript ends.
    pub(super) async fn last_word_ms(&self, recording: RecordingSid) -> i64 {
        let last = query_scalar(LAST_WORD).bind(recording.to_string());
        last.fetch_one(&mut self.reader().await).await.expect("a transcript")
    }

    /// Nobody is in the middle of a write.
    pub(super) async fn can_be_written(&self) -> bool {
        let options = self.options().busy_timeout(LOCK_WAIT);
        let mut database = options.connect().await.expect("it opens");
        let locked = query("BEGIN IMMEDIATE").execute(&mut database).await.is_ok();
        if locked {
            query("ROLLBACK").execute(&mut database).await.expect("undone");
        }
        locked
    }

    async fn reader(&self) -> SqliteConnection {
        self.options().read_only(true).connect().await.expect("it opens")
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(&self.file)
    }
}
