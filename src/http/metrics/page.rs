//! One page of metrics, family by family.
//!
//! Names are given whole, as they are asked for; what their ends say of type and unit is said in the page, too.

use std::fmt;

use actors::domain::{BOUNDS, Distribution};
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

/// Names and values. None of them is anything that a client, a business or a call brings along.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

pub(super) struct Page<'e>(pub(super) DescriptorEncoder<'e>);

impl Page<'_> {
    /// What only grows. The name ends in `_total`.
    pub(super) fn counter<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        rows: impl IntoIterator<Item = (Labels<N>, u64)>,
    ) -> fmt::Result {
        let stem = name.strip_suffix("_total").expect("a counter's name ends in _total");
        self.family(stem, help, MetricType::Counter, rows, |mut row, value| {
            row.encode_counter(&value, None::<&Exemplar<NoLabelSet, u64>>)
        })
    }

    pub(super) fn gauge<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        rows: impl IntoIterator<Item = (Labels<N>, f64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, rows, |mut row, value| row.encode_gauge(&value))
    }

    /// How long things took. The name ends in `_seconds`.
    pub(super) fn histogram<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        rows: impl IntoIterator<Item = (Labels<N>, Distribution)>,
    ) -> fmt::Result {
        let bounds = || BOUNDS.iter().map(std::time::Duration::as_secs_f64).chain([f64::INFINITY]);
        self.family(name, help, MetricType::Histogram, rows, |mut row, spans| {
            let buckets: Vec<(f64, u64)> = bounds().zip(spans.counts().iter().copied()).collect();
            let (sum, total) = (spans.sum().as_secs_f64(), spans.total());
            row.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)
        })
    }

    fn family<const N: usize, V>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = (Labels<N>, V)>,
        encode: impl Fn(MetricEncoder<'_>, V) -> fmt::Result,
    ) -> fmt::Result {
        let (stem, unit) = in_unit(name);
        let mut family = self.0.encode_descriptor(stem, help, unit.as_ref(), kind)?;
        for (labels, value) in rows {
            encode(family.encode_family(&labels)?, value)?;
        }
        Ok(())
    }
}

fn in_unit(name: &str) -> (&str, Option<Unit>) {
    let in_seconds = name.strip_suffix("_seconds").map(|stem| (stem, Some(Unit::Seconds)));
    let in_bytes = || name.strip_suffix("_bytes").map(|stem| (stem, Some(Unit::Bytes)));
    in_seconds.or_else(in_bytes).unwrap_or((name, None))
}

/// A page in OpenMetrics, in the text format that was there before it: what takes no part in the negotiation of
/// formats, `promtool check metrics` for one, reads that.
pub(super) fn in_the_older_format(page: &str) -> String {
    let mut older = String::with_capacity(page.len());
    let mut help = None;
    for line in page.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", _, text] => help = Some(text),
            ["#", "TYPE", name, kind] => {
                let end = if kind == "counter" { "_total" } else { "" };
                for (what, said) in [("HELP", help.take().unwrap_or_default()), ("TYPE", kind)] {
                    older.extend(["# ", what, " ", name, end, " ", said, "\n"]);
                }
            }
            ["#", ..] => {}
            _ => older.extend([&line.replace("{}", ""), "\n"]),
        }
    }
    older
}
