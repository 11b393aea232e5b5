//! A running service under `strace`: stopped at each step that makes something durable, or made to fail there.
//!
//! `strace` counts for each thread apart (`when=N`), and a commit is the work of several. Where every step of
//! all of them counts, each is therefore made to stop the whole process, and the test counts.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::home::Process;

/// The syscalls by which files and their names come, change and go.
pub(crate) const DURABLE: &str =
    "openat,mkdir,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat2,unlink";

/// Attached to a process, from readiness until dropped.
pub(crate) struct Strace {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Strace {
    /// Returns once every thread is traced.
    pub(crate) async fn attach(process: &Process, arguments: &[&str]) -> Self {
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-y", "-o", "/dev/stdout", "-p", &process.id().to_string()])
            .args(arguments);
        strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = strace.kill_on_drop(true).spawn().expect("strace is installed");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let attached = said.next_line().await.expect("readable").expect("it says something");
        assert!(attached.contains("attached"), "{attached}");
        // While a pipe is full strace waits, and whom it traces too.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        let mut traced = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (send, lines) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = traced.next_line().await {
                let _ = send.send(line);
            }
        });
        Self { child, lines }
    }

    /// Lets go of the process, and returns what was traced.
    pub(crate) async fn detach(mut self) -> Vec<String> {
        let pid = self.child.id().expect("it traces").to_string();
        let kill = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().await;
        assert!(kill.expect("sh runs").success());
        let mut traced = Vec::new();
        while let Some(line) = self.lines.recv().await {
            traced.push(line);
        }
        let _ = self.child.wait().await;
        traced
    }
}

/// A process that stops after each step it makes in a folder.
pub(crate) struct Steps {
    strace: Strace,
    /// What each thread is in the middle of.
    begun: HashMap<String, String>,
    /// Sends signals without a process for each.
    shell: Child,
    orders: ChildStdin,
    pid: String,
}

impl Steps {
    pub(crate) async fn attach(process: &Process) -> Self {
        let (trace, stop) = (format!("trace={DURABLE}"), format!("inject={DURABLE}:signal=STOP"));
        let arguments = ["-e", &trace, "-e", &stop, "-e", "signal=STOP"];
        let strace = Strace::attach(process, &arguments).await;
        let mut shell = Command::new("sh");
        let mut shell = shell.stdin(Stdio::piped()).kill_on_drop(true).spawn().expect("sh runs");
        let orders = shell.stdin.take().expect("a pipe");
        Self { strace, begun: HashMap::new(), shell, orders, pid: process.id().to_string() }
    }

    /// Waits for the next step in the data folder and names it. The thread that made it stops the others
    /// and goes no further until this is called again.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let line = self.strace.lines.recv().await.expect("it lives");
            let (thread, said) = line.split_once(' ').expect("a thread, and what it does");
            let said = said.trim_start();
            if said.starts_with("--- SIGSTOP") {
                self.go_on().await;
            } else if said.ends_with("<unfinished ...>") {
                self.begun.insert(thread.to_owned(), said.to_owned());
            } else if !said.starts_with(['-', '+']) {
                let begun = said.starts_with("<...").then(|| self.begun.remove(thread)).flatten();
                if let Some(step) = name_of_step(begun.as_deref().unwrap_or(said)) {
                    return step;
                }
            }
        }
    }

    async fn go_on(&mut self) {
        let order = format!("kill -CONT {}\n", self.pid);
        self.orders.write_all(order.as_bytes()).await.expect("sh reads");
    }

    /// Lets the process run free.
    pub(crate) async fn detach(self) {
        let Self { strace, mut orders, mut shell, pid, .. } = self;
        strace.detach().await;
        orders.write_all(format!("kill -CONT {pid}\n").as_bytes()).await.expect("sh reads");
        drop(orders);
        let _ = shell.wait().await;
    }
}

/// Such as `fsync an unfinished copy`; `None` for what is not in the data folder.
fn name_of_step(call: &str) -> Option<String> {
    let (syscall, arguments) = call.split_once('(')?;
    let (_, path) = arguments.split_once("/data/").or_else(|| arguments.split_once("\"data/"))?;
    let path = path.split(['>', '"']).next()?;
    let name = Path::new(path).file_name()?.to_str()?;
    let what = match name {
        name if name.ends_with(".part") => "an unfinished copy",
        name if name.starts_with("RE") => "a copy",
        name if path.ends_with(&format!("vault/{name}")) => "a business's folder",
        name => name,
    };
    Some(format!("{syscall} {what}"))
}

#[test]
fn a_step_is_named_by_what_it_changes() {
    let named = |call| name_of_step(call);
    let copy = "fsync(12</tmp/x/data/vault/default/RE01.mp3.ab.part>) = 0";
    assert_eq!(named(copy).as_deref(), Some("fsync an unfinished copy"));
    let renamed =
        "rename(\"data/vault/default/RE01.mp3.ab.part\", \"data/vault/default/RE01\") = 0";
    assert_eq!(named(renamed).as_deref(), Some("rename an unfinished copy"));
    let folder = "fsync(9</tmp/x/data/vault/default>) = 0";
    assert_eq!(named(folder).as_deref(), Some("fsync a business's folder"));
    let wal = "pwrite64(7</tmp/x/data/hearback.db-wal>, \"7\\177\\6\", 24, 0) = 24";
    assert_eq!(named(wal).as_deref(), Some("pwrite64 hearback.db-wal"));
    assert_eq!(named("write(8<anon_inode:[eventfd]>, \"\\1\", 8) = 8"), None);
}
