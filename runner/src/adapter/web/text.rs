//! The text of an answer: a page or JSON.

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::text::printable_json;
use maud::Markup;
use pages::look::Look;

/// A text that can be sent any number of times.
#[derive(Clone, Debug)]
pub struct Text {
    kind: &'static str,
    bytes: Bytes,
}

impl Text {
    /// A whole page.
    pub fn page(look: &Look, title: &str, body: &Markup, refresh: Option<u32>) -> Text {
        let page = pages::web::page(look, title, body, refresh).into_string();
        Text { kind: "text/html; charset=utf-8", bytes: page.into() }
    }

    pub fn json(json: &serde_json::Value) -> Text {
        let text = printable_json(&json.to_string()).into_owned() + "\n";
        Text { kind: "application/json", bytes: text.into() }
    }

    /// How long it is.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn with(self, code: StatusCode) -> Response {
        (code, [(header::CONTENT_TYPE, self.kind)], self.bytes).into_response()
    }
}
