//! The page of all communities.

use std::sync::Arc;

use books::{ActivationLog, Calendar, OfferedSince, Period};
use domain::Boundary;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::Markup;
use pages::home::{COMMUNITIES_MAX, Community, Model, State, page};
use pages::look::Look;
use serde_json::{Value, json};

use super::ask::{Ask, Parts, Refusal, Shown};
use super::community::part;
use super::numbers::figures;
use super::overview::Books;
use super::viewer::Viewer;
use crate::config::CommunityConfig;
use crate::telemetry::status::Health;

/// Makes the page.
///
/// # Errors
/// If the store cannot be read.
pub async fn look_up(ask: &Ask) -> Result<Shown, Refusal> {
    let seen: Vec<&Arc<CommunityConfig>> = seen_by(&ask.parts, &ask.viewer).collect();
    let from = part(ask)?.saturating_mul(COMMUNITIES_MAX).min(seen.len());
    let mut books = Vec::new();
    for config in seen.iter().skip(from).take(COMMUNITIES_MAX) {
        let of = Books::of(&*ask.parts.reader, &config.name, &config.zone, config.interval).await?;
        books.push((*config, of));
    }
    let spans = || books.iter().filter_map(|(_, books)| books.span);
    let data = spans().map(|(from, _)| from).min().zip(spans().map(|(_, until)| until).max());
    let data = data.map(|(from, until)| (from.timestamp(), until.timestamp()));
    let newest = data.map_or(ask.now, |(_, until)| until);
    let asked = chosen(ask)?;
    let mut communities = Vec::new();
    for (config, books) in &books {
        let of = asked.as_ref().and_then(|period| Period::parse(&period.to_string(), &config.zone));
        let period = of.unwrap_or_else(|| usual(newest, &config.zone));
        communities.push(community(ask, config, books, period).await?);
    }
    let period = asked.unwrap_or_else(|| usual(newest, &TimeZone::UTC));
    let paused = ask.parts.status.paused();
    let model = Model { communities, from, all: seen.len(), period, data, paused };
    let json = to_json(&model);
    Ok(Shown::new(ask.look.texts().home.title, page(&ask.look, &model), json))
}

/// The communities that a viewer may see.
fn seen_by<'p>(parts: &'p Parts, viewer: &Viewer) -> impl Iterator<Item = &'p Arc<CommunityConfig>> {
    let only = viewer.community.clone();
    parts.communities.values().filter(move |community| only.as_ref().is_none_or(|only| *only == community.name))
}

/// What the process itself knows of its communities, while the store cannot be read.
pub fn away(parts: &Parts, viewer: &Viewer, look: &Look) -> Markup {
    let told = seen_by(parts, viewer).take(COMMUNITIES_MAX).map(|config| {
        let state = known(parts.status.health(&config.name).unwrap_or_default());
        (config.name.as_str(), &config.zone, state)
    });
    pages::home::away(look, &told.collect::<Vec<_>>())
}

/// What the process knows of a community.
fn known(health: Health) -> State {
    let Health { mark, behind, held, failed, disputed, silent, unread } = health;
    State { mark, behind, held, failed, disputed, silent, unread, waiting: None, next: None }
}

/// The period that the address names.
fn chosen(ask: &Ask) -> Result<Option<Period>, Refusal> {
    let Some(name) = ask.query.get("period") else { return Ok(None) };
    Period::parse(name, &TimeZone::UTC).map(Some).ok_or(Refusal::NotFound)
}

/// The month of the newest interval, whose end may be the first instant of the next one.
fn usual(newest: Timestamp, zone: &TimeZone) -> Period {
    let within = newest.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(newest);
    Period::containing(within, Calendar::Month, zone)
}

async fn community(
    ask: &Ask,
    config: &CommunityConfig,
    books: &Books<'_>,
    period: Period,
) -> Result<Community, Refusal> {
    let figures = ask.parts.overviews.figures(books, &period).await?;
    let before = match period.previous(&config.zone) {
        Some(before) => Some((ask.parts.overviews.figures(books, &before).await?, before)),
        None => None,
    };
    let before = before.filter(|(figures, _)| !figures.is_empty()).map(|(figures, period)| (period, figures));
    let state = state(ask, config, books.span.map(|(_, end)| end)).await?;
    Ok(Community { name: config.name.clone(), zone: config.zone.clone(), state, period, figures, before })
}

async fn state(ask: &Ask, config: &CommunityConfig, mark: Option<Boundary>) -> Result<State, Refusal> {
    let reader = &ask.parts.reader;
    let health = ask.parts.status.health(&config.name).unwrap_or_default();
    let log = ActivationLog::of(&reader.decisions(&config.name).await?);
    let next = log
        .next(mark.unwrap_or(Boundary::EPOCH))
        .map(|(at, activation)| (at, activation.map(|activation| activation.algorithm.clone())));
    let waiting = reader.waiting(&config.name, OfferedSince(ask.parts.offered_since)).await?;
    Ok(State { mark, waiting: Some(waiting), next, ..known(health) })
}

fn to_json(model: &Model) -> Value {
    let community = |community: &Community| {
        let state = &community.state;
        json!({
            "community": community.name,
            "zone": community.zone.iana_name().unwrap_or("UTC"),
            "settled_until": state.mark.map(|mark| mark.to_string()),
            "troubled": state.is_troubled(),
            "behind_seconds": state.behind.map(|behind| behind.as_secs()),
            "held": state.held,
            "failed": state.failed,
            "disputed_meters": state.disputed,
            "silent_meters": state.silent,
            "unread_meters": state.unread,
            "waiting_payments": state.waiting,
            "next": state.next.as_ref().map(|(at, algorithm)| json!({
                "from": at.to_string(),
                "name": algorithm.as_ref().map(|label| &label.name),
                "version": algorithm.as_ref().map(|label| &label.version),
                "sha256": algorithm.as_ref().map(|label| label.digest.to_string()),
            })),
            "period": community.period.to_string(),
            "figures": figures(&community.figures),
            "before": community.before.as_ref().map(|(period, before)| json!({
                "period": period.to_string(),
                "figures": figures(before),
            })),
        })
    };
    json!({
        "communities_total": model.all,
        "communities_from": model.from,
        "forwarding_paused": model.paused,
        "communities": model.communities.iter().map(community).collect::<Vec<_>>(),
    })
}
