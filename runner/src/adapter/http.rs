//! The port for monitoring: metrics, liveness, readiness and status over plain HTTP.
//!
//! | path | response |
//! |---|---|
//! | `/metrics` | everything in the Prometheus text format |
//! | `/live` | 200 while the process serves |
//! | `/ready` | 200, or 503 with one reason per line |
//! | `/status` | communities as JSON: mark, lag, hold, last error, lease, algorithm; who got cut responses; failed TLS handshakes |
//!
//! `/status` lists the first hundred communities by their names, `?limit=` so many, `?after=NAME` those after it (`next` in an answer
//! names it), `?only=troubled` those that somebody should look at.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::text::printable;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ports::{self, Limits, Port};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::status::{Listed, Status};

/// How long a shutdown waits for current requests, so that a client which never finishes does not block it.
const DRAIN: Duration = Duration::from_secs(2);
/// Communities that `/status` lists at most.
const COMMUNITIES_MAX: usize = 1000;
const TEXT: &str = "text/plain; charset=utf-8";
/// The Prometheus text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
struct Monitored {
    metrics: Arc<Metrics>,
    status: Arc<Status>,
}

/// Limits on who asks.
fn limits(connections: usize) -> Limits {
    Limits {
        connections,
        handshakes: connections,
        opening: Duration::from_secs(10),
        // There is one request for each connection, so that only unfinished ones live that long.
        idle: Duration::from_secs(30),
        age: Duration::from_secs(60),
        grace: DRAIN,
        stall: Duration::from_secs(10),
    }
}

/// Serves so many concurrent connections until the shutdown.
pub async fn serve(
    listener: TcpListener,
    connections: usize,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    shutdown: CancellationToken,
) {
    let router = Router::new()
        .route("/metrics", get(exposition))
        .route("/live", get(async || text(StatusCode::OK, TEXT, "live\n".to_owned())))
        .route("/ready", get(ready))
        .route("/status", get(overview))
        .with_state(Monitored { metrics, status });
    let limits = limits(connections);
    let http = ports::http1(&limits);
    let end = CancellationToken::new();
    Port { listener, limits, http, router, openings: None, stop: shutdown, end }.serve().await;
}

async fn exposition(State(monitored): State<Monitored>) -> Response {
    text(StatusCode::OK, EXPOSITION, monitored.metrics.render())
}

async fn ready(State(monitored): State<Monitored>) -> Response {
    match &monitored.status.unready()[..] {
        [] => text(StatusCode::OK, TEXT, "ready\n".to_owned()),
        reasons => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n"),
    }
}

async fn overview(State(monitored): State<Monitored>, RawQuery(query): RawQuery) -> Response {
    let listed = match listed(query.as_deref().unwrap_or_default()) {
        Ok(listed) => listed,
        Err(part) => {
            let expected = "limit=NUMBER, after=NAME or only=troubled is expected";
            return text(StatusCode::BAD_REQUEST, TEXT, format!("{:?}: {expected}\n", printable(&part)));
        }
    };
    match monitored.status.to_json(&listed) {
        Ok(json) => text(StatusCode::OK, "application/json", json + "\n"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

/// Which communities `/status` is asked for; the part of the query that says nothing.
fn listed(query: &str) -> Result<Listed, String> {
    let mut listed = Listed::default();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let unknown = || part.to_owned();
        let (key, value) = part.split_once('=').ok_or_else(unknown)?;
        let value = percent_decode_str(value).decode_utf8().map_err(|_| unknown())?;
        match (key, &*value) {
            ("limit", limit) => listed.limit = limit.parse::<usize>().map_err(|_| unknown())?.clamp(1, COMMUNITIES_MAX),
            ("after", name) => listed.after = Some(name.to_owned()),
            ("only", "troubled") => listed.only_troubled = true,
            _ => return Err(unknown()),
        }
    }
    Ok(listed)
}

/// A response that must not be cached.
fn text(code: StatusCode, kind: &'static str, body: String) -> Response {
    (code, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], body).into_response()
}
