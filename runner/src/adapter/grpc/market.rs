//! What the platform's two Market services answer: the store's words, page by page.
//!
//! One type serves both. A request is read whole before the store is asked; a list is applied whole or not at all,
//! which is the store's promise.

use std::sync::Arc;

use domain::trade::State;
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::page::{Asked, Page};
use super::{Api, convert};
use books::{Claim, Match, MatchFilter, StoreError, UpdateError, Window};
use wire::authenticated_market_service_server::AuthenticatedMarketService;
use wire::market_service_server::MarketService;
use wire::{
    Empty, ListMatchResponse, ListPrices, ListPricesUpdate, ListUpdateMatch, MatchResponse, MatchesFilter, PriceFilter,
};

/// Says in an answer's metadata that there is more: ask again with `skip`.
pub const MORE: &str = "rec-market-more";

/// The platform's Market, over a store.
#[derive(Clone)]
pub(super) struct Market {
    api: Arc<Api>,
    /// Turns at putting long answers together: each takes tens of megabytes meanwhile.
    lists: Arc<Semaphore>,
}

impl Market {
    pub(super) fn new(api: Arc<Api>) -> Market {
        let lists = Arc::new(Semaphore::new(api.limits.lists.max(1)));
        Market { api, lists }
    }

    fn now(&self) -> Timestamp {
        self.api.clock.now()
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Status> {
        // OK because nobody closes it.
        self.lists.acquire().await.map_err(|_| Status::unavailable("the market is stopping"))
    }

    /// Lists trades.
    async fn list(&self, filter: &MatchesFilter) -> Result<Response<ListMatchResponse>, Status> {
        let asked = Asked::read(filter.skip, filter.limit)?;
        let Some(filter) = convert::match_filter(filter)? else { return Ok(nothing()) };
        let _turn = self.turn().await?;
        let page = self.page(&filter, asked.window(), self.now()).await?;
        Ok(answer(ListMatchResponse { matches: page.rows }, page.more))
    }

    /// Hands a buyer's waiting trades over, as many as fit one answer: what a caller cannot see, it must not have.
    async fn claim(&self, buyer: &str, asked: Asked) -> Result<Response<ListMatchResponse>, Status> {
        let now = self.now();
        let states = State::ALL.into_iter().filter(|state| state.is_waiting()).collect();
        let waiting = MatchFilter { buyer: Some(buyer.to_owned()), states, ..MatchFilter::default() };
        let _turn = self.turn().await?;
        let page = self.page(&waiting, asked.window(), now).await?;
        if page.rows.is_empty() {
            return Ok(nothing());
        }
        let until = now.checked_add(self.api.claim_lease).unwrap_or(Timestamp::MAX);
        let claim = Claim { buyer: buyer.to_owned(), now, until };
        // If somebody else claims meanwhile, these are others than in the page, but no more of them.
        let claimed = self.api.store.claim(&claim, asked.exactly(page.rows.len())).await.map_err(store_failed)?;
        tracing::debug!(buyer, trades = claimed.len(), %until, "handed trades over for payment");
        let matches = claimed.into_iter().map(convert::match_response).collect();
        Ok(answer(ListMatchResponse { matches }, page.more))
    }

    /// As much of an answer as fits one message. Made where blocking is allowed: it may be tens of thousands of trades.
    async fn page(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Page<MatchResponse>, Status> {
        let found: Vec<Match> = self.api.store.matches(filter, window, now).await.map_err(store_failed)?;
        let bytes_max = self.api.limits.answer_bytes;
        let cut = move || Page::cut(found.into_iter().map(convert::match_response), bytes_max);
        tokio::task::spawn_blocking(cut).await.map_err(|error| {
            tracing::error!(%error, "an answer could not be put together");
            Status::internal("the market failed to put the answer together (its log says more)")
        })
    }
}

#[tonic::async_trait]
impl MarketService for Market {
    async fn get_matches(&self, request: Request<MatchesFilter>) -> Result<Response<ListMatchResponse>, Status> {
        self.list(request.get_ref()).await
    }

    async fn update_prices(&self, request: Request<ListPricesUpdate>) -> Result<Response<Empty>, Status> {
        let prices = convert::meter_prices(request.get_ref())?;
        if !prices.is_empty() {
            self.api.store.set_prices(&prices, self.now()).await.map_err(store_failed)?;
        }
        Ok(nothing())
    }

    async fn get_prices(&self, request: Request<PriceFilter>) -> Result<Response<ListPrices>, Status> {
        let filter = request.get_ref();
        let asked = Asked::read(filter.skip, filter.limit)?;
        let (meter, span) = convert::price_filter(filter)?;
        let Some(span) = span else { return Ok(nothing()) };
        let _turn = self.turn().await?;
        let prices = self.api.store.prices(meter.as_str(), span.from, span.to, asked.window()).await;
        let prices = prices.map_err(store_failed)?;
        let page = Page::cut(prices.iter().map(convert::price_response), self.api.limits.answer_bytes);
        Ok(answer(ListPrices { prices: page.rows }, page.more))
    }
}

#[tonic::async_trait]
impl AuthenticatedMarketService for Market {
    async fn retrieve_matches(&self, request: Request<MatchesFilter>) -> Result<Response<ListMatchResponse>, Status> {
        let filter = request.get_ref();
        match convert::claimed_buyer(filter) {
            Some(buyer) => self.claim(buyer, Asked::read(filter.skip, filter.limit)?).await,
            None => self.list(filter).await,
        }
    }

    async fn update_match(&self, request: Request<ListUpdateMatch>) -> Result<Response<Empty>, Status> {
        let updates = convert::updates(request.get_ref())?;
        if !updates.is_empty() {
            self.api.store.update(&updates, self.now()).await.map_err(not_updated)?;
        }
        Ok(nothing())
    }
}

fn nothing<T: Default>() -> Response<T> {
    Response::new(T::default())
}

fn answer<T>(message: T, more: bool) -> Response<T> {
    let mut response = Response::new(message);
    if more {
        response.metadata_mut().insert(MORE, MetadataValue::from_static("true"));
    }
    response
}

fn not_updated(error: UpdateError) -> Status {
    match error {
        UpdateError::Unknown(_) => Status::not_found(error.to_string()),
        UpdateError::Stateless(_) | UpdateError::Transition { .. } => Status::failed_precondition(error.to_string()),
        UpdateError::Store(error) => store_failed(error),
    }
}

/// What callers may know of a store that fails: not where it is, nor what it said. That goes to the log.
pub(super) fn store_failed(error: StoreError) -> Status {
    tracing::error!(%error, "the store failed a request");
    match error {
        StoreError::Away { .. } | StoreError::Busy { .. } => {
            Status::unavailable("the market's database does not answer (send the same again: nothing is done twice)")
        }
        StoreError::Open { .. }
        | StoreError::ReadOnly { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Failed { .. } => {
            Status::internal("the market's database fails (its operator finds the reason in the market's log)")
        }
    }
}
