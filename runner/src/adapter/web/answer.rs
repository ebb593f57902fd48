//! Answers: a page or JSON, the status, and the headers that every answer has.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::text::{chain, printable};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use pages::look::Look;
use pages::place::Form;
use words::fill;

use super::ask::{File, Refusal};
use super::text::Text;
use crate::telemetry::status::Status;

/// What every answer says: nothing from elsewhere, no frame around it, no name of it elsewhere, and no type but its own.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Gives an answer the headers that every answer has. What names no other way is never kept.
pub fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A file to keep.
pub fn download(File { kind, name, content }: File) -> Response {
    let mut response = Body::from(content).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // A name of plain letters, so that it needs no quoting.
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// A whole page.
pub fn page(code: StatusCode, look: &Look, title: &str, body: &Markup, refresh: Option<u32>) -> Response {
    Text::page(look, title, body, refresh).with(code)
}

fn in_json(code: StatusCode, json: &serde_json::Value) -> Response {
    Text::json(json).with(code)
}

/// Why there is no page.
pub fn refused(look: &Look, form: Form, refusal: &Refusal, away: Away) -> Response {
    let frame = &look.texts().frame;
    // What is not there is the same page for every address, so that nothing tells it from what is not the viewer's.
    let nowhere = matches!(refusal, Refusal::NotFound);
    let look = &if nowhere { Look { place: None, query: String::new(), ..look.clone() } } else { look.clone() };
    let (code, title, text) = match refusal {
        Refusal::NotFound => (StatusCode::NOT_FOUND, frame.not_found_title, frame.not_found.to_owned()),
        Refusal::Wrong { name, value, expected } => {
            let value = printable(value);
            let text = fill(frame.wrong, &[("name", name), ("value", &value), ("expected", expected)]);
            (StatusCode::BAD_REQUEST, frame.wrong_title, text)
        }
        Refusal::Store(error) => {
            tracing::warn!(code = "web", "a page cannot be shown: {}", chain(error));
            return unavailable(look, form, away, &html! {});
        }
        Refusal::Failed(why) => {
            tracing::error!(code = "web", "a page cannot be made: {why}");
            (StatusCode::SERVICE_UNAVAILABLE, frame.busy_title, frame.busy.to_owned())
        }
    };
    told(look, form, code, title, &text)
}

/// Since when the store has not answered.
#[derive(Clone, Copy, Debug)]
pub struct Away(Timestamp);

impl Away {
    /// As the process has found it last, or since now if it has not noticed yet.
    pub fn of(status: &Status, now: Timestamp) -> Away {
        Away(status.store_away_since().unwrap_or(now))
    }
}

/// The store does not answer. What is known of settlement all the same is told below.
pub fn unavailable(look: &Look, form: Form, Away(since): Away, told: &Markup) -> Response {
    let (frame, language) = (&look.texts().frame, look.language);
    let moment = language.moment(TimeZone::UTC.to_datetime(since));
    let text = fill(frame.unavailable_since, &[("since", &format_args!("{moment} (UTC)"))]);
    let code = StatusCode::SERVICE_UNAVAILABLE;
    let mut response = match form {
        Form::Page => {
            let body = html! { h1 { (frame.unavailable_title) } p { (text) } (told) };
            page(code, look, frame.unavailable_title, &body, None)
        }
        Form::Json => in_json(code, &serde_json::json!({ "error": text, "since": since.to_string() })),
    };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

/// There are too many requests at once, or this one takes too long.
pub fn busy(look: &Look, form: Form) -> Response {
    let frame = &look.texts().frame;
    let mut response = told(look, form, StatusCode::SERVICE_UNAVAILABLE, frame.busy_title, frame.busy);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// A page that only says something.
pub fn told(look: &Look, form: Form, code: StatusCode, title: &str, text: &str) -> Response {
    match form {
        Form::Page => page(code, look, title, &html! { h1 { (title) } p { (text) } }, None),
        Form::Json => in_json(code, &serde_json::json!({ "error": text })),
    }
}

/// What was sent is done; what came of it is there.
pub fn see_other(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}
