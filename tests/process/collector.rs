//! A collector of traces: what an OpenTelemetry collector is to the service.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// Whatever was sent, until it is dropped.
pub(crate) struct Collector {
    address: SocketAddr,
    received: Received,
    _serving: AbortOnDropHandle<()>,
}

type Received = Arc<Mutex<Vec<Bytes>>>;

impl Collector {
    pub(crate) async fn start() -> Self {
        let received = Received::default();
        let keep = async |State(received): State<Received>, body: Bytes| {
            received.lock().expect("whole").push(body);
        };
        let app = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&received));
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("an address");
        let serving = tokio::spawn(async { axum::serve(socket, app).await.expect("it serves") });
        Self { address, received, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().expect("whole");
        let requests = received.iter().map(|body| {
            ExportTraceServiceRequest::decode(body.clone()).expect("what the protocol says")
        });
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    /// As it came over the wire, where texts can be read.
    pub(crate) fn text(&self) -> String {
        let received = self.received.lock().expect("whole");
        received.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
    }
}
