//! The old proxy's URLs, sent to the service by the block of nginx that `docs/moving-over.md` shows.

use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::blocks;
use super::sandbox::Sandbox;
use crate::home::until;

#[tokio::test]
async fn an_old_page_plays_with_the_cookie_of_its_application_and_nobody_without() {
    let sandbox = Sandbox::with_calls().await;
    let (folder, _nginx) = nginx(&sandbox).await;
    let call = sandbox.calls()[0];
    let path = format!("/old/recordings/{call}");
    let cookie = format!("hearback_session={}", sandbox.token());

    let played = ask(folder.path(), &path, &["-b", &cookie]).await;
    let direct = sandbox.recording(call).await;
    assert!(played.status.success(), "{played:?}");
    assert!(played.stdout == direct, "{} and {} bytes", played.stdout.len(), direct.len());

    let refused = ask(folder.path(), &path, &["-w", "%{http_code}", "-o", "refused"]).await;
    assert_eq!(refused.stdout, b"401", "{refused:?}");
}

/// It listens in the folder, where no other test looks for a port.
async fn nginx(sandbox: &Sandbox) -> (TempDir, Child) {
    let folder = tempfile::tempdir().expect("a folder");
    let shown = blocks("docs/moving-over.md").into_iter().find(|block| block.language == "nginx");
    let shown = shown.expect("a block of nginx").lines.join("\n");
    assert!(shown.contains("http://127.0.0.1:8080"), "{shown}");
    let location = shown.replace("127.0.0.1:8080", &sandbox.address().to_string());
    let scratch = crate::nginx::scratch(folder.path());
    let configuration = format!(
        "daemon off; pid nginx.pid; error_log error.log;\nevents {{}}\nhttp {{ access_log off;\n{scratch}\
         server {{ listen unix:{};\n{location}\n}} }}\n",
        socket(folder.path()).display()
    );
    std::fs::write(folder.path().join("nginx.conf"), configuration).expect("written");
    let program = |arguments: &[&str]| {
        let mut program = Command::new(crate::nginx::program());
        program.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        program.args(arguments).kill_on_drop(true);
        program
    };
    let tested = program(&["-t", "-q"]).output().await.expect("it runs");
    assert!(tested.status.success(), "{tested:?}");
    let child = program(&[]).spawn().expect("it runs");
    // The file is there before it does.
    let listens = async || UnixStream::connect(socket(folder.path())).await.ok().map(drop);
    until("nginx listens", listens).await;
    (folder, child)
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("nginx.sock")
}

async fn ask(folder: &Path, path: &str, how: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30", "--unix-socket"])
        .arg(socket(folder))
        .args(how)
        .arg(format!("http://www.example.com{path}"))
        .current_dir(folder)
        .output()
        .await
        .expect("curl runs")
}
