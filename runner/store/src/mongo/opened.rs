//! Settled intervals as they are read for their trades: what their links say, what was added to them, and what has become of trades.

use std::collections::{BTreeMap, BTreeSet};

use domain::trade::State;
use domain::{Boundary, CommunityCode, Energy, Interval, MemberId, Price, TradeId, TradeIds};
use mongodb::bson::{Bson, Document, doc};
use serde::Deserialize;

use super::addition;
use super::blobs;
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, Date, HexDigest, Id};
use super::found::{Found, Fresh};
use super::link::AdditionLink;
use super::mark;
use super::server::Server;
use super::trades::{self, TradeDocument};
use crate::cause::about;
use books::{Match, Quantity, Span, StoredTrade, platform_name};
use record::Trades;

/// What a link says of its interval's trades.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "_id")]
    id: String,
    pub(super) community: String,
    start: BoundaryDate,
    end: BoundaryDate,
    length: u32,
    settled_at: Date,
    first_trade: Id,
    /// Number of its trades, without what was added later.
    pub(super) trades: u64,
    paid: u64,
    fresh: u64,
    pub(super) added: Option<bool>,
    digest: HexDigest,
    whole: Option<Bytes>,
}

/// The fields of a head, for a query.
pub(super) fn fields() -> Document {
    let mut fields = brief();
    fields.insert("whole", 1);
    fields
}

/// Those without the trades themselves.
pub(super) fn brief() -> Document {
    doc! {
        "_id": 1, "community": 1, "start": 1, "end": 1, "length": 1, "settled_at": 1, "first_trade": 1, "trades": 1, "paid": 1,
        "fresh": 1, "added": 1, "digest": 1,
    }
}

impl Head {
    pub(super) fn start(&self) -> Boundary {
        self.start.0
    }

    pub(super) fn end(&self) -> Boundary {
        self.end.0
    }

    /// Its place in the platform's lists.
    pub(super) fn place(&self) -> (Boundary, TradeId) {
        (self.end.0, self.first_trade.0)
    }

    async fn unpacked(self, server: &Server) -> Result<Opened, Fault> {
        let interval = record::decode_interval(self.start.0.seconds(), self.length)?;
        let digest = self.digest.0;
        let bytes = match &self.whole {
            Some(Bytes(bytes)) => record::decode_whole_trades(bytes),
            None => match blobs::get(server, &digest).await? {
                Some(bytes) => record::decode_whole_trades(&bytes),
                None => {
                    return Err(Fault::Record(about(
                        format!("interval {}", self.id),
                        format!("chunk {digest}/0 is missing"),
                    )));
                }
            },
        };
        let trades = bytes.map_err(|error| Fault::from(error).of(|| format!("interval {}", self.id)))?;
        let ids = CommunityCode::of(&self.community).ids(interval);
        Ok(Opened {
            head: Head { whole: None, ..self },
            interval,
            ids,
            trades,
            added: Vec::new(),
            changed: BTreeMap::new(),
        })
    }
}

/// An interval whose trades are unpacked.
pub(super) struct Opened {
    head: Head,
    interval: Interval,
    ids: TradeIds,
    trades: Trades,
    /// Trades with the grid that were added later.
    added: Vec<AddedTrade>,
    /// The trades of which something has become, by number.
    changed: BTreeMap<u64, TradeDocument>,
}

/// A trade that was added, and when.
struct AddedTrade {
    trade: StoredTrade,
    at: Date,
}

/// Opens intervals of any communities, in their order.
pub(super) async fn open(server: &Server, heads: Vec<Head>) -> Result<Vec<Opened>, Fault> {
    let mut added = additions(server, &heads).await?;
    let mut changed = changed(server, &heads).await?;
    let mut opened = Vec::with_capacity(heads.len());
    for head in heads {
        let mut one = head.unpacked(server).await?;
        let place = (one.head.community.clone(), one.head.start.0);
        one.added = added.remove(&place).unwrap_or_default();
        one.changed = changed.remove(&place).unwrap_or_default();
        opened.push(one);
    }
    Ok(opened)
}

type Place = (String, Boundary);

/// What was added to these intervals, as far as it is seen.
async fn additions(server: &Server, heads: &[Head]) -> Result<BTreeMap<Place, Vec<AddedTrade>>, Fault> {
    let mut added: BTreeMap<Place, Vec<AddedTrade>> = BTreeMap::new();
    let with = || heads.iter().filter(|head| head.added.unwrap_or(false));
    let communities: BTreeSet<&str> = with().map(|head| head.community.as_str()).collect();
    if communities.is_empty() {
        return Ok(added);
    }
    for mark in mark::of(server, &communities).await? {
        let of_this = || with().filter(|head| head.community == mark.community).map(Head::start);
        let span =
            Span { from: of_this().min().map(Boundary::seconds), to: of_this().max().map(|last| last.seconds() + 1) };
        for AdditionLink { document, interval, added: of_link } in addition::list(server, &mark.community, span).await?
        {
            if document.number > mark.number {
                continue;
            }
            let at = document.settled_at;
            let place = (document.community, interval.start());
            let trades = of_link.trades.into_iter().map(|trade| AddedTrade { trade, at });
            added.entry(place).or_default().extend(trades);
        }
    }
    Ok(added)
}

/// The trades of these intervals of which something has become.
async fn changed(server: &Server, heads: &[Head]) -> Result<BTreeMap<Place, BTreeMap<u64, TradeDocument>>, Fault> {
    let mut changed: BTreeMap<Place, BTreeMap<u64, TradeDocument>> = BTreeMap::new();
    let with = || heads.iter().filter(|head| head.fresh < head.paid);
    let communities: BTreeSet<&str> = with().map(|head| head.community.as_str()).collect();
    let Some((first, last)) = with().map(Head::end).min().zip(with().map(Head::end).max()) else { return Ok(changed) };
    let communities: Vec<&str> = communities.into_iter().collect();
    for document in trades::changed(server, &communities, first, last).await? {
        let place = (document.community().to_owned(), document.start.0);
        changed.entry(place).or_default().insert(document.number(), document);
    }
    Ok(changed)
}

impl Opened {
    pub(super) fn community(&self) -> &str {
        &self.head.community
    }

    pub(super) fn start(&self) -> Boundary {
        self.head.start.0
    }

    pub(super) fn end(&self) -> Boundary {
        self.head.end.0
    }

    pub(super) fn place(&self) -> (Boundary, TradeId) {
        self.head.place()
    }

    /// How many trades it has.
    pub(super) fn len(&self) -> u64 {
        (self.trades.count() + self.added.len()) as u64
    }

    pub(super) fn id(&self, number: u64) -> TradeId {
        self.ids.id(number)
    }

    /// The numbers of its trades between parties, by their stored names in its community; `None` is anybody.
    pub(super) fn between(&self, buyers: Option<&BTreeSet<&str>>, sellers: Option<&BTreeSet<&str>>) -> Vec<u64> {
        let places = |names: Option<&BTreeSet<&str>>| -> Option<Vec<u32>> {
            names.map(|names| names.iter().filter_map(|name| self.trades.party(name)).collect())
        };
        let (buyer_places, seller_places) = (places(buyers), places(sellers));
        let packed = (0..).zip(self.trades.parties()).filter(|(_, (seller, buyer))| {
            buyer_places.as_ref().is_none_or(|places| places.contains(buyer))
                && seller_places.as_ref().is_none_or(|places| places.contains(seller))
        });
        let added = self.added.iter().map(|AddedTrade { trade, .. }| trade).filter(|trade| {
            buyers.is_none_or(|names| names.contains(trade.buyer.as_str()))
                && sellers.is_none_or(|names| names.contains(trade.seller.as_str()))
        });
        packed.map(|(number, _)| number).chain(added.map(|trade| trade.number)).collect()
    }

    /// Whether a trade is between members, and nothing has become of it.
    pub(super) fn is_fresh(&self, number: u64) -> bool {
        let is_paid = usize::try_from(number).is_ok_and(|index| self.trades.is_paid(index));
        is_paid && !self.changed.contains_key(&number)
    }

    /// A trade as the platform sees it; `None` if there is no such number.
    pub(super) fn found(&self, number: u64) -> Result<Option<Found>, Fault> {
        if let Some(document) = self.changed.get(&number) {
            return document.clone().into_found().map(Some);
        }
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let Some((seller, buyer, energy, price, message)) = self.trades.get(index) else {
            let added = self.added.iter().find(|added| added.trade.number == number);
            return Ok(added.map(|AddedTrade { trade, at }| {
                let (seller, buyer) = (platform_name(&trade.seller), platform_name(&trade.buyer));
                let (quantity, message) = ((trade.energy, trade.price), trade.message.as_deref());
                self.unchanged(number, (seller, buyer), quantity, message, *at)
            }));
        };
        let party = |name: &str| -> Result<String, Fault> {
            let party = record::decode_party(name).map_err(Fault::from);
            let party = party.map_err(|fault| fault.of(|| format!("trade {}", self.id(number))))?;
            Ok(platform_name(&party).to_owned())
        };
        let (seller, buyer) = (party(seller)?, party(buyer)?);
        Ok(Some(self.unchanged(number, (&seller, &buyer), (energy, price), message, self.head.settled_at)))
    }

    fn unchanged(
        &self,
        number: u64,
        (seller, buyer): (&str, &str),
        (energy, price): (Energy, Price),
        message: Option<&str>,
        created_at: Date,
    ) -> Found {
        let is_fresh = self.is_fresh(number);
        let shown = Match {
            id: self.id(number),
            end: self.interval.end().timestamp(),
            of: Some((self.head.community.clone(), self.interval)),
            seller: seller.to_owned(),
            buyer: buyer.to_owned(),
            quantity: Quantity::Exact { energy, price },
            state: is_fresh.then_some(State::Created),
            transaction_id: None,
            message: message.map(str::to_owned),
            created_at: created_at.0,
            updated_at: None,
        };
        let fresh = is_fresh.then(|| Fresh { link: self.head.id.clone(), left: self.head.fresh });
        Found { shown, revision: None, claim: None, lapsed: false, fresh }
    }

    /// Its trades from a number on, those of one member if given, as they are now.
    pub(super) fn stored(&self, member: Option<&MemberId>, first: u64) -> Result<Vec<StoredTrade>, Fault> {
        let party = member.map(|member| self.trades.party(member.as_str()));
        let mut stored = match party {
            // The member is in none of them.
            Some(None) => Vec::new(),
            _ => self.trades.stored(self.ids, self.interval, |number, seller, buyer| {
                number >= first && party.flatten().is_none_or(|party| party == seller || party == buyer)
            })?,
        };
        let added = self.added.iter().map(|added| &added.trade).filter(|trade| {
            let has =
                |member: &MemberId| [&trade.seller, &trade.buyer].iter().any(|party| party.member() == Some(member));
            trade.number >= first && member.is_none_or(has)
        });
        stored.extend(added.cloned());
        self.changed.values().for_each(|document| document.clone().overlay(&mut stored));
        Ok(stored)
    }
}

/// The condition on links whose first trade has one of these ids.
pub(super) fn of_trades(ids: &BTreeSet<TradeId>) -> Document {
    let firsts: BTreeSet<TradeId> = ids.iter().map(first_of).collect();
    let firsts: Vec<Bson> = firsts.into_iter().map(|id| Id(id).into()).collect();
    doc! { "first_trade": { "$in": firsts } }
}

/// The id of the first trade of the interval with this one.
fn first_of(id: &TradeId) -> TradeId {
    let mut bytes = *id.as_bytes();
    if let Some(number) = bytes.last_chunk_mut::<4>() {
        *number = [0; 4];
    }
    TradeId::from_bytes(bytes)
}
