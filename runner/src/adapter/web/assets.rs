//! The style sheet, the script and the icon: public, and kept by browsers until they change.

use std::sync::LazyLock;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Digest;
use pages::look::Assets;

/// One file: its path names its content.
struct Asset {
    path: String,
    tag: String,
    kind: &'static str,
    content: &'static str,
}

static ALL: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    let all = [
        ("style", "css", "text/css", pages::STYLE),
        ("script", "js", "text/javascript", pages::SCRIPT),
        ("icon", "svg", "image/svg+xml", pages::ICON),
    ];
    all.map(|(name, ending, kind, content)| {
        let digest = Digest::of(content.as_bytes()).short().to_string();
        Asset { path: format!("/{name}-{digest}.{ending}"), tag: format!("\"{digest}\""), kind, content }
    })
});

/// Where pages find them.
pub fn paths() -> Assets {
    let [style, script, icon] = &*ALL;
    Assets { style: &style.path, script: &script.path, icon: &icon.path }
}

/// The file at a path.
pub fn find(path: &str, headers: &HeaderMap) -> Option<Response> {
    let asset = ALL.iter().find(|asset| asset.path == path)?;
    let is_known = |tags: &str| {
        tags.split(',').any(|tag| matches!(tag.trim().trim_start_matches("W/"), "*") || tag.trim() == asset.tag)
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).is_some_and(is_known);
    let kept = [(header::ETAG, asset.tag.as_str()), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Some(match known {
        true => (StatusCode::NOT_MODIFIED, kept).into_response(),
        false => {
            (kept, [(header::CONTENT_TYPE, format!("{}; charset=utf-8", asset.kind))], asset.content).into_response()
        }
    })
}
