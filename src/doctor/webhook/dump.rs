//! A webhook as somebody captured it: a raw HTTP request, or the fields that matter, one a line.

use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Dump {
    /// Path and query, as the request line has them, or the whole URL.
    target: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) signature: Option<String>,
    pub(super) body: Vec<u8>,
}

const METHODS: [&str; 2] = ["POST ", "GET "];
/// Where proxies say which host they were asked for.
const HOSTS: [&str; 5] =
    ["host", "x-forwarded-host", "x-original-host", "x-forwarded-server", ":authority"];
const PREFIXES: [&str; 2] = ["x-forwarded-prefix", "x-script-name"];
const TARGETS: [&str; 3] = ["x-original-uri", "x-forwarded-uri", "x-original-url"];
const SIGNATURE: &str = "x-twilio-signature";

impl Dump {
    /// `None` where neither form can be seen in it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut dump = Self::default();
        let mut rest = text;
        let mut is_first = true;
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            rest = after;
            let line = std::str::from_utf8(line).ok()?;
            if line.is_empty() && is_first {
                continue;
            }
            if line.is_empty() {
                dump.body = without_line_end(rest).to_vec();
                break;
            }
            let method = METHODS.iter().find_map(|method| line.strip_prefix(method));
            match method.filter(|_| is_first) {
                Some(target) => dump.target = target.split(' ').next()?.to_owned(),
                None => dump.take(line)?,
            }
            is_first = false;
        }
        let named = dump.header(SIGNATURE).map(str::to_owned);
        dump.signature = named.filter(|signature| !signature.is_empty());
        (!dump.target.is_empty()).then_some(dump)
    }

    /// `name: value`, of a header or of a field.
    fn take(&mut self, line: &str) -> Option<()> {
        // HTTP/2's own begin with a colon.
        let at = line.get(1..)?.find(':')? + 1;
        let (name, value) = (line[..at].trim().to_ascii_lowercase(), line[at + 1..].trim());
        match name.as_str() {
            "url" | ":path" => self.target = value.to_owned(),
            "body" => self.body = value.as_bytes().to_vec(),
            _ => self.headers.push((name, value.to_owned())),
        }
        Some(())
    }

    /// What the service sees: path, and query with its question mark.
    pub(super) fn target(&self) -> (String, String) {
        split_query(local(&self.target))
    }

    /// Every host, with its port and with those that others name.
    pub(super) fn authorities(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for name in HOSTS {
            let values = self.header(name).into_iter().flat_map(|value| value.split(','));
            found.extend(values.map(|host| host.trim().to_owned()));
        }
        if let Some(forwarded) = self.header("forwarded") {
            let hosts =
                forwarded.split([';', ',']).filter_map(|part| part.trim().strip_prefix("host="));
            found.extend(hosts.map(|host| host.trim_matches('"').to_owned()));
        }
        if let Some((_, rest)) = self.target.split_once("://") {
            found.insert(rest.split(['/', '?']).next().unwrap_or_default().to_owned());
        }
        if let Some(port) = self.header("x-forwarded-port") {
            let bare = |host: &String| host.split(':').next().map(|host| format!("{host}:{port}"));
            let with_port: Vec<String> = found.iter().filter_map(bare).collect();
            found.extend(with_port);
        }
        found.remove("");
        found
    }

    pub(super) fn prefixes(&self) -> BTreeSet<String> {
        let found = PREFIXES.iter().filter_map(|name| self.header(name));
        found.map(|prefix| prefix.trim_end_matches('/').to_owned()).collect()
    }

    pub(super) fn paths(&self) -> BTreeSet<String> {
        self.targets().map(|target| split_query(target).0).collect()
    }

    pub(super) fn queries(&self) -> BTreeSet<String> {
        self.targets().map(|target| split_query(target).1).collect()
    }

    fn targets(&self) -> impl Iterator<Item = &str> {
        let named = TARGETS.iter().filter_map(|name| self.header(name));
        named.chain([self.target.as_str()]).map(local)
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// Without scheme, host, and the fragment that nobody signs.
fn local(target: &str) -> &str {
    let target = target.split('#').next().unwrap_or_default();
    match target.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        None => target,
    }
}

pub(super) fn split_query(target: &str) -> (String, String) {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    (path.to_owned(), query.to_owned())
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

/// An editor adds one, and a form has none.
fn without_line_end(body: &[u8]) -> &[u8] {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.strip_suffix(b"\r").unwrap_or(body)
}
