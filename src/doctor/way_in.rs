//! The way in: what Twilio and browsers ask, asked through the public URL and, to tell the proxy's doing from the
//! service's, of the service itself.

mod asking;
mod door;
mod errand;
mod judge;
mod probes;
mod streams;

use actors::domain::BusinessId;
use actors::ports::Clock;
use secrecy::SecretString;

use super::specimen::Specimen;
use super::twilio::Account;
use super::vault::Owned;
use super::{Checked, Finding, Pace, Told};
use crate::config::{Config, find_auth_secret};
use asking::Entrance;
pub(super) use asking::NoAnswer;
use door::{Door, Knocked};
use errand::Errand;
use probes::Visit;

const NAME: &str = "way in";
const PUBLIC: &str = "the public URL";

/// What other checks have found out.
pub(super) struct Seen {
    pub(super) specimen: Option<Specimen>,
    pub(super) accounts: Vec<Account>,
    pub(super) vault: Owned,
}

pub(super) async fn check(
    config: &Config,
    seen: Seen,
    pace: Pace,
    clock: &dyn Clock,
) -> (Vec<Told>, Checked) {
    let secret = match find_auth_secret(config) {
        Ok(secret) => secret,
        Err(error) => {
            let finding = Finding::fault(
                "auth_secret_unusable",
                "The secret that signs tokens cannot be used",
            )
            .seen(error.to_string())
            .mend("Restore auth.secret in data.dir from its backup, or set auth.secret_file");
            return (Vec::new(), Checked::made(NAME, "no token could be signed", vec![finding]));
        }
    };
    let owned = seen.vault;
    let mut errand = match errand(config, secret.as_ref(), seen, clock) {
        Ok(errand) => errand,
        Err(error) => return (Vec::new(), Checked::skipped(NAME, error.to_string())),
    };
    let Ok((public, local)) = entrances(config) else {
        return (Vec::new(), Checked::skipped(NAME, "TLS cannot be set up"));
    };
    let knocked = Knocking {
        public: door::knock(&public, &errand, clock).await,
        local: match &local {
            Some(local) => Some(door::knock(local, &errand, clock).await),
            None => None,
        },
        owned,
        listen: config.server.listen.to_string(),
        public_url: public.url.clone(),
    };
    let mut findings = door::judge(&knocked);
    if findings.iter().any(|finding| finding.code == door::OTHER_SECRET) {
        // Our links are as bad as our tokens.
        errand.specimen = None;
    }
    let (mut detail, open) = (knocked.detail(), knocked.public.door == Door::Open);
    if open {
        let local = local.as_ref().filter(|_| knocked.local_is_open());
        let (visited, watched) = tokio::join!(
            visit(&public, local, &knocked.public, &errand),
            watch(&public, local, &knocked.public, &errand, pace),
        );
        if let Some(played) = visited.1 {
            detail = format!("{detail}; {played}");
        }
        findings.extend(visited.0);
        findings.extend(watched);
    }
    let told = knocked.public.date.map(|(theirs, ours)| Told { by: PUBLIC, theirs, ours });
    (told.into_iter().collect(), Checked::made(NAME, detail, findings))
}

/// Both doors, as they were found.
struct Knocking {
    public: Knocked,
    /// `None` where they are the same.
    local: Option<Knocked>,
    owned: Owned,
    listen: String,
    public_url: String,
}

impl Knocking {
    fn local_is_open(&self) -> bool {
        self.local.as_ref().is_some_and(|local| local.door == Door::Open)
    }

    fn detail(&self) -> String {
        let url = &self.public_url;
        match (&self.public.door, &self.local) {
            (Door::Open, None) => format!("{url} answers"),
            (Door::Open, Some(_)) => format!("{url} leads here"),
            _ => format!("{url} does not lead here"),
        }
    }
}

fn errand(
    config: &Config,
    secret: Option<&SecretString>,
    seen: Seen,
    clock: &dyn Clock,
) -> anyhow::Result<Errand> {
    let business = match &seen.specimen {
        Some(specimen) => specimen.business.clone(),
        None => "default".parse::<BusinessId>()?,
    };
    Errand::new(config, secret, business, seen, clock.now())
}

/// The second is none where everybody comes in at the first.
fn entrances(config: &Config) -> reqwest::Result<(Entrance, Option<Entrance>)> {
    let mut listen = config.server.listen;
    if listen.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match listen.is_ipv4() {
            true => std::net::Ipv4Addr::LOCALHOST.into(),
            false => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        listen.set_ip(loopback);
    }
    let own = format!("http://{listen}");
    let public = config.public_url(listen);
    let local = (public != own).then(|| Entrance::at(own)).transpose()?;
    Ok((Entrance::at(public)?, local))
}

/// Asks the service itself first, so that it is known what its answers look like.
async fn visit(
    public: &Entrance,
    local: Option<&Entrance>,
    knocked: &Knocked,
    errand: &Errand,
) -> (Vec<Finding>, Option<String>) {
    let at_local = match local {
        Some(local) => Some(probes::visit(local, errand, true, None).await),
        None => None,
    };
    let tag = at_local.as_ref().and_then(|visit| visit.tag.clone());
    let Visit { findings, played, .. } =
        probes::visit(public, errand, knocked.bearer_is_good(), tag.as_deref()).await;
    let at_local = at_local.map(|visit| visit.findings);
    (judge::blame(findings, at_local.as_deref()), played)
}

async fn watch(
    public: &Entrance,
    local: Option<&Entrance>,
    knocked: &Knocked,
    errand: &Errand,
    pace: Pace,
) -> Vec<Finding> {
    if !knocked.bearer_is_good() {
        return Vec::new();
    }
    let of_local = async {
        match local {
            Some(local) => Some(streams::watch(local, errand, pace).await),
            None => None,
        }
    };
    let (public, local) = tokio::join!(streams::watch(public, errand, pace), of_local);
    let judged =
        |watched: &streams::Watched| streams::judge(watched).into_iter().collect::<Vec<_>>();
    judge::blame(judged(&public), local.as_ref().map(judged).as_deref())
}
