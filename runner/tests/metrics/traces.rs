//! Traces, as an OpenTelemetry collector receives them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::runtime::Runtime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use testkit::*;

/// A collector in this process.
struct Collector {
    address: String,
    received: Received,
    _runtime: Runtime,
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    fn new() -> Collector {
        let runtime = runtime();
        let listener = runtime.block_on(listener());
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let router = Server::builder().add_service(TraceServiceServer::new(received.clone()));
        runtime.spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        Collector { address, received, _runtime: runtime }
    }

    /// Every span so far, and the service's name in each request.
    fn spans(&self) -> (Vec<Span>, Vec<String>) {
        let requests = self.received.0.lock().unwrap();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let names =
            resources.clone().map(|resource| text(&resource.resource.as_ref().unwrap().attributes, "service.name"));
        let spans = resources.clone().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
        (spans.cloned().collect(), names.collect())
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key).unwrap_or_else(|| panic!("no {key}"));
    match found.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        other => panic!("{key} is {other:?}"),
    }
}

const ROWS: [&str; 4] = ["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 60 0"];

#[test]
fn a_pass_is_a_trace_with_its_steps() {
    let (meters, collector) = (Meters::telling(&ROWS), Collector::new());
    let market = Market::of(&meters);
    // Sending traces says nothing, and what is offered is decided.
    let since = ("REC_MARKET_FORWARD_SINCE", "2023-09-01T00:00:00Z");
    market.run_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address), since], &["settle"]).done();
    let (spans, services) = collector.spans();
    assert!(!services.is_empty() && services.iter().all(|name| name == "rec-market"), "{services:?}");
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for span in &spans {
        *names.entry(&span.name).or_default() += 1;
    }
    // The boundary at 12:00 has no round, so no algorithm runs for it; both are committed together; after the last page there
    // is one more.
    assert_eq!(
        (names["pass"], names["clear interval"], names["run algorithm"], names["commit intervals"]),
        (1, 2, 1, 1)
    );
    assert!(names["fetch page"] >= 2, "{names:?}");
    assert_eq!(names.len(), 5, "{names:?}");
    let pass = spans.iter().find(|span| span.name == "pass").unwrap();
    assert_eq!(text(&pass.attributes, "community"), "aveiro");
    for span in &spans {
        assert_eq!(span.trace_id, pass.trace_id, "{span:?}");
        assert_eq!(span.parent_span_id.is_empty(), span.name == "pass", "{span:?}");
    }
}

#[test]
fn a_name_from_the_environment_stands_above_ours() {
    let (meters, collector) = (Meters::telling(&ROWS), Collector::new());
    let market = Market::of(&meters);
    let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.address.as_str());
    market.run_with(&[endpoint, ("OTEL_SERVICE_NAME", "market-north")], &["settle"]).ends_with(0);
    assert_eq!(collector.spans().1[0], "market-north");
}

#[test]
fn without_a_collector_everything_goes_on() {
    let meters = Meters::telling(&ROWS);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, message) in
        [(format!("http://{closed}"), "is the collector running?"), ("::".to_owned(), "cannot send traces")]
    {
        let market = Market::of(&meters);
        let started = Instant::now();
        let settled = market.run_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)], &["settle"]);
        settled.ends_with(0).says(message);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(market.trades().len(), 2);
    }
}
