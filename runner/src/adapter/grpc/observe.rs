//! The middleware of every request: a deadline, metrics, and a clear message for methods that do not exist.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use axum::middleware::{Next, from_fn_with_state};
use tonic::service::Routes;
use tonic::{Code, Status};

use super::{ALGORITHM_SERVICE, ApiLimits, service_of};

/// Called with the method (`proto.MarketService/GetMatches`), outcome and duration of each request; for a stream, when it has
/// started. Methods that do not exist are all [`UNKNOWN_METHOD`], so that callers cannot invent names.
pub type Observer = Arc<dyn Fn(&str, Code, Duration) + Send + Sync>;

/// Stands for all methods that do not exist.
pub const UNKNOWN_METHOD: &str = "unknown";

#[derive(Clone)]
struct Observation {
    observer: Option<Observer>,
    limits: ApiLimits,
}

impl Observation {
    /// Deadline of a request: ours, or an earlier one of its caller.
    fn request_max(&self, request: &Request) -> Duration {
        let is_about_algorithms = service_of(request.uri().path()) == ALGORITHM_SERVICE;
        let ours = if is_about_algorithms { self.limits.examination } else { self.limits.request };
        callers_deadline(request.headers()).map_or(ours, |theirs| theirs.min(ours))
    }
}

/// How long the caller will wait: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn callers_deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(3600 * number),
        "M" => Duration::from_secs(60 * number),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The same services with a deadline and an observer.
pub(super) fn observed(routes: Routes, observer: Option<Observer>, limits: ApiLimits) -> Routes {
    let observation = Observation { observer, limits };
    Routes::from(routes.into_axum_router().layer(from_fn_with_state(observation, pass)))
}

/// A current request. If its caller gives up, it is dropped and counts as cancelled.
struct CurrentRequest {
    observer: Option<Observer>,
    path: String,
    since: Instant,
}

impl CurrentRequest {
    fn end(&mut self, code: Code) {
        let Some(observer) = self.observer.take() else { return };
        // UNIMPLEMENTED is only used for methods that do not exist.
        let method = if code == Code::Unimplemented { UNKNOWN_METHOD } else { self.path.trim_start_matches('/') };
        observer(method, code, self.since.elapsed());
    }
}

impl Drop for CurrentRequest {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

async fn pass(State(observation): State<Observation>, request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let request_max = observation.request_max(&request);
    let mut current = CurrentRequest { observer: observation.observer, path, since: Instant::now() };
    let response = match tokio::time::timeout(request_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(method = current.path, after = ?request_max, "a request exceeded its deadline");
            let message = format!("the request took longer than {request_max:?} (ask for less, or try again later)");
            Status::deadline_exceeded(message).into_http()
        }
    };
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    current.end(code);
    if code == Code::Unimplemented && has_no_message(response.headers()) {
        return no_such_method(&current.path);
    }
    response
}

fn has_no_message(headers: &HeaderMap) -> bool {
    headers.get("grpc-message").is_none_or(|message| message.is_empty())
}

fn no_such_method(path: &str) -> Response<Body> {
    let path: String = path.chars().take(128).collect();
    let ports = "proto.MarketService is on the plaintext port, proto.AuthenticatedMarketService on the TLS port";
    Status::unimplemented(format!("there is no method {path} on this port ({ports})")).into_http()
}
