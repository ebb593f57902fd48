//! Logging in with a token, and logging out.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use books::{Session, Who};
use domain::Digest;
use jiff::{SignedDuration, Timestamp};
use pages::look::Look;
use pages::place::{Form, Part, Place};

use super::proxy::is_from_own_page;
use super::{Door, LINK, LOGIN, LOGOUT, Refused, ok, session, with_cookie};
use crate::adapter::web::ask::Parts;
use crate::adapter::web::query::Query;
use crate::adapter::web::viewer::Viewer;
use crate::config::Role;
use crate::token::Token;

/// How long a session lasts that was begun with a token: a day's work.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// The largest form that is read, in bytes.
const FORM_BYTES_MAX: usize = 4096;
/// The longest address that somebody is sent back to, in bytes.
const NEXT_BYTES_MAX: usize = 2048;

impl Door {
    pub(super) fn login_page(&self, look: &Look) -> Response {
        let title = look.texts().door.title;
        ok(look, title, &pages::door::sign_in(look, title, None))
    }

    pub(super) async fn log_in(&self, parts: &Parts, peer: IpAddr, request: Request) -> Result<Response, Refused> {
        let (head, body) = request.into_parts();
        let next = head.uri.path_and_query().map(|asked| asked.as_str()).unwrap_or_default();
        if !is_from_own_page(&head.headers) {
            return Err(Refused::Elsewhere);
        }
        let body = to_bytes(body, FORM_BYTES_MAX).await.unwrap_or_default();
        let form = std::str::from_utf8(&body).ok().and_then(Query::parse).unwrap_or_default();
        let (token, now) = (form.get("token").unwrap_or_default().trim(), parts.clock.now());
        let (viewer, token) = self.by_token(token, peer, &head.headers, now).await?;
        let cookie = self.begin(parts, &head.headers, Who::Viewer(viewer.name.clone()), &token, LASTS, now).await?;
        let home = home(&viewer);
        let next = local(next).unwrap_or(&home);
        let to = HeaderValue::from_str(next).unwrap_or(HeaderValue::from_static("/"));
        Ok(with_cookie((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(), cookie))
    }

    /// Begins a session in the place of the one that the browser has, and returns its cookie.
    pub(super) async fn begin(
        &self,
        parts: &Parts,
        headers: &HeaderMap,
        who: Who,
        token: &Digest,
        lasts: Duration,
        now: Timestamp,
    ) -> Result<Option<HeaderValue>, Refused> {
        let is_secure = self.web.is_secure();
        if let Some(before) = session::shown(headers, is_secure) {
            parts.store.end_session(&before.digest()).await?;
        }
        let secret = Token::new().map_err(|_| Refused::NoRandomNumbers)?;
        let lasting = SignedDuration::try_from(lasts).unwrap_or(SignedDuration::ZERO);
        let session = Session {
            digest: secret.digest(),
            who,
            bound: session::bound(&secret, token),
            expires_at: now.checked_add(lasting).unwrap_or(now),
        };
        parts.store.begin_session(&session, now).await?;
        Ok(session::given(&secret, lasts, is_secure))
    }

    pub(super) async fn log_out(&self, parts: &Parts, look: &Look, headers: &HeaderMap) -> Result<Response, Refused> {
        if !is_from_own_page(headers) {
            return Err(Refused::Elsewhere);
        }
        if let Some(secret) = session::shown(headers, self.web.is_secure()) {
            parts.store.end_session(&secret.digest()).await?;
        }
        let door = &look.texts().door;
        let response = ok(look, door.signed_out_title, &pages::door::said(door.signed_out_title, door.signed_out));
        Ok(with_cookie(response, session::taken(self.web.is_secure())))
    }
}

/// Where somebody goes first.
fn home(viewer: &Viewer) -> String {
    match (viewer.role, &viewer.community, &viewer.member) {
        (Role::Member, Some(community), Some(member)) => {
            Place::of(community, Part::Member(member.clone())).href(Form::Page)
        }
        _ => Place::Home.href(Form::Page),
    }
}

/// An address on this server, and no other: where somebody wanted to go before they came in.
fn local(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.len() <= NEXT_BYTES_MAX;
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_door = [LOGIN, LOGOUT, LINK].iter().any(|door| next.starts_with(door));
    (is_path && is_plain && !is_door).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        for next in ["/", "/c/a?period=2024-05&lang=de", "/c/a%20b/m/x"] {
            assert_eq!(local(next), Some(next));
        }
        for next in [
            "",
            "c/a",
            "//evil.example/",
            "/\\evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x",
            "/a b",
            "/é",
            "/login",
            "/logout",
            "/link/0123",
        ] {
            assert_eq!(local(next), None, "{next}");
        }
        assert_eq!(local(&format!("/{}", "a".repeat(NEXT_BYTES_MAX))), None);
    }

    #[test]
    fn a_member_goes_to_its_own_page_first() {
        let viewer = |role, community: Option<&str>, member: Option<&str>| Viewer {
            name: "x".to_owned(),
            role,
            community: community.map(str::to_owned),
            member: member.map(|member| member.parse().unwrap()),
            has_session: true,
        };
        assert_eq!(home(&viewer(Role::Member, Some("a b"), Some("m/1"))), "/c/a%20b/m/m%2F1");
        assert_eq!(home(&viewer(Role::Board, Some("a b"), None)), "/");
    }
}
