//! The auctions: merit orders, where they cross, and who may trade at that price.

use std::cmp::{Ordering, Reverse};

use market_kit::{Book, Outcome, Pair, Position, PriceLimits, Setting, mid};
use words::fill;

use super::market::PriceOf;
use super::side::Reason;
use super::story::Story;
use super::tariff::{mark_order, tell_greedy, tell_if_one_sided, tell_parts};
use super::{Cell, Unit};

pub(super) fn double_auction(
    story: &mut Story<'_>,
    price_of: PriceOf,
    pairs: &'static str,
    pair_price: impl Fn(Pair<'_>) -> i64,
) -> Outcome {
    let limits = PriceLimits::of(story.round)?;
    let mut book = Book::new(story.round);
    let mut sellers = book.sellers_by(|position| position.offer);
    let mut buyers = book.buyers_by(|position| Reverse(position.bid));
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    let crossing = Crossing::of(story, &book, &sellers, &buyers);
    tell_merit_orders(story, &book, &sellers, &buyers, &|position| position.offer, &|position| position.bid);
    let Some(Crossing { price: unlimited, why }) = crossing else {
        tell_no_crossing(story, &book, &sellers, &buyers);
        return Ok(book.rest());
    };
    let (clearing_price, limited) = story.limited(unlimited)?;
    story.tell(story.voice.texts.clearing_price, why.into_iter().chain(limited).chain([pairs.to_owned()]));
    story.marks.price(price_of, clearing_price);
    accept(story, &book, &mut sellers, &mut buyers, clearing_price);
    book.greedy_by(&sellers, &buyers, |seller, buyer| limits.clamp(pair_price(Pair { seller, buyer, clearing_price })));
    Ok(book.rest())
}

pub(super) fn k_double_auction(story: &mut Story<'_>) -> Outcome {
    const K: Setting = Setting { key: "k", summary: "", default: "500000" };
    const ONE: i128 = 1_000_000;
    let k: u32 = K.read(story.round)?;
    let mut book = Book::new(story.round);
    let mut sellers = book.sellers_by(|position| position.offer);
    let mut buyers = book.buyers_by(|position| Reverse(position.bid));
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    tell_merit_orders(story, &book, &sellers, &buyers, &|position| position.offer, &|position| position.bid);
    let Some(last) = book.last_pair(&sellers, &buyers, |position| position.offer, |position| position.bid) else {
        tell_no_crossing(story, &book, &sellers, &buyers);
        return Ok(book.rest());
    };
    let (offer, bid) = (book.position(last.seller).offer, book.position(last.buyer).bid);
    let above = (i128::from(bid) - i128::from(offer)) * i128::from(k) / ONE;
    // OK because the price lies between offer and bid where k is at most one.
    let between = i64::try_from(i128::from(offer) + above).unwrap_or(bid);
    let (clearing_price, limited) = story.limited(between)?;
    let texts = story.voice.texts;
    let why = [
        last_pair_in_words(story, last.seller, last.buyer, offer, bid),
        fill(texts.k_between, &[("k", &k), ("price", &story.voice.price(between))]),
    ];
    story.tell(texts.the_price, why.into_iter().chain(limited));
    story.marks.price(PriceOf::All, clearing_price);
    accept(story, &book, &mut sellers, &mut buyers, clearing_price);
    book.greedy(&sellers, &buyers, clearing_price);
    Ok(book.rest())
}

pub(super) fn single_sided(story: &mut Story<'_>) -> Outcome {
    let mut book = Book::new(story.round);
    let (mut sellers, buyers) = (book.sellers_by(|position| position.offer), book.buyers());
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    let texts = story.voice.texts;
    let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
    story.tell(texts.order_of_sellers, [texts.cheapest_any.to_owned()]);
    story.marks.limits_decide();
    show_order(story, &sellers, [texts.surplus, texts.offer], &|position| (position.surplus, position.offer));
    let mut together = 0;
    let reaches = |&&seller: &&u32| {
        together += u128::from(book.surplus(seller));
        together >= demand
    };
    let Some(&last) = sellers.iter().find(reaches).or(sellers.last()) else { return Ok(book.rest()) };
    let offer = book.position(last).offer;
    let shown = story.voice.price(offer);
    let why = if supply < demand {
        fill(texts.single_short, &[("energy", &story.voice.wh(demand)), ("price", &shown)])
    } else {
        let member = story.name(last);
        fill(texts.single_reached, &[("member", &member), ("energy", &story.voice.wh(demand)), ("price", &shown)])
    };
    let (clearing_price, limited) = story.limited(offer)?;
    story.tell(texts.the_price, [why].into_iter().chain(limited));
    story.marks.price(PriceOf::All, clearing_price);
    story.marks.sellers(&sellers, |_, _| Reason::Limit { price: clearing_price });
    sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= clearing_price));
    mark_order(story, &sellers, &buyers);
    let supply = book.supply(&sellers);
    book.ration_buyers(&buyers, supply);
    if supply < demand {
        let (shown, energy) = (story.voice.price(clearing_price), story.voice.wh(supply));
        story.tell(texts.the_split, [fill(texts.single_split, &[("price", &shown), ("energy", &energy)])]);
        story.marks.buyers(&buyers, |_, _| Reason::Split);
        tell_parts(story, &buyers, [texts.deficit, texts.from_members, texts.from_grid], |member| {
            (book.position(member).deficit, book.deficit(member))
        });
    }
    tell_greedy(story, [texts.cheapest_first, texts.by_name]);
    book.greedy(&sellers, &buyers, clearing_price);
    Ok(book.rest())
}

/// Lets those trade who accept a price, and tells who they are and in which order they meet.
fn accept(story: &mut Story<'_>, book: &Book<'_>, sellers: &mut Vec<u32>, buyers: &mut Vec<u32>, price: i64) {
    story.marks.all(Reason::Limit { price });
    sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= price));
    buyers.truncate(buyers.partition_point(|&buyer| book.position(buyer).bid >= price));
    mark_order(story, sellers, buyers);
    tell_accepted(story, book, sellers, buyers, price);
    let texts = story.voice.texts;
    tell_greedy(story, [texts.cheapest_first, texts.highest_first]);
}

/// Where two merit orders cross.
pub(super) struct Crossing {
    /// The clearing price in µEUR/kWh, without the community's limits.
    pub(super) price: i64,
    /// Why it is this one.
    pub(super) why: Vec<String>,
}

impl Crossing {
    /// Finds it by the kit's walk, and tells from the energies up to the last pair which block ended.
    pub(super) fn of(story: &Story<'_>, book: &Book<'_>, sellers: &[u32], buyers: &[u32]) -> Option<Crossing> {
        let unlimited = book.clearing_price(sellers, buyers)?;
        let last = book.last_pair(sellers, buyers, |position| position.offer, |position| position.bid)?;
        let (offer, bid) = (book.position(last.seller).offer, book.position(last.buyer).bid);
        let supply = book.supply(sellers.get(..=last.seller_place)?);
        let demand = book.demand(buyers.get(..=last.buyer_place)?);
        let texts = story.voice.texts;
        let why = match supply.cmp(&demand) {
            Ordering::Equal => texts.end_equal,
            Ordering::Less if sellers.len() == last.seller_place + 1 => texts.end_last_seller,
            Ordering::Less => texts.end_sold,
            Ordering::Greater if buyers.len() == last.buyer_place + 1 => texts.end_last_buyer,
            Ordering::Greater => texts.end_bought,
        };
        let (seller, buyer) = (story.name(last.seller), story.name(last.buyer));
        let half_way = story.voice.price(mid(offer, bid));
        let why = fill(why, &[("seller", &seller), ("buyer", &buyer), ("price", &half_way)]);
        let pair = last_pair_in_words(story, last.seller, last.buyer, offer, bid);
        Some(Crossing { price: unlimited, why: vec![pair, why] })
    }
}

fn last_pair_in_words(story: &Story<'_>, seller: u32, buyer: u32, offer: i64, bid: i64) -> String {
    let (offer, bid) = (story.voice.price(offer), story.voice.price(bid));
    let (seller, buyer) = (story.name(seller), story.name(buyer));
    fill(story.voice.texts.last_pair, &[("seller", &seller), ("offer", &offer), ("buyer", &buyer), ("bid", &bid)])
}

fn tell_no_crossing(story: &mut Story<'_>, book: &Book<'_>, sellers: &[u32], buyers: &[u32]) {
    let offer = sellers.first().map_or(0, |&seller| book.position(seller).offer);
    let bid = buyers.first().map_or(0, |&buyer| book.position(buyer).bid);
    let (texts, offer, bid) = (story.voice.texts, story.voice.price(offer), story.voice.price(bid));
    story.marks.all(Reason::NoCrossing);
    story.tell(texts.clearing_price, [fill(texts.no_crossing, &[("offer", &offer), ("bid", &bid)])]);
}

/// Tells who trades at a price, and who does not accept it.
fn tell_accepted(story: &mut Story<'_>, book: &Book<'_>, sellers: &[u32], buyers: &[u32], price: i64) {
    let (voice, texts) = (story.voice, story.voice.texts);
    let (supply, demand) = (voice.wh(book.supply(sellers)), voice.wh(book.demand(buyers)));
    let (sellers, buyers) = (voice.sellers(sellers.len()), voice.buyers(buyers.len()));
    let told = [
        fill(texts.accepted, &[("price", &voice.price(price)), ("sellers", &sellers), ("buyers", &buyers)]),
        fill(texts.they_offer, &[("supply", &supply), ("demand", &demand)]),
    ];
    story.tell(texts.who_may_trade, told);
}

/// A price of a position, by which an order is sorted.
pub(super) type LimitOf<'f> = &'f dyn Fn(&Position) -> i64;

/// Tells both merit orders, by these prices.
pub(super) fn tell_merit_orders(
    story: &mut Story<'_>,
    book: &Book<'_>,
    sellers: &[u32],
    buyers: &[u32],
    offer: LimitOf<'_>,
    bid: LimitOf<'_>,
) {
    let texts = story.voice.texts;
    story.tell(texts.order_of_sellers, [texts.cheapest_comes_first.to_owned()]);
    show_order(story, sellers, [texts.surplus, texts.offer], &|position| (position.surplus, offer(position)));
    story.tell(texts.order_of_buyers, [texts.highest_comes_first.to_owned()]);
    show_order(story, buyers, [texts.deficit, texts.bid], &|position| (position.deficit, bid(position)));
    let priced = |members: &[u32], price: LimitOf<'_>| {
        members.iter().map(|&member| (member, price(book.position(member)))).collect()
    };
    let (offers, bids) = (priced(sellers, offer), priced(buyers, bid));
    story.marks.orders(offers, bids);
    story.marks.limits_decide();
}

fn show_order(
    story: &mut Story<'_>,
    order: &[u32],
    [energy, price]: [&'static str; 2],
    of: &dyn Fn(&Position) -> (u64, i64),
) {
    let mut together = 0_u128;
    let rows = story.rows(order.iter().copied(), |_, position| {
        let (energy, price) = of(position);
        together += u128::from(energy);
        vec![Cell::from(price), Cell::from(energy), Cell::from(together)]
    });
    let texts = story.voice.texts;
    let columns =
        [(texts.member, Unit::Text), (price, Unit::Price), (energy, Unit::Energy), (texts.together, Unit::Energy)];
    story.show(&columns, rows);
}
