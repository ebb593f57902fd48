//! Who asks: known by the proxy's word, a token, a session, or because everybody on this machine may look.
//!
//! Nobody else is let in, and nobody learns before whether a page exists. Tokens are shown once, for a session; no answer, record or
//! log has one.

mod attempts;
mod links;
mod login;
mod proxy;
mod session;
mod visits;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use books::{ANYONE_HERE, LINK_PREFIX, Link, StoreError, Visit, Who};
use domain::Digest;
use domain::text::{chain, printable};
use jiff::Timestamp;
use maud::{Markup, html};
use pages::look::Look;
use pages::place::{Form, Part, Place};
use words::fill;

use self::attempts::Attempts;
pub use self::proxy::is_from_own_page;
use self::proxy::{Forged, Named};
pub use self::visits::{Visits, record};
use super::answer::{Away, page, told, unavailable};
use super::ask::Parts;
use super::viewer::Viewer;
use crate::config::{Role, ViewerConfig, WebConfig};
use crate::token::{self, Token};

/// How people log in and out, and come in by a link.
const LOGIN: &str = "/login";
const LOGOUT: &str = "/logout";
/// What the path of a link begins with.
pub const LINK: &str = "/link/";
/// How programs show a token.
const BEARER: &str = "Bearer ";
/// How much of a name that the proxy gives is recorded, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Knows who may come in.
pub struct Door {
    web: WebConfig,
    viewers: Arc<[ViewerConfig]>,
    attempts: Attempts,
    visits: Visits,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub enum Refused {
    /// Nothing shows who asks.
    Unknown,
    /// The proxy names somebody who is no viewer.
    NoViewer,
    /// The token is nobody's.
    WrongToken,
    /// The link is none, or not valid any more.
    WrongLink,
    /// A header that only the proxy may set, from somebody else.
    Forged(String),
    /// A request that changes something, and may be from another site's page.
    Elsewhere,
    /// There were too many attempts from this address.
    TooMany(Duration),
    /// The store cannot be read or written.
    Store(StoreError),
    /// The system gives no random numbers.
    NoRandomNumbers,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused::Store(error)
    }
}

impl From<Forged> for Refused {
    fn from(Forged { header }: Forged) -> Refused {
        Refused::Forged(header)
    }
}

/// Whether a path is one at which people come in or go, whoever they are.
pub fn is_door(path: &str) -> bool {
    path == LOGIN || path == LOGOUT || path.starts_with(LINK)
}

impl Door {
    pub fn new(web: WebConfig, viewers: Vec<ViewerConfig>, visits: Visits) -> Door {
        Door { web, viewers: viewers.into(), attempts: Attempts::default(), visits }
    }

    /// Answers a request at the door.
    pub async fn answer(&self, parts: &Parts, peer: IpAddr, look: &Look, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        // Whoever makes up who they are is not even told how to come in.
        if let Err(forged) = proxy::named(self.web.proxy.as_ref(), peer, request.headers()) {
            return self.refused(parts, look, Form::Page, &forged.into());
        }
        let went = match (request.method(), path.as_str(), path.strip_prefix(LINK)) {
            (&Method::GET, _, Some(token)) => self.open_link(parts, peer, look, request.headers(), token).await,
            (&Method::GET | &Method::HEAD, LOGIN, _) => Ok(self.login_page(look)),
            (&Method::POST, LOGIN, _) => self.log_in(parts, peer, request).await,
            (&Method::GET | &Method::HEAD, LOGOUT, _) => Ok(logout_page(look)),
            (&Method::POST, LOGOUT, _) => self.log_out(parts, look, request.headers()).await,
            // A link is for people: what only looks ahead does not begin a session.
            _ => Ok(not_so(look)),
        };
        went.unwrap_or_else(|refused| self.refused(parts, look, Form::Page, &refused))
    }

    /// Answers somebody who is not let in. Who sends the form for a token, which stands in the place of the page, comes in where
    /// they wanted to go.
    pub async fn turned_away(
        &self,
        parts: &Parts,
        peer: IpAddr,
        (look, form): (&Look, Form),
        request: Request,
        refused: &Refused,
    ) -> Response {
        if matches!(refused, Refused::Unknown) && form == Form::Page && *request.method() == Method::POST {
            let went = self.log_in(parts, peer, request).await;
            return went.unwrap_or_else(|refused| self.refused(parts, look, form, &refused));
        }
        self.refused(parts, look, form, refused)
    }

    /// Finds out who asks.
    ///
    /// # Errors
    /// If nobody knows, or somebody makes up who they are.
    pub async fn identify(&self, parts: &Parts, peer: IpAddr, headers: &HeaderMap) -> Result<Viewer, Refused> {
        let now = parts.clock.now();
        let named = proxy::named(self.web.proxy.as_ref(), peer, headers)?;
        if let Some(viewer) = named.as_ref().and_then(|named| self.by_name(named)) {
            return Ok(viewer);
        }
        if let Some(shown) = headers.get(AUTHORIZATION) {
            let token = shown.to_str().ok().and_then(|text| text.strip_prefix(BEARER)).map(str::trim);
            let token = token.ok_or(Refused::WrongToken)?;
            let (viewer, _) = self.by_token(token, peer, headers, now).await?;
            return Ok(viewer);
        }
        if let Some(secret) = session::shown(headers, self.web.is_secure())
            && let Some(viewer) = self.by_session(parts, &secret, now).await?
        {
            return Ok(viewer);
        }
        if self.web.open && proxy::is_here(peer, headers) {
            let name = ANYONE_HERE.to_owned();
            return Ok(Viewer { name, role: Role::Manager, community: None, member: None, has_session: false });
        }
        Err(if named.is_some() { Refused::NoViewer } else { Refused::Unknown })
    }

    /// Whom the proxy names: the viewer with that user's name, or else the first with one of the groups.
    fn by_name(&self, named: &Named) -> Option<Viewer> {
        let has_user = |viewer: &&ViewerConfig| viewer.user.as_ref() == Some(&named.user);
        if let Some(viewer) = self.viewers.iter().find(has_user) {
            return Some(known(viewer, false));
        }
        let in_group = |viewer: &&ViewerConfig| viewer.group.as_ref().is_some_and(|group| named.groups.contains(group));
        let viewer = self.viewers.iter().find(in_group)?;
        // Several people are this viewer; the record says which.
        let user: String = printable(&named.user).chars().take(NAME_CHARS_MAX).collect();
        Some(Viewer { name: format!("{}: {user}", viewer.name), ..known(viewer, false) })
    }

    /// Whose token this is, and its digest. The files are read each time, because they may be replaced.
    async fn by_token(
        &self,
        token: &str,
        peer: IpAddr,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(Viewer, Digest), Refused> {
        let address = proxy::address(self.web.proxy.as_ref(), peer, headers);
        let attempt = self.attempts.begin(address, now).map_err(Refused::TooMany)?;
        let (viewers, given) = (Arc::clone(&self.viewers), Digest::of(token.as_bytes()));
        let found = tokio::task::spawn_blocking(move || {
            // All files are read, and digests compared: how long it takes tells nothing of any token.
            let is_its = |viewer: &ViewerConfig| token_of(viewer).is_some_and(|token| token == given);
            viewers.iter().map(is_its).collect::<Vec<bool>>()
        });
        let found = found.await.unwrap_or_default();
        let viewer = self.viewers.iter().zip(found).find_map(|(viewer, is_its)| is_its.then_some(viewer));
        let viewer = viewer.ok_or(Refused::WrongToken)?;
        attempt.succeeded();
        Ok((known(viewer, false), given))
    }

    /// Whose session this is; `None` if it has ended, or what it was begun by does not hold any more.
    async fn by_session(&self, parts: &Parts, secret: &Token, now: Timestamp) -> Result<Option<Viewer>, StoreError> {
        let Some(kept) = parts.reader.session(&secret.digest()).await? else { return Ok(None) };
        if kept.expires_at <= now {
            return Ok(None);
        }
        let (viewer, token) = match &kept.who {
            Who::Link(id) => match parts.reader.link(id).await? {
                Some(link) if link.is_valid(now) => (by_link(&link), link.digest),
                _ => return Ok(None),
            },
            Who::Viewer(name) => {
                let Some(viewer) = self.viewers.iter().find(|viewer| viewer.name == *name).cloned() else {
                    return Ok(None);
                };
                let known = known(&viewer, true);
                let token = tokio::task::spawn_blocking(move || token_of(&viewer)).await;
                let Ok(Some(token)) = token else { return Ok(None) };
                (known, token)
            }
        };
        Ok((session::bound(secret, &token) == kept.bound).then_some(viewer))
    }

    /// The answer to somebody who is not let in: the same for every page, whether it is there or not.
    pub fn refused(&self, parts: &Parts, look: &Look, form: Form, refused: &Refused) -> Response {
        let (door, frame) = (&look.texts().door, &look.texts().frame);
        let (code, title, text) = match refused {
            Refused::Unknown => (StatusCode::UNAUTHORIZED, frame.refused_title, frame.refused.to_owned()),
            Refused::NoViewer => (StatusCode::FORBIDDEN, door.no_viewer_title, door.no_viewer.to_owned()),
            Refused::WrongToken => (StatusCode::UNAUTHORIZED, frame.refused_title, door.wrong_token.to_owned()),
            Refused::WrongLink => (StatusCode::NOT_FOUND, door.wrong_link_title, door.wrong_link.to_owned()),
            Refused::Forged(header) => {
                tracing::warn!(
                    code = "web",
                    header,
                    "refused a request with the proxy's header that is not from the proxy"
                );
                (StatusCode::FORBIDDEN, door.forged_title, fill(door.forged, &[("header", header)]))
            }
            Refused::Elsewhere => (StatusCode::FORBIDDEN, door.elsewhere_title, door.elsewhere.to_owned()),
            Refused::TooMany(wait) => {
                let text = fill(door.too_many, &[("seconds", &seconds(*wait))]);
                (StatusCode::TOO_MANY_REQUESTS, door.too_many_title, text)
            }
            Refused::Store(error) => {
                tracing::warn!(code = "web", "nobody can come in: {}", chain(error));
                return unavailable(look, form, Away::of(&parts.status, parts.clock.now()), &html! {});
            }
            Refused::NoRandomNumbers => {
                tracing::error!(code = "web", "nobody can come in: {}", token::NoRandomNumbers);
                (StatusCode::SERVICE_UNAVAILABLE, frame.busy_title, frame.busy.to_owned())
            }
        };
        let mut response = match (form, refused) {
            (Form::Page, Refused::Unknown | Refused::WrongToken) => {
                let body = pages::door::sign_in(look, title, Some(&text));
                page(code, look, title, &body, None)
            }
            _ => told(look, form, code, title, &text),
        };
        let headers = response.headers_mut();
        if code == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Refused::TooMany(wait) = refused {
            headers.insert(header::RETRY_AFTER, seconds(*wait).into());
        }
        response
    }

    /// Notes who opened which page, or wanted to. Returns whether it will be kept: if not, nobody may see it.
    pub fn note(&self, viewer: &Viewer, place: &Place, form: Form, status: StatusCode, at: Timestamp) -> bool {
        let member = match place {
            Place::Of { part: Part::Member(member), .. } => Some(member.to_string()),
            // A member sees its own part of it.
            Place::Of { part: Part::Interval(_), .. } => viewer.member.as_ref().map(ToString::to_string),
            _ => None,
        };
        self.visits.note(Visit {
            at,
            viewer: viewer.name.clone(),
            role: viewer.role,
            page: place.href(form),
            community: place.community().map(str::to_owned),
            member,
            status: status.as_u16(),
        })
    }
}

/// The digest of a viewer's token. Blocks.
fn token_of(viewer: &ViewerConfig) -> Option<Digest> {
    let token = token::in_file(viewer.token_file.as_deref()?, "viewer")?;
    Some(Digest::of(token.as_bytes()))
}

fn known(viewer: &ViewerConfig, has_session: bool) -> Viewer {
    let ViewerConfig { name, role, community, member, .. } = viewer.clone();
    Viewer { name, role, community, member, has_session }
}

fn by_link(link: &Link) -> Viewer {
    Viewer {
        name: format!("{LINK_PREFIX}{}", link.id()),
        role: Role::Member,
        community: Some(link.community.clone()),
        member: Some(link.member.clone()),
        has_session: true,
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

fn logout_page(look: &Look) -> Response {
    let title = look.texts().frame.sign_out;
    page(StatusCode::OK, look, title, &pages::door::sign_out(look), None)
}

/// The answer to a request that does something here that nobody can do.
fn not_so(look: &Look) -> Response {
    let frame = &look.texts().frame;
    told(look, Form::Page, StatusCode::METHOD_NOT_ALLOWED, frame.not_found_title, frame.not_found)
}

/// A page of the door that gives the browser a session's cookie, or takes it.
fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn ok(look: &Look, title: &str, body: &Markup) -> Response {
    page(StatusCode::OK, look, title, body, None)
}
