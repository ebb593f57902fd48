//! The platform's two Market services, which one type serves.
//!
//! A request is validated completely before the store is asked. The store applies a list completely or not at all.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::text::chain;
use jiff::Timestamp;
use tonic::metadata::MetadataValue;
use tonic::{Extensions, Request, Response, Status};

use super::bounds::{Bounds, Turn};
use super::page::{Page, Paging};
use super::{Api, PriceTaking, convert};
use books::{Claim, Match, MatchFilter, NewPrices, PricesKept, StoreError, UpdateError, Window};
use wire::authenticated_market_service_server::AuthenticatedMarketService;
use wire::market_service_server::MarketService;
use wire::{
    Empty, ListMatchResponse, ListPrices, ListPricesUpdate, ListUpdateMatch, MatchResponse, MatchesFilter, PriceFilter,
};

/// Metadata of a response that is incomplete: the caller has to ask again with `skip`.
pub const MORE: &str = "rec-market-more";

/// A response that is incomplete although its caller asked for everything from the start, and who got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The method, such as `GetMatches`.
    pub method: &'static str,
    /// The caller's address; none if it is unknown.
    pub caller: Option<IpAddr>,
    /// Number of entries that it got, and has to skip in its next request.
    pub next: u64,
}

/// Called with every response that is cut.
pub type CutObserver = Arc<dyn Fn(Cut) + Send + Sync>;

#[derive(Clone)]
pub(super) struct Market {
    api: Arc<Api>,
    bounds: Bounds,
    /// Unknown meters whose prices were dropped for others.
    dropped: Arc<AtomicU64>,
}

impl Market {
    pub(super) fn new(api: Arc<Api>, bounds: Bounds) -> Market {
        Market { api, bounds, dropped: Arc::default() }
    }

    fn now(&self) -> Timestamp {
        self.api.clock.now()
    }

    /// Says in the log that meters gave way to others that nobody knows either. Whoever names them can do so without end, so
    /// each line tells of twice as many as the one before.
    fn tell_dropped(&self, PricesKept { waiting_meters, dropped_meters }: PricesKept) {
        let before = self.dropped.fetch_add(dropped_meters, Ordering::Relaxed);
        let dropped = before.saturating_add(dropped_meters);
        if before.checked_ilog2() != dropped.checked_ilog2() {
            tracing::warn!(
                waiting_meters,
                dropped,
                "prices were dropped of meters that are neither configured nor have been read, because too many such meters \
                 have prices (does somebody who may set prices name meters that do not exist?)"
            );
        }
    }

    async fn list(&self, asked: Asked<'_, MatchesFilter>) -> Result<Response<ListMatchResponse>, Status> {
        let filter = asked.message;
        let paging = Paging::read(filter.skip, filter.limit)?;
        let Some(filter) = convert::match_filter(filter, &self.api.wallets)? else { return Ok(empty()) };
        let turn = self.bounds.turn(asked.extensions).await?;
        let page = self.page(&filter, paging.window(), self.now()).await?;
        let cut = page.more.then_some((paging, page.rows.len()));
        Ok(large(self.response(ListMatchResponse { matches: page.rows }, asked.by, cut), turn))
    }

    /// Claims a buyer's waiting trades, as many as fit into one response: a caller must not hold claims that it cannot see.
    async fn claim(&self, buyer: &str, asked: Asked<'_, MatchesFilter>) -> Result<Response<ListMatchResponse>, Status> {
        let paging = Paging::read(asked.message.skip, asked.message.limit)?;
        let now = self.now();
        let until = now.checked_add(self.api.claim_lease).unwrap_or(Timestamp::MAX);
        let claim = Claim { buyer: self.api.wallets.party(buyer), since: self.api.offered_since, now, until };
        let turn = self.bounds.turn(asked.extensions).await?;
        let page = self.page(&claim.filter(), paging.window(), now).await?;
        if page.rows.is_empty() {
            return Ok(empty());
        }
        // If another caller claims meanwhile, these may be other trades than in the page, but not more.
        let claimed = self.api.store.claim(&claim, paging.exactly(page.rows.len())).await.map_err(store_failed)?;
        tracing::debug!(buyer, trades = claimed.len(), %until, "trades claimed for payment");
        let shown = claimed.into_iter().map(|trade| self.api.wallets.shown(trade));
        let matches = shown.map(convert::match_response).collect();
        // Nobody is cut: what is left waits, and the next claim brings it.
        let mut response = Response::new(ListMatchResponse { matches });
        if page.more {
            mark_more(&mut response);
        }
        Ok(large(response, turn))
    }

    /// A response; if it is cut after so many rows, says so to the caller, to the log and to the observer.
    fn response<T>(&self, message: T, by: By, cut: Option<(Paging, usize)>) -> Response<T> {
        let mut response = Response::new(message);
        let Some((paging, rows)) = cut else { return response };
        mark_more(&mut response);
        // Who skips has seen that there is more.
        if !paging.is_start() {
            return response;
        }
        let (By { method, caller }, next) = (by, paging.after(rows));
        let address = caller.map(tracing::field::display);
        tracing::warn!(
            method,
            caller = address,
            next,
            "a response was cut, because the rest does not fit into one message (the caller should ask again with \
             skip = {next}, or ask for a shorter time)"
        );
        if let Some(cut) = &self.api.cut {
            cut(Cut { method, caller, next });
        }
        response
    }

    /// As many trades as fit into one message. Built in a blocking task, because there may be tens of thousands.
    async fn page(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Page<MatchResponse>, Status> {
        let found: Vec<Match> = self.api.store.matches(filter, window, now).await.map_err(store_failed)?;
        let api = Arc::clone(&self.api);
        let cut = move || {
            let shown = found.into_iter().map(|trade| api.wallets.shown(trade));
            Page::cut(shown.map(convert::match_response), api.limits.answer_bytes)
        };
        tokio::task::spawn_blocking(cut).await.map_err(|error| {
            tracing::error!(%error, "cannot build a response");
            Status::internal("the market cannot build the response (see its log)")
        })
    }
}

#[tonic::async_trait]
impl MarketService for Market {
    async fn get_matches(&self, request: Request<MatchesFilter>) -> Result<Response<ListMatchResponse>, Status> {
        self.list(Asked::new("GetMatches", &request)).await
    }

    async fn update_prices(&self, request: Request<ListPricesUpdate>) -> Result<Response<Empty>, Status> {
        let now = self.now();
        let prices = convert::meter_prices(request.get_ref())?;
        if !prices.is_empty() {
            let PriceTaking { configured, bounds } = self.api.prices.clone();
            let list = NewPrices { prices, configured, bounds, now };
            let kept = self.api.store.set_prices(&list).await.map_err(store_failed)?;
            self.tell_dropped(kept);
        }
        Ok(empty())
    }

    async fn get_prices(&self, request: Request<PriceFilter>) -> Result<Response<ListPrices>, Status> {
        let filter = request.get_ref();
        let paging = Paging::read(filter.skip, filter.limit)?;
        let (meter, span) = convert::price_filter(filter)?;
        let Some(span) = span else { return Ok(empty()) };
        let turn = self.bounds.turn(request.extensions()).await?;
        let prices = self.api.store.prices(meter.as_str(), span.from, span.to, paging.window()).await;
        let prices = prices.map_err(store_failed)?;
        let page = Page::cut(prices.iter().map(convert::price_response), self.api.limits.answer_bytes);
        let cut = page.more.then_some((paging, page.rows.len()));
        Ok(large(self.response(ListPrices { prices: page.rows }, By::new("GetPrices", &request), cut), turn))
    }
}

#[tonic::async_trait]
impl AuthenticatedMarketService for Market {
    async fn retrieve_matches(&self, request: Request<MatchesFilter>) -> Result<Response<ListMatchResponse>, Status> {
        let asked = Asked::new("RetrieveMatches", &request);
        match convert::claimed_buyer(asked.message) {
            Some(buyer) => self.claim(buyer, asked).await,
            None => self.list(asked).await,
        }
    }

    async fn update_match(&self, request: Request<ListUpdateMatch>) -> Result<Response<Empty>, Status> {
        let updates = convert::updates(request.get_ref())?;
        if !updates.is_empty() {
            self.api.store.update(&updates, self.now()).await.map_err(not_updated)?;
        }
        Ok(empty())
    }
}

fn empty<T: Default>() -> Response<T> {
    Response::new(T::default())
}

/// A request's message, and whose it is.
#[derive(Clone, Copy)]
struct Asked<'r, T> {
    message: &'r T,
    extensions: &'r Extensions,
    by: By,
}

/// Who called what.
#[derive(Clone, Copy)]
struct By {
    method: &'static str,
    caller: Option<IpAddr>,
}

impl<'r, T> Asked<'r, T> {
    fn new(method: &'static str, request: &'r Request<T>) -> Asked<'r, T> {
        Asked { message: request.get_ref(), extensions: request.extensions(), by: By::new(method, request) }
    }
}

impl By {
    fn new<T>(method: &'static str, request: &Request<T>) -> By {
        By { method, caller: request.remote_addr().map(|address| address.ip().to_canonical()) }
    }
}

/// A response that took a turn, which lasts until it is sent.
fn large<T>(mut response: Response<T>, turn: Turn) -> Response<T> {
    response.extensions_mut().insert(turn);
    response
}

fn mark_more<T>(response: &mut Response<T>) {
    response.metadata_mut().insert(MORE, MetadataValue::from_static("true"));
}

fn not_updated(error: UpdateError) -> Status {
    match error {
        UpdateError::Unknown(_) => Status::not_found(error.to_string()),
        UpdateError::Contradiction { .. } => {
            // Somebody may have paid twice.
            tracing::warn!("a report was refused: {error}");
            Status::failed_precondition(error.to_string())
        }
        UpdateError::Stateless(_) | UpdateError::Transition { .. } => Status::failed_precondition(error.to_string()),
        UpdateError::Store(error) => store_failed(error),
    }
}

/// What callers may learn about a failure of the store. Its address and message go only to the log.
pub(super) fn store_failed(error: StoreError) -> Status {
    if error.is_outage() {
        // It is told once, where the store is measured.
        tracing::debug!(error = chain(&error), "the store failed a request");
    } else {
        tracing::error!(error = chain(&error), "the store failed a request");
    }
    match error {
        StoreError::Unavailable { .. } | StoreError::Busy { .. } => {
            Status::unavailable("the market's database does not answer (send the same again: nothing is done twice)")
        }
        StoreError::Open { .. }
        | StoreError::ReadOnly { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Failed { .. } => {
            Status::internal("the market's database fails (the reason is in the market's log)")
        }
    }
}
