//! The server: on threads of its own that give way, with bounds on time and on how many pages are made at once.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use books::StoreError;
use domain::text::chain;
use jiff::Timestamp;
use maud::html;
use pages::look::Look;
use pages::place::{Form, Part, Place};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SetOnce};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use words::Language;

use super::answer::{Away, busy, download, dressed, refused, see_other, told, unavailable};
use super::ask::{Ask, Parts, Refusal};
use super::compare::{self, Posted};
use super::door::{self, Door, Refused};
use super::guard::{self, Sight};
use super::query::{FORM_BYTES_MAX, Query, without};
use super::text::Text;
use super::viewer::Viewer;
use super::{assets, home, pages as all};
use crate::certificates::Certificates;
use crate::clock::Clock;
use crate::ports::{self, Limits, Port};
use crate::telemetry::status::Status;

/// How long a page may take, with the wait for its turn.
const PAGE_MAX: Duration = Duration::from_secs(10);
/// How long after the start requests wait for the store, which is being opened, rather than be told that there is none.
const OPENING_MAX: Duration = Duration::from_secs(5);
/// How many pages are made at once.
const PAGES_AT_ONCE: usize = 4;
/// Threads that make them.
const THREADS: usize = 2;
/// How far these threads give way to those that settle (as nice(1) counts).
const NICE: i32 = 10;
/// How long a shutdown waits for current requests.
const DRAIN: Duration = Duration::from_secs(2);

/// What the server needs.
pub struct Served {
    /// What pages are made from, as soon as the store is open.
    pub opened: Arc<SetOnce<Opened>>,
    pub clock: Arc<dyn Clock>,
    pub status: Arc<Status>,
    /// What is shown over TLS; none for plaintext.
    pub certificates: Option<Arc<Certificates>>,
    /// How many concurrent connections there may be.
    pub connections: usize,
}

/// What pages are made from, and for whom.
pub struct Opened {
    parts: Arc<Parts>,
    door: Door,
    turns: Semaphore,
}

impl Opened {
    pub fn new(parts: Parts, door: Door) -> Opened {
        Opened { parts: Arc::new(parts), door, turns: Semaphore::new(PAGES_AT_ONCE) }
    }
}

/// What all requests share.
struct Shared {
    opened: Arc<SetOnce<Opened>>,
    opening_until: Instant,
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
}

/// Serves on threads of its own until the shutdown.
///
/// # Errors
/// If the threads cannot be started.
pub async fn serve(listener: TcpListener, served: Served, shutdown: CancellationToken) -> io::Result<()> {
    let listener = listener.into_std()?;
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("web".to_owned()).spawn(move || {
        give_way();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("web")
            .on_thread_start(give_way)
            .enable_all()
            .build();
        let result = runtime.and_then(|runtime| {
            let result = runtime.block_on(async { run(TcpListener::from_std(listener)?, served, shutdown).await });
            runtime.shutdown_timeout(DRAIN);
            result
        });
        // OK because nobody waits any more if this fails.
        let _ = ended.send(result);
    })?;
    end.await.map_err(io::Error::other)?
}

/// Lets whoever settles go first.
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "pages are made with the priority of settlement");
    }
}

async fn run(listener: TcpListener, served: Served, stop: CancellationToken) -> io::Result<()> {
    let Served { opened, clock, status, certificates, connections } = served;
    let shared = Arc::new(Shared { opened, opening_until: Instant::now() + OPENING_MAX, clock, status });
    let limits = Limits {
        connections,
        handshakes: connections,
        opening: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        age: Duration::from_secs(3600),
        grace: DRAIN,
        stall: Duration::from_secs(10),
    };
    let http = ports::http1_kept(&limits);
    let router = Router::new().fallback(answer).with_state(shared);
    let end = CancellationToken::new();
    let port = Port { listener, limits, http, router, openings: None, stop, end };
    match certificates {
        Some(certificates) => port.serve_opened(certificates.handshake()).await,
        None => port.serve().await,
    }
    Ok(())
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    dressed(shared.answer(request).await)
}

impl Shared {
    async fn answer(&self, request: Request) -> Response {
        if let Some(asset) = assets::find(request.uri().path(), request.headers()) {
            return asset;
        }
        let connection = request.extensions();
        let over_tls = connection.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref);
        let peer = connection.get::<TcpConnectInfo>().or(over_tls).and_then(TcpConnectInfo::remote_addr);
        let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let query = request.uri().query().unwrap_or_default().to_owned();
        let look = look(&request, &query);
        match self.opened().await {
            Some(opened) => opened.answer(request, peer, &query, look).await,
            None => {
                let form = Place::parse(request.uri().path()).map_or(Form::Page, |(_, form)| form);
                unavailable(&look, form, Away::of(&self.status, self.clock.now()), &html! {})
            }
        }
    }

    /// What pages are made from. Whoever comes just before it is there waits for it.
    async fn opened(&self) -> Option<&Opened> {
        tokio::time::timeout_at(self.opening_until, self.opened.wait()).await.ok()
    }
}

impl Opened {
    async fn answer(&self, request: Request, peer: IpAddr, query: &str, mut look: Look) -> Response {
        if door::is_door(request.uri().path()) {
            return self.door.answer(&self.parts, peer, &look, request).await;
        }
        let parsed = Place::parse(request.uri().path());
        let form = parsed.as_ref().map_or(Form::Page, |(_, form)| *form);
        let known = tokio::time::timeout(PAGE_MAX, self.door.identify(&self.parts, peer, request.headers()));
        let viewer = match known.await {
            Ok(Ok(viewer)) => viewer,
            Ok(Err(Refused::Store(error))) => return self.away(None, &look, form, Some(&error)),
            Err(_) => return self.late(None, &look, form),
            Ok(Err(refused)) => {
                return self.door.turned_away(&self.parts, peer, (&look, form), request, &refused).await;
            }
        };
        seen_by(&mut look, &viewer);
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            if !door::is_from_own_page(request.headers()) {
                return self.door.refused(&self.parts, &look, form, &Refused::Elsewhere);
            }
            return self.posted(request, viewer, look, parsed).await;
        }
        let Some((place, sight)) = self.opened(&viewer, parsed.clone()) else {
            // Who wanted to open whose page is noted as well.
            let status = StatusCode::NOT_FOUND;
            let noted = parsed.is_none_or(|(place, form)| self.door.note(&viewer, &place, form, status, self.now()));
            return if noted { self.refused(&look, form, &Refusal::NotFound) } else { busy(&look, form) };
        };
        let Some(query) = Query::parse(query) else {
            return self.refused(&look, form, &Refusal::NotFound);
        };
        let ask = Ask { form, ..self.ask(viewer, place, sight, query, look) };
        self.page(ask, form).await
    }

    /// The page, if the viewer may open it.
    fn opened(&self, viewer: &Viewer, parsed: Option<(Place, Form)>) -> Option<(Place, Sight)> {
        let (place, _) = parsed?;
        let sight = guard::sight(viewer, &place)?;
        Some((place, sight))
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn ask(&self, viewer: Viewer, place: Place, sight: Sight, query: Query, look: Look) -> Ask {
        let opens = |part: &Part| {
            let community = place.community()?;
            guard::sight(&viewer, &Place::of(community, part.clone()))
        };
        let parts = [Part::Overview, Part::Compare, Part::Algorithms, Part::Events];
        let opens = parts.into_iter().filter(|part| opens(part).is_some()).collect();
        let look = Look { place: Some(place.clone()), opens, ..look };
        let form = Form::Page;
        Ask { now: self.now(), parts: Arc::clone(&self.parts), viewer, place, form, sight, query, look }
    }

    async fn page(&self, ask: Ask, form: Form) -> Response {
        if self.parts.status.store_away_since().is_some() {
            // Nobody waits for what is known not to come. It is asked for elsewhere until it answers.
            return self.away(Some(&ask.viewer), &ask.look, form, None);
        }
        let response = match tokio::time::timeout(PAGE_MAX, self.made(&ask)).await {
            Ok(Ok(response)) => response,
            Ok(Err(Refusal::Store(error))) => return self.away(Some(&ask.viewer), &ask.look, form, Some(&error)),
            Ok(Err(refusal)) => self.refused(&ask.look, form, &refusal),
            Err(_) => return self.late(Some(&ask.viewer), &ask.look, form),
        };
        match self.door.note(&ask.viewer, &ask.place, form, response.status(), ask.now) {
            true => response,
            false => busy(&ask.look, form),
        }
    }

    /// The page as it was made before, if nothing was settled since, or else made now.
    async fn made(&self, ask: &Ask) -> Result<Response, Refusal> {
        let (answers, key) = (&self.parts.answers, ask.key());
        if let (Some((text, mark)), Some(community)) = (answers.find(&key, ask.now), ask.place.community())
            && self.parts.reader.mark(community).await? == Some(mark)
        {
            return Ok(text.with(StatusCode::OK));
        }
        // OK if there is none: the semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let mut shown = all::look_up(ask).await?;
        if let Some(file) = shown.file.take() {
            return Ok(download(file));
        }
        let text = match ask.form {
            Form::Page => Text::page(&ask.look, &shown.title, &shown.body, shown.refresh),
            Form::Json => Text::json(&shown.json),
        };
        if let Some(stays) = shown.stays {
            answers.keep(key, text.clone(), stays, ask.now);
        }
        Ok(text.with(StatusCode::OK))
    }

    /// It took too long: because there are too many requests, or because the store does not answer.
    fn late(&self, viewer: Option<&Viewer>, look: &Look, form: Form) -> Response {
        match self.parts.status.store_away_since() {
            Some(_) => self.away(viewer, look, form, None),
            None => busy(look, form),
        }
    }

    fn refused(&self, look: &Look, form: Form, refusal: &Refusal) -> Response {
        refused(look, form, refusal, Away::of(&self.parts.status, self.now()))
    }

    /// The store cannot be read. Whoever may see all communities is told what settlement says of itself.
    fn away(&self, viewer: Option<&Viewer>, look: &Look, form: Form, error: Option<&StoreError>) -> Response {
        if let Some(error) = error {
            tracing::warn!(code = "web", "a page cannot be shown: {}", chain(error));
        }
        let sees_all = viewer.filter(|viewer| guard::sight(viewer, &Place::Home).is_some());
        let told = sees_all.map_or_else(|| html! {}, |viewer| home::away(&self.parts, viewer, look));
        unavailable(look, form, Away::of(&self.parts.status, self.now()), &told)
    }

    /// A form that was sent from a page of ours.
    async fn posted(&self, request: Request, viewer: Viewer, look: Look, parsed: Option<(Place, Form)>) -> Response {
        let form = parsed.as_ref().map_or(Form::Page, |(_, form)| *form);
        let Some((place, sight)) = self.opened(&viewer, parsed) else {
            return self.refused(&look, form, &Refusal::NotFound);
        };
        if !matches!(place, Place::Of { part: Part::Compare, .. }) || request.method() != Method::POST {
            let mut response = self.refused(&look, form, &Refusal::NotFound);
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return response;
        }
        let sent = tokio::time::timeout(PAGE_MAX, axum::body::to_bytes(request.into_body(), FORM_BYTES_MAX)).await;
        let fields = match sent {
            Ok(Ok(bytes)) => std::str::from_utf8(&bytes).ok().and_then(Query::of_form),
            Ok(Err(_)) | Err(_) => None,
        };
        let Some(fields) = fields else {
            let frame = &look.texts().frame;
            return told(&look, form, StatusCode::BAD_REQUEST, frame.wrong_title, frame.wrong_title);
        };
        let ask = self.ask(viewer, place, sight, Query::default(), look);
        if self.parts.status.store_away_since().is_some() {
            return self.away(Some(&ask.viewer), &ask.look, form, None);
        }
        let response = match tokio::time::timeout(PAGE_MAX, compare::posted(&ask, &fields)).await {
            Ok(Ok(Posted::Done)) => see_other(&match form {
                Form::Page => ask.look.href(&ask.place, &[]),
                Form::Json => ask.place.href(form),
            }),
            Ok(Ok(Posted::Refused { status, title, text })) => told(&ask.look, form, status, title, &text),
            Ok(Err(refusal)) => self.refused(&ask.look, form, &refusal),
            Err(_) => self.late(Some(&ask.viewer), &ask.look, form),
        };
        // What was done is done, also where the note of it is late.
        self.door.note(&ask.viewer, &ask.place, form, response.status(), ask.now);
        response
    }
}

/// How a page is shown to somebody who is not known yet.
pub(super) fn look(request: &Request, query: &str) -> Look {
    let asked = Query::parse(query).and_then(|query| Language::of_code(query.get("lang")?));
    let wanted = || {
        let accept = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|accept| accept.to_str().ok());
        accept.map(Language::wanted).unwrap_or_default()
    };
    Look {
        language: asked.unwrap_or_else(wanted),
        place: None,
        query: without(query, "lang"),
        keeps_language: asked.is_some(),
        viewer: None,
        may_sign_out: false,
        opens_home: false,
        opens: Vec::new(),
        assets: assets::paths(),
    }
}

fn seen_by(look: &mut Look, viewer: &Viewer) {
    look.viewer = Some(viewer.name.clone());
    look.may_sign_out = viewer.has_session;
    look.opens_home = guard::sight(viewer, &Place::Home).is_some();
}
