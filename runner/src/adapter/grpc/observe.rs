//! What every request passes: a time limit, a clear word to who asks for what is not there, and the eyes of metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use axum::middleware::{Next, from_fn_with_state};
use tonic::service::Routes;
use tonic::{Code, Status};

use super::{ALGORITHM_SERVICE, ApiLimits};

/// Is told each request's method (`proto.MarketService/GetMatches`), how it ended and how long it took. Methods are
/// those that exist, and [`UNKNOWN_METHOD`]: a caller cannot make up names. Of a stream it hears when that has begun.
pub type Observer = Arc<dyn Fn(&str, Code, Duration) + Send + Sync>;

/// The name under which requests for methods that are not there are counted.
pub const UNKNOWN_METHOD: &str = "unknown";

#[derive(Clone)]
struct Watch {
    observer: Option<Observer>,
    limits: ApiLimits,
}

impl Watch {
    /// How long a request to this path may take.
    fn request_max(&self, path: &str) -> Duration {
        let is_about_algorithms = path.trim_start_matches('/').split('/').next() == Some(ALGORITHM_SERVICE);
        if is_about_algorithms { self.limits.examination } else { self.limits.request }
    }
}

/// The same services, each request limited and watched.
pub(super) fn observed(routes: Routes, observer: Option<Observer>, limits: ApiLimits) -> Routes {
    let watch = Watch { observer, limits };
    Routes::from(routes.into_axum_router().layer(from_fn_with_state(watch, pass)))
}

/// A request under way. One that its caller gives up is dropped, and seen as cancelled.
struct UnderWay {
    observer: Option<Observer>,
    path: String,
    since: Instant,
}

impl UnderWay {
    fn end(&mut self, code: Code) {
        let Some(observer) = self.observer.take() else { return };
        // Only what is not there is unimplemented.
        let method = if code == Code::Unimplemented { UNKNOWN_METHOD } else { self.path.trim_start_matches('/') };
        observer(method, code, self.since.elapsed());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

async fn pass(State(watch): State<Watch>, request: Request, next: Next) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let request_max = watch.request_max(&path);
    let mut under_way = UnderWay { observer: watch.observer, path, since: Instant::now() };
    let response = match tokio::time::timeout(request_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(method = under_way.path, after = ?request_max, "gave a request up");
            let message = format!("the market gave this request up after {request_max:?} (ask for less, or later)");
            Status::deadline_exceeded(message).into_http()
        }
    };
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    under_way.end(code);
    if code == Code::Unimplemented && has_no_message(response.headers()) {
        return nothing_there(&under_way.path);
    }
    response
}

fn has_no_message(headers: &HeaderMap) -> bool {
    headers.get("grpc-message").is_none_or(|message| message.is_empty())
}

fn nothing_there(path: &str) -> Response<Body> {
    let shown: String = path.chars().take(128).collect();
    let ports = "proto.MarketService is on the plaintext port, proto.AuthenticatedMarketService on the TLS port";
    Status::unimplemented(format!("there is no method {shown} on this port ({ports})")).into_http()
}
