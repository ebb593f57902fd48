//! The auctions: merit orders, where they cross, and who may trade at that price.

use std::cmp::{Ordering, Reverse};

use market_kit::{Book, Outcome, Pair, Position, PriceLimits, Setting, mid};

use super::story::Story;
use super::tariff::{tell_greedy, tell_if_one_sided, tell_parts};
use super::words::{price, wh};
use super::{Cell, Unit};

pub(super) fn double_auction(
    story: &mut Story<'_>,
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
    story.tell("the clearing price", why.into_iter().chain(limited).chain([pairs.to_owned()]));
    accept(&book, &mut sellers, &mut buyers, clearing_price);
    tell_accepted(story, &book, &sellers, &buyers, clearing_price);
    tell_greedy(story, "cheapest offer first", "highest bid first");
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
    let why = [
        last_pair_in_words(story, last.seller, last.buyer, offer, bid),
        format!("The setting k of {k} parts per million puts the price between them: {}.", price(between)),
    ];
    story.tell("the price", why.into_iter().chain(limited));
    accept(&book, &mut sellers, &mut buyers, clearing_price);
    tell_accepted(story, &book, &sellers, &buyers, clearing_price);
    tell_greedy(story, "cheapest offer first", "highest bid first");
    book.greedy(&sellers, &buyers, clearing_price);
    Ok(book.rest())
}

pub(super) fn single_sided(story: &mut Story<'_>) -> Outcome {
    let mut book = Book::new(story.round);
    let (mut sellers, buyers) = (book.sellers_by(|position| position.offer), book.buyers());
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
    story.tell("merit order of the sellers", ["The cheapest offer comes first; buyers accept any price.".to_owned()]);
    show_order(story, &sellers, "surplus", "offer", &|position| (position.surplus, position.offer));
    let mut together = 0;
    let reaches = |&&seller: &&u32| {
        together += u128::from(book.surplus(seller));
        together >= demand
    };
    let Some(&last) = sellers.iter().find(reaches).or(sellers.last()) else { return Ok(book.rest()) };
    let offer = book.position(last).offer;
    let why = if supply < demand {
        format!("All sellers together do not reach the demand of {}, so the highest offer is the price", wh(demand))
    } else {
        format!("With {} the sellers reach the demand of {}, so its offer is the price", story.name(last), wh(demand))
    };
    let (clearing_price, limited) = story.limited(offer)?;
    story.tell("the price", [format!("{why}: {}.", price(offer))].into_iter().chain(limited));
    sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= clearing_price));
    let supply = book.supply(&sellers);
    book.ration_buyers(&buyers, supply);
    if supply < demand {
        story.tell(
            "the split",
            [format!(
                "Offers up to {} are together {}, which is split among the buyers in proportion to their deficits.",
                price(clearing_price),
                wh(supply)
            )],
        );
        tell_parts(story, &buyers, "deficit", "from members", "from the grid", |member| {
            (book.position(member).deficit, book.deficit(member))
        });
    }
    tell_greedy(story, "cheapest offer first", "in order of name");
    book.greedy(&sellers, &buyers, clearing_price);
    Ok(book.rest())
}

/// Those who accept a price.
fn accept(book: &Book<'_>, sellers: &mut Vec<u32>, buyers: &mut Vec<u32>, price: i64) {
    sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= price));
    buyers.truncate(buyers.partition_point(|&buyer| book.position(buyer).bid >= price));
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
        let (seller, buyer) = (story.name(last.seller), story.name(last.buyer));
        let (offer, bid) = (book.position(last.seller).offer, book.position(last.buyer).bid);
        let supply = book.supply(sellers.get(..=last.seller_place)?);
        let demand = book.demand(buyers.get(..=last.buyer_place)?);
        let half_way = || format!("so the price is half-way between that offer and bid: {}", price(mid(offer, bid)));
        let why = match supply.cmp(&demand) {
            Ordering::Equal => format!("{seller} has then sold, and {buyer} bought, everything, {}.", half_way()),
            Ordering::Less if sellers.len() == last.seller_place + 1 => {
                format!("{seller} has then sold everything and is the last seller, {}.", half_way())
            }
            Ordering::Less => {
                format!("{seller} has then sold everything and {buyer} wants more, so the price is that bid.")
            }
            Ordering::Greater if buyers.len() == last.buyer_place + 1 => {
                format!("{buyer} has then bought everything and is the last buyer, {}.", half_way())
            }
            Ordering::Greater => {
                format!("{buyer} has then bought everything and {seller} has more, so the price is that offer.")
            }
        };
        let pair = last_pair_in_words(story, last.seller, last.buyer, offer, bid);
        Some(Crossing { price: unlimited, why: vec![pair, why] })
    }
}

fn last_pair_in_words(story: &Story<'_>, seller: u32, buyer: u32, offer: i64, bid: i64) -> String {
    format!(
        "Both orders are walked together while an offer is at most the bid. The last pair is {} with an offer of {} and {} \
         with a bid of {}.",
        story.name(seller),
        price(offer),
        story.name(buyer),
        price(bid)
    )
}

fn tell_no_crossing(story: &mut Story<'_>, book: &Book<'_>, sellers: &[u32], buyers: &[u32]) {
    let offer = sellers.first().map_or(0, |&seller| book.position(seller).offer);
    let bid = buyers.first().map_or(0, |&buyer| book.position(buyer).bid);
    story.tell(
        "the clearing price",
        [format!(
            "There is none: the cheapest offer, {}, is above the highest bid, {}. All energy is traded with the grid.",
            price(offer),
            price(bid)
        )],
    );
}

/// Tells who trades at a price, and who does not accept it.
fn tell_accepted(story: &mut Story<'_>, book: &Book<'_>, sellers: &[u32], buyers: &[u32], clearing_price: i64) {
    let mut told = vec![format!(
        "Sellers with an offer of at most {0} and buyers with a bid of at least {0} trade: {1} and {2}.",
        price(clearing_price),
        super::words::count(sellers.len(), "seller"),
        super::words::count(buyers.len(), "buyer")
    )];
    let (supply, demand) = (book.supply(sellers), book.demand(buyers));
    told.push(format!("They offer {} and want {}.", wh(supply), wh(demand)));
    story.tell("who may trade", told);
}

/// A price of a position, by which an order is sorted.
pub(super) type PriceOf<'f> = &'f dyn Fn(&Position) -> i64;

/// Tells both merit orders, by these prices.
pub(super) fn tell_merit_orders(
    story: &mut Story<'_>,
    book: &Book<'_>,
    sellers: &[u32],
    buyers: &[u32],
    offer: PriceOf<'_>,
    bid: PriceOf<'_>,
) {
    story.tell("merit order of the sellers", ["The cheapest offer comes first.".to_owned()]);
    show_order(story, sellers, "surplus", "offer", &|position| (position.surplus, offer(position)));
    story.tell("merit order of the buyers", ["The highest bid comes first.".to_owned()]);
    show_order(story, buyers, "deficit", "bid", &|position| (position.deficit, bid(position)));
    debug_assert!(sellers.iter().all(|&seller| book.surplus(seller) > 0));
}

fn show_order(
    story: &mut Story<'_>,
    order: &[u32],
    energy: &'static str,
    price: &'static str,
    of: &dyn Fn(&Position) -> (u64, i64),
) {
    let mut together = 0_u128;
    let rows = story.rows(order.iter().copied(), |_, position| {
        let (energy, price) = of(position);
        together += u128::from(energy);
        vec![Cell::from(price), Cell::from(energy), Cell::from(together)]
    });
    let columns = [("member", Unit::Text), (price, Unit::Price), (energy, Unit::Energy), ("together", Unit::Energy)];
    story.show(&columns, rows);
}
