//! Coming in by a link: its token is exchanged at once for a session, and its address shows no more.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use books::{Link, StoreError, Who};
use jiff::Timestamp;
use pages::look::Look;
use pages::place::{Part, Place};

use super::{Door, Refused, ok, proxy, with_cookie};
use crate::adapter::web::ask::Parts;
use crate::token::Token;

/// How long a session lasts at most that was begun by a link. Whoever has the link can begin another one while it is valid.
const LASTS_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

impl Door {
    /// Answers with a page that leads on to the member's own. It is no redirect: browsers send a strict cookie with what a page of
    /// ours asks for, but not with what follows at once from a click in a mail.
    pub(super) async fn open_link(
        &self,
        parts: &Parts,
        peer: IpAddr,
        look: &Look,
        headers: &HeaderMap,
        token: &str,
    ) -> Result<Response, Refused> {
        let now = parts.clock.now();
        let address = proxy::address(self.web.proxy.as_ref(), peer, headers);
        let attempt = self.attempts.begin(address, now).map_err(Refused::TooMany)?;
        // What there never was, what has ended and what was revoked have one answer.
        let link = find(parts, token, now).await?.ok_or(Refused::WrongLink)?;
        attempt.succeeded();
        let left = Duration::try_from(link.expires_at.duration_since(now)).unwrap_or_default();
        let cookie = self.begin(parts, headers, Who::Link(link.id()), &link.digest, left.min(LASTS_MAX), now).await?;
        let to = look.href(&Place::of(&link.community, Part::Member(link.member.clone())), &[]);
        let title = look.texts().door.welcome_title;
        let mut response = ok(look, title, &pages::door::welcome(look, &to));
        if let Ok(refresh) = HeaderValue::from_str(&format!("0; url={to}")) {
            response.headers_mut().insert(header::REFRESH, refresh);
        }
        Ok(with_cookie(response, cookie))
    }
}

/// The link with this token, if it is valid.
async fn find(parts: &Parts, token: &str, now: Timestamp) -> Result<Option<Link>, StoreError> {
    let Some(token) = Token::parse(token) else { return Ok(None) };
    let digest = token.digest();
    // It is found by the beginning of the digest, and known by all of it.
    let link = parts.reader.link(&digest.short()).await?;
    Ok(link.filter(|link| link.digest == digest && link.is_valid(now)))
}
