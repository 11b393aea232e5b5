//! Whether there is a door at a URL, and whether the service is behind it.

use actors::domain::Timestamp;
use actors::ports::Clock;
use url::Url;

use super::Knocking;
use super::asking::{Answer, Entrance, NoAnswer, ask};
use super::errand::Errand;
use crate::doctor::{Finding, clock};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    NoAnswer(NoAnswer),
    /// TLS is wanted and not spoken, and the service is there without.
    OpenWithoutTls,
    /// TLS is spoken, and was not wanted.
    WantsTls,
    Redirects(Option<String>),
    /// A proxy that does not reach what is behind it.
    BadGateway(u16),
    /// The service does not know the path: the prefix was left in front of it.
    KeepsPrefix,
    /// Its errors come as somebody else's pages.
    Somebody {
        status: u16,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Knocked {
    pub(super) door: Door,
    /// What a token in `Authorization` is good for there; `None` where there is no token, or no door.
    pub(super) bearer: Option<Bearer>,
    pub(super) replaces_errors: bool,
    /// By the `Date` header, and by our clock then.
    pub(super) date: Option<(Timestamp, Timestamp)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer {
    Good,
    Refused,
    /// The same token is good in a cookie.
    RefusedInHeader,
    /// Something else came.
    Odd(u16),
}

impl Knocked {
    pub(super) fn bearer_is_good(&self) -> bool {
        self.bearer == Some(Bearer::Good)
    }

    fn shut(door: Door) -> Self {
        Self { door, bearer: None, replaces_errors: false, date: None }
    }
}

pub(super) const OTHER_SECRET: &str = "service_other_secret";
const ASKS_FOR_CREDENTIALS: &str = "/api/calls?limit=1";

/// Asks without credentials, which our service refuses in its own words; then with a token.
pub(super) async fn knock(at: &Entrance, errand: &Errand, clock: &dyn Clock) -> Knocked {
    let answer = match ask(at.client.get(at.to(ASKS_FOR_CREDENTIALS))).await {
        Ok(answer) => answer,
        Err(NoAnswer::NoTls) if is_open_without_tls(at).await => {
            return Knocked::shut(Door::OpenWithoutTls);
        }
        Err(why) => return Knocked::shut(Door::NoAnswer(why)),
    };
    let date = clock::date(&answer.headers).map(|theirs| (theirs, clock.now()));
    let door = of(&answer);
    let bearer = match errand.token {
        Some(_) if door == Door::Open || matches!(door, Door::Somebody { status: 401 }) => {
            Some(try_token(at, errand).await)
        }
        Some(_) | None => None,
    };
    // Who takes our token for ours is ours, whatever its refusals look like.
    let replaces_errors = door != Door::Open && bearer == Some(Bearer::Good);
    let door = if replaces_errors { Door::Open } else { door };
    Knocked { door, bearer, replaces_errors, date }
}

fn of(answer: &Answer) -> Door {
    match (answer.status, answer.problem().as_deref()) {
        (401, Some("no_credentials")) => Door::Open,
        (404, Some("no_such_page")) => Door::KeepsPrefix,
        (502..=504, None) => Door::BadGateway(answer.status),
        (300..=399, _) => Door::Redirects(answer.header("location").map(str::to_owned)),
        (400, None) if String::from_utf8_lossy(&answer.body).contains("HTTPS port") => {
            Door::WantsTls
        }
        (status, _) => Door::Somebody { status },
    }
}

async fn is_open_without_tls(at: &Entrance) -> bool {
    let Some(rest) = at.url.strip_prefix("https://") else { return false };
    let plain = format!("http://{rest}{ASKS_FOR_CREDENTIALS}");
    ask(at.client.get(plain)).await.is_ok_and(|answer| of(&answer) == Door::Open)
}

async fn try_token(at: &Entrance, errand: &Errand) -> Bearer {
    let request = || at.client.get(at.to(ASKS_FOR_CREDENTIALS));
    match ask(errand.introduced(request())).await {
        Ok(answer) if is_list(&answer) => Bearer::Good,
        Ok(answer) if answer.status == 401 => {
            match ask(errand.introduced_by_cookie(request())).await {
                Ok(answer) if is_list(&answer) => Bearer::RefusedInHeader,
                Ok(_) | Err(_) => Bearer::Refused,
            }
        }
        Ok(answer) => Bearer::Odd(answer.status),
        Err(_) => Bearer::Odd(0),
    }
}

fn is_list(answer: &Answer) -> bool {
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    answer.status == 200 && document["calls"].is_array()
}

/// Both doors together.
pub(super) fn judge(knocking: &Knocking) -> Vec<Finding> {
    let Knocking { public, local, owned, listen, public_url } = knocking;
    let local_shut = local.as_ref().filter(|local| local.door != Door::Open);
    let mut findings = Vec::new();
    match (&public.door, local_shut) {
        (Door::Open, None) => {}
        (Door::Open, Some(_)) => findings.push(
            Finding::hint("local_unreachable", "The service is reached through the public URL only")
                .seen(format!("nothing of it at server.listen, {listen}; what follows may be the proxy's doing or the service's"))
                .mend("Set server.listen to where the service listens, also where systemd passes it the socket"),
        ),
        (_, Some(local)) => findings.push(of_service(&local.door, *owned, listen)),
        // There is one door, and it is the service's own.
        (door, None) if local.is_none() => findings.push(of_service(door, *owned, listen)),
        (door, None) => findings.push(of_public(door, public_url, listen)),
    }
    if local.as_ref().unwrap_or(public).door == Door::Open && *owned == Some(false) {
        findings.push(
            Finding::fault("service_other_vault", "The running service has another vault than this configuration")
                .seen("a service answers at server.listen, but none owns vault.dir")
                .mend("Run hearback doctor with the same --config, variables and working folder as the service, or restart that"),
        );
    } else if public.door == Door::Open {
        findings.extend(of_token(public, local.as_ref()));
    }
    findings.extend(public.replaces_errors.then(|| {
        Finding::fault(
            "replaces_errors",
            "The proxy puts pages of its own in the place of our errors",
        )
        .seen("401 without application/problem+json; players cannot tell why they are refused")
        .mend("Say proxy_intercept_errors off; in nginx")
    }));
    findings
}

fn of_service(door: &Door, owned: Option<bool>, listen: &str) -> Finding {
    match door {
        Door::NoAnswer(why) if owned == Some(true) => {
            Finding::fault("listens_elsewhere", "A service runs, but not where it should listen")
                .seen(format!("its vault is owned, and {listen}: {why}"))
                .mend("Set server.listen to where it listens, or restart hearback serve with this configuration")
        }
        Door::NoAnswer(why) => Finding::fault("not_running", "No service runs")
            .seen(format!("server.listen, {listen}: {why}; nobody owns the vault"))
            .mend("Start it: hearback serve (systemctl start hearback)"),
        Door::Open
        | Door::OpenWithoutTls
        | Door::WantsTls
        | Door::Redirects(_)
        | Door::BadGateway(_)
        | Door::KeepsPrefix
        | Door::Somebody { .. } => Finding::fault("port_taken", "Another program listens where the service should")
            .seen(format!("server.listen, {listen}: {}", spelled(door)))
            .mend(format!("End it (ss -ltnp shows whose {listen} is), or set server.listen to another port")),
    }
}

fn of_public(door: &Door, url: &str, listen: &str) -> Finding {
    let fault =
        |code, what: &str| Finding::fault(code, what).seen(format!("{url}: {}", spelled(door)));
    match door {
        Door::NoAnswer(NoAnswer::Unresolved) => fault("public_url_unresolved", "The public URL's host does not exist")
            .mend("Mend its name in server.public_url, or make its DNS record"),
        Door::NoAnswer(NoAnswer::Certificate(_)) => fault("public_url_certificate", "The public URL's certificate is not good")
            .mend("Renew it, with its intermediate ones (ssl_certificate fullchain.pem;): Twilio accepts no other, either"),
        Door::NoAnswer(NoAnswer::NoTls) => fault("public_url_scheme", "The public URL says https, and no TLS is spoken there")
            .mend("Give the proxy a certificate (listen 443 ssl;), or set server.public_url to the http:// URL"),
        Door::NoAnswer(_) => fault("public_url_unreachable", "The public URL cannot be reached from here")
            .mend("Set server.public_url to the proxy's URL, start the proxy, and open its port in the firewall"),
        Door::OpenWithoutTls => fault("public_url_scheme", "The public URL says https, and the service is there at http")
            .mend("Give the proxy a certificate (listen 443 ssl;), or set server.public_url to the http:// URL"),
        Door::WantsTls => fault("public_url_scheme", "The public URL says http, and https is spoken there")
            .mend("Set server.public_url to the https:// URL: signatures are made over it"),
        Door::Redirects(Some(to)) if is_same_with_tls(url, to) => {
            fault("public_url_scheme", "The public URL says http, and leads to https")
                .mend("Set server.public_url to the https:// URL: Twilio signs the URL that it is given and follows no redirect of a webhook")
        }
        Door::Redirects(_) => fault("public_url_redirects", "The public URL leads somewhere else")
            .mend("Set server.public_url to where it leads: Twilio follows no redirect of a webhook"),
        Door::BadGateway(_) => fault("proxy_unconnected", "The proxy does not reach the service")
            .mend(format!("Say proxy_pass http://{listen}; in nginx, and see its error log")),
        Door::KeepsPrefix => fault("proxy_keeps_prefix", "The proxy leaves the prefix of its path in front of ours")
            .mend(format!("Say location /prefix/ {{ proxy_pass http://{listen}/; }} in nginx, with the slash at the end")),
        Door::Somebody { .. } | Door::Open => fault("public_url_elsewhere", "What answers at the public URL is not this service")
            .mend(format!("Set server.public_url to the URL that leads here, or proxy_pass all of it to http://{listen}, before any login page")),
    }
}

fn of_token(public: &Knocked, local: Option<&Knocked>) -> Option<Finding> {
    let good_here = local.and_then(|local| local.bearer);
    match (public.bearer?, good_here) {
        (Bearer::Good, _) => None,
        (Bearer::RefusedInHeader, _) | (Bearer::Refused, Some(Bearer::Good)) => Some(
            Finding::fault("drops_authorization", "The proxy drops the Authorization header")
                .seen("a token that is good is refused (401) through the public URL only")
                .mend("Say proxy_set_header Authorization $http_authorization; in nginx, and ask for no login of its own (auth_basic off;)"),
        ),
        (Bearer::Refused, _) => Some(
            Finding::fault(OTHER_SECRET, "The running service checks tokens with another secret than this configuration")
                .seen("a token minted with auth.secret is refused (401)")
                .mend("Give both the same auth.secret (or auth.secret_file), and restart hearback serve"),
        ),
        (Bearer::Odd(status), _) => Some(
            Finding::fault("calls_refused", "A good token is not answered with a list of calls")
                .seen(format!("/api/calls answers {status}"))
                .mend("See the service's log for this moment; 429 means that play.requests_per_second is used up"),
        ),
    }
}

fn is_same_with_tls(url: &str, to: &str) -> bool {
    let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    url.starts_with("http://") && to.starts_with("https://") && host(url) == host(to)
}

fn spelled(door: &Door) -> String {
    match door {
        Door::Open => "it is open".to_owned(),
        Door::NoAnswer(why) => why.to_string(),
        Door::OpenWithoutTls => "no TLS is spoken there".to_owned(),
        Door::WantsTls => "it wants TLS".to_owned(),
        Door::Redirects(to) => {
            // Without the query, which may hold anything.
            let to = to.as_deref().and_then(|to| to.split(['?', '#']).next());
            format!("it redirects to {}", to.unwrap_or("nowhere"))
        }
        Door::BadGateway(status) => format!("{status}, and not from us"),
        Door::KeepsPrefix => "the service is there, and knows no such path".to_owned(),
        Door::Somebody { status } => {
            format!(
                "asked for {ASKS_FOR_CREDENTIALS} without a token, it answers {status} in other words than ours"
            )
        }
    }
}
