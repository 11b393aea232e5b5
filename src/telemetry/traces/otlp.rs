//! Spans in OpenTelemetry's words, sent in batches by a thread of their own.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actors::domain::Timestamp;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter as Export,
    SpanLinks, SpanProcessor,
};

use super::{Fact, Kind, Span};

/// Beyond these, spans are dropped.
const QUEUE_SPANS_MAX: usize = 4_096;
const BATCH_SPANS_MAX: usize = 512;
const BATCH_PAUSE: Duration = Duration::from_secs(2);
const EXPORT_MAX: Duration = Duration::from_secs(5);

pub(super) struct Sender {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
}

impl Sender {
    pub(super) fn to(endpoint: &str) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_MAX)
            .build()
            .map_err(|error| anyhow::anyhow!("traces.endpoint: {error}"))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_SPANS_MAX)
            .with_max_export_batch_size(BATCH_SPANS_MAX)
            .with_scheduled_delay(BATCH_PAUSE)
            .build();
        let exporter = Audible { exporter, is_failing: AtomicBool::new(false) };
        let mut processor =
            BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name("hearback").with_attribute(version);
        processor.set_resource(&resource.build());
        let scope = InstrumentationScope::builder("hearback").build();
        Ok(Self { processor, scope })
    }

    pub(super) fn send(&self, trace: u128, span: Span) {
        self.processor.on_end(self.data(trace, span));
    }

    /// A collector that is away is given up after some seconds.
    pub(super) async fn finish(&'static self) {
        let _ = tokio::task::spawn_blocking(|| self.processor.force_flush()).await;
    }

    fn data(&self, trace: u128, span: Span) -> SpanData {
        let Span { name, kind, began, ended, facts, error, .. } = span;
        let trace = TraceId::from_bytes(trace.to_be_bytes());
        let id = SpanId::from_bytes(by_chance().to_be_bytes());
        let state = TraceState::default();
        SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, state),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: match kind {
                Kind::Server => SpanKind::Server,
                Kind::Client => SpanKind::Client,
                Kind::Internal => SpanKind::Internal,
            },
            name: Cow::Owned(name),
            start_time: system_time(began),
            end_time: system_time(ended),
            attributes: facts
                .into_iter()
                .map(|(name, fact)| KeyValue::new(name, value(fact)))
                .collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: error.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        }
    }
}

fn by_chance() -> u64 {
    let (_, low) = uuid::Uuid::now_v7().as_u64_pair();
    low
}

fn value(fact: Fact) -> Value {
    match fact {
        Fact::Text(text) => text.into(),
        Fact::Count(count) => i64::try_from(count).unwrap_or(i64::MAX).into(),
        Fact::Is(is) => is.into(),
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default())
}

/// Says so when a collector does not take what it is sent, and when it does again.
#[derive(Debug)]
struct Audible {
    exporter: SpanExporter,
    is_failing: AtomicBool,
}

impl Export for Audible {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        match (&sent, self.is_failing.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(
                %error,
                remedy = "look at traces.endpoint; most collectors take them at /v1/traces",
                "the collector does not take traces"
            ),
            (Ok(()), true) => tracing::info!("the collector takes traces again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
