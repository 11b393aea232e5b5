//! What operators take: Dockerfile, compose file, nginx's and systemd's configuration. Each is checked by the program
//! that it is for, or by one that knows its rules; each check is seen to refuse something, too.
//!
//! `tests/setup` installs those programs. The image itself is built and started by `tests/image/run`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hearback::config::{Config, DEFAULTS};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("it is shipped")
}

/// A program of those in `target/python`.
fn tool(name: &str) -> PathBuf {
    let program = root().join("target/python/bin").join(name);
    assert!(program.exists(), "{name}: run tests/setup");
    program
}

fn run(program: impl AsRef<Path>, arguments: &[&str]) -> Output {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{}: {error}; run tests/setup", program.display()))
}

/// What it says of `text` as a file of this name; `None` if it has nothing to say.
fn complaint(name: &str, text: &str, check: impl Fn(&str) -> Output) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("written");
    let output = check(file.to_str().expect("text"));
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (!output.status.success()).then(|| said.concat())
}

/// Nothing is wrong with it, and something is with `spoilt` in place of `sound`.
fn assert_checked(
    name: &str,
    text: &str,
    (sound, spoilt): (&str, &str),
    check: impl Fn(&str) -> Output,
) {
    assert_eq!(complaint(name, text, &check), None, "{name}");
    assert!(text.contains(sound), "{name}: {sound}");
    let spoilt = text.replacen(sound, spoilt, 1);
    assert!(complaint(name, &spoilt, &check).is_some(), "{name}: nothing is noticed");
}

#[test]
fn the_dockerfile_is_as_it_should_be() {
    let check = |file: &str| run(tool("hadolint"), &["--no-color", file]);
    assert_checked("Dockerfile", &shipped("Dockerfile"), ("WORKDIR /data", "WORKDIR data"), check);
}

#[test]
fn the_compose_file_fits_its_schema() {
    let check = |file: &str| {
        run(tool("check-jsonschema"), &["--builtin-schema", "vendor.compose-spec", file])
    };
    let spoilt = ("read_only:", "readonly:");
    assert_checked("compose.yaml", &shipped("config/compose.yaml"), spoilt, check);
}

/// With TLS as the file shows it, too: what is commented out must not rot.
#[test]
fn nginx_accepts_its_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = |name: &str| folder.path().join(name).display().to_string();
    let (key, certificate) = (here("key.pem"), here("certificate.pem"));
    let made = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
    assert!(made.status.success(), "{made:?}");
    let plain = crate::nginx::in_folder(&shipped("config/nginx.conf"), folder.path());
    let encrypted = plain
        .replace("        #tls ", "        ")
        .replace("/etc/nginx/tls/fullchain.pem", &certificate)
        .replace("/etc/nginx/tls/privkey.pem", &key);
    assert!(encrypted.contains("listen 443 ssl"));
    let check = |file: &str| run(crate::nginx::program(), &["-t", "-q", "-c", file]);
    for text in [&plain, &encrypted] {
        let spoilt = ("proxy_buffering off;", "proxy_bufering off;");
        assert_checked("nginx.conf", text, spoilt, check);
    }
}

/// systemd wants to find what a unit starts; ours is wherever the tests' executable is.
#[test]
fn systemd_accepts_its_units_and_finds_little_exposed() {
    let service = shipped("config/hearback.service");
    let started = "ExecStart=/usr/local/bin/hearback ";
    assert!(service.contains(started));
    let here = format!("ExecStart={} ", env!("CARGO_BIN_EXE_hearback"));
    let service = service.replace(started, &here);
    let analyse = |arguments: &[&str], file: &str| {
        let socket = Path::new(file).with_file_name("hearback.socket");
        std::fs::write(socket, shipped("config/hearback.socket")).expect("written");
        let mut analysed = run("systemd-analyze", &[arguments, &[file]].concat());
        // It says so of what it does not know, and is content all the same.
        if !analysed.stderr.is_empty() {
            analysed.status = run("false", &[]).status;
        }
        analysed
    };
    let verify = |file: &str| analyse(&["verify", "--man=no"], file);
    assert_checked("hearback.service", &service, ("Type=notify", "Typ=notify"), verify);
    let rate = |file: &str| analyse(&["security", "--offline=true", "--threshold=15"], file);
    assert_checked("hearback.service", &service, ("NoNewPrivileges=yes", "User=root"), rate);
}

/// The first number that stands behind these words, in the unit that it has there.
fn number(text: &str, before: &str) -> u64 {
    let is_no_digit = |c: char| !c.is_ascii_digit();
    let mut behind = text.split(before).skip(1).map(|rest| rest.split(is_no_digit).next());
    let digits = behind.find_map(|digits| digits?.parse().ok());
    digits.unwrap_or_else(|| panic!("{before}: there is no number"))
}

/// Time-outs of several programs, of which one must be longer than the other.
#[test]
fn those_who_wait_for_each_other_wait_long_enough() {
    let server = Config::defaults_in(Path::new("data")).server;
    let (nginx, compose) = (shipped("config/nginx.conf"), shipped("config/compose.yaml"));
    let (service, socket) = (shipped("config/hearback.service"), shipped("config/hearback.socket"));
    let stop_ms = server.drain_ms + server.shutdown_grace_ms;
    assert!(number(&nginx, "    keepalive_timeout ") * 1_000 < server.idle_timeout_ms);
    assert!(number(&nginx, "proxy_read_timeout ") * 1_000 > stop_ms + server.takeover_wait_ms);
    assert!(number(&nginx, "\n    send_timeout ") * 1_000 > server.slow_reader_period_ms);
    assert!(number(&compose, "stop_grace_period: ") * 1_000 > stop_ms);
    assert!(number(&service, "TimeoutStopSec=") * 1_000 > stop_ms);
    assert!(number(&service, "TimeoutStartSec=") * 1_000 > server.takeover_wait_ms);
    let descriptors = 2 * server.max_connections as u64;
    assert!(number(&service, "LimitNOFILE=") > descriptors);
    assert!(number(&compose, "nofile: ") > descriptors);
    assert_eq!(number(&socket, "Backlog="), u64::from(server.listen_backlog));
    for text in [&nginx, &socket] {
        assert!(text.contains(&server.listen.to_string()), "server.listen");
    }
}

/// A misspelt variable would stop the start.
#[test]
fn every_setting_that_is_named_exists() {
    let mut section = "";
    let mut known = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            known.push(format!("HEARBACK_{section}__{key}").to_uppercase());
        }
    }
    let is_of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let mut named = 0;
    for file in ["Dockerfile", "config/compose.yaml", "config/hearback.service"] {
        let text = shipped(file);
        let words = text.split(|c| !is_of_a_name(c)).filter(|word| word.starts_with("HEARBACK_"));
        for word in words.filter(|word| word.contains("__")) {
            assert!(known.iter().any(|setting| setting == word), "{file}: {word}");
            named += 1;
        }
    }
    assert!(named > 10, "they are found");
}
