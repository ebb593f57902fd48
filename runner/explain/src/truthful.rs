//! The auctions in which nobody gains by a false offer or bid.

use std::cmp::{Ordering, Reverse};
use std::fmt::Display;

use market_kit::{Book, Outcome, Party, Position, PriceLimits, cascade, turn};
use words::fill;

use super::auction::{Crossing, tell_merit_orders};
use super::market::PriceOf;
use super::side::Reason;
use super::story::Story;
use super::tariff::{mark_order, tell_if_one_sided};
use super::{Cell, Unit};

pub(super) fn trade_reduction(story: &mut Story<'_>) -> Outcome {
    let limits = PriceLimits::of(story.round)?;
    let offer = |position: &Position| limits.raise(position.offer);
    let bid = |position: &Position| limits.lower(position.bid);
    let mut book = Book::new(story.round);
    let mut sellers = book.sellers_by(offer);
    let mut buyers = book.buyers_by(|position| Reverse(bid(position)));
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    tell_merit_orders(story, &book, &sellers, &buyers, &offer, &bid);
    let (voice, texts) = (story.voice, story.voice.texts);
    let Some(last) = book.last_pair(&sellers, &buyers, offer, bid) else {
        story.tell(texts.the_prices, [texts.no_prices.to_owned()]);
        story.marks.all(Reason::NoCrossing);
        return Ok(book.rest());
    };
    let (offer, bid) = (offer(book.position(last.seller)), bid(book.position(last.buyer)));
    story.marks.all(Reason::Behind);
    story.marks.sellers(&[last.seller], |_, _| Reason::LastPair);
    story.marks.buyers(&[last.buyer], |_, _| Reason::LastPair);
    story.marks.price(PriceOf::Sellers, offer);
    story.marks.price(PriceOf::Buyers, bid);
    sellers.truncate(last.seller_place);
    buyers.truncate(last.buyer_place);
    story.marks.sellers(&sellers, |_, _| Reason::Cut);
    story.marks.buyers(&buyers, |_, _| Reason::Cut);
    let (seller, buyer) = (story.name(last.seller), story.name(last.buyer));
    let prices = [
        fill(texts.reduction_pair, &[("seller", &seller), ("buyer", &buyer)]),
        fill(texts.reduction_prices, &[("offer", &voice.price(offer)), ("bid", &voice.price(bid))]),
        texts.account_keeps.to_owned(),
    ];
    story.tell(texts.the_prices, prices);
    let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
    tell_cut(story, &sellers, &buyers, supply, demand);
    let gives = cut(turn(story.round), book.surpluses(), &sellers, supply.saturating_sub(demand));
    let takes = cut(turn(story.round), book.deficits(), &buyers, demand.saturating_sub(supply));
    let rows = story.rows(story.with_any(&[&gives, &takes]), |member, position| {
        let of = |list: &[u64]| Cell::from(list.get(member as usize).copied().unwrap_or(0));
        vec![position.surplus.into(), of(&gives), position.deficit.into(), of(&takes)]
    });
    let energy = |name| (name, Unit::Energy);
    let columns = [energy(texts.surplus), energy(texts.sells), energy(texts.deficit), energy(texts.buys)];
    story.show(&[&[(texts.member, Unit::Text)], columns.as_slice()].concat(), rows);
    for &seller in &sellers {
        book.trade(Party::Member(seller), Party::Operator, energy_of(&gives, seller), offer);
    }
    for &buyer in &buyers {
        book.trade(Party::Operator, Party::Member(buyer), energy_of(&takes, buyer), bid);
    }
    Ok(book.rest())
}

fn energy_of(energies: &[u64], member: u32) -> u64 {
    energies.get(member as usize).copied().unwrap_or(0)
}

fn tell_cut(story: &mut Story<'_>, sellers: &[u32], buyers: &[u32], supply: u128, demand: u128) {
    let (voice, texts) = (story.voice, story.voice.texts);
    let (sellers, buyers) = (voice.sellers(sellers.len()), voice.buyers(buyers.len()));
    let (offered, wanted) = (voice.wh(supply), voice.wh(demand));
    let sides = [("sellers", &sellers as &dyn Display), ("supply", &offered), ("buyers", &buyers), ("demand", &wanted)];
    let cut = match supply.cmp(&demand) {
        Ordering::Equal => texts.cut_equal.to_owned(),
        Ordering::Less => story.with_energy(texts.cut_buyers, demand - supply),
        Ordering::Greater => story.with_energy(texts.cut_sellers, supply - demand),
    };
    story.tell(texts.who_how_much, [fill(texts.before_last, &sides), cut, texts.with_account.to_owned()]);
}

/// What is left of these members' energy once the difference is taken off all alike, in the places of all positions.
fn cut(first: usize, energies: &[u64], members: &[u32], difference: u128) -> Vec<u64> {
    let mut kept = vec![0; energies.len()];
    for &member in members {
        if let (Some(kept), Some(&energy)) = (kept.get_mut(member as usize), energies.get(member as usize)) {
            *kept = energy;
        }
    }
    let weights: Vec<u64> = kept.iter().map(|&energy| u64::from(energy > 0)).collect();
    let off = cascade(first, difference, &weights, &kept);
    kept.iter().zip(off).map(|(kept, off)| kept - off).collect()
}

pub(super) fn muda(story: &mut Story<'_>) -> Outcome {
    let limits = PriceLimits::of(story.round)?;
    let mut book = Book::new(story.round);
    let (sellers, buyers) = (book.sellers(), book.buyers());
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    let (seed, texts) = (story.round.seed, story.voice.texts);
    story.tell(texts.the_lots, [fill(texts.lots, &[("seed", &seed)])]);
    let rows = story.rows(story.with_any(&[book.surpluses(), book.deficits()]), |member, position| {
        let half = half_name(half(lot(seed, member)));
        vec![half.into(), lot(seed, member).into(), position.offer.into(), position.bid.into()]
    });
    let columns = [
        (texts.member, Unit::Text),
        (texts.half, Unit::Text),
        (texts.lot, Unit::Number),
        (texts.offer, Unit::Price),
        (texts.bid, Unit::Price),
    ];
    story.show(&columns, rows);
    story.marks.limits_decide();
    let mut prices = [None, None];
    for (half, found) in [0, 1].into_iter().zip(&mut prices) {
        let own = |member: &u32| self::half(lot(seed, *member)) == half;
        let mut sellers = book.sellers_by(|position| position.offer);
        let mut buyers = book.buyers_by(|position| Reverse(position.bid));
        sellers.retain(own);
        buyers.retain(own);
        let crossing = Crossing::of(story, &book, &sellers, &buyers);
        let title = if half == 0 { texts.price_of_half_a } else { texts.price_of_half_b };
        match crossing {
            Some(Crossing { price, why }) => {
                *found = Some(price);
                story.tell(title, why);
            }
            None => story.tell(title, [texts.half_none.to_owned()]),
        }
    }
    for (half, price) in [0, 1].into_iter().zip([prices[1], prices[0]]) {
        trade_half(story, &mut book, half, price.map(|price| limits.clamp(price)));
    }
    Ok(book.rest())
}

/// A half trades at the price of the other, in the order of the lots.
fn trade_half(story: &mut Story<'_>, book: &mut Book<'_>, half: u64, other: Option<i64>) {
    let (voice, texts) = (story.voice, story.voice.texts);
    let title = if half == 0 { texts.trades_in_half_a } else { texts.trades_in_half_b };
    let mut sellers = by_lot(book.sellers(), story.round.seed, half);
    let mut buyers = by_lot(book.buyers(), story.round.seed, half);
    let Some(price) = other else {
        story.tell(title, [texts.half_nobody.to_owned()]);
        story.marks.sellers(&sellers, |_, _| Reason::NoPrice);
        story.marks.buyers(&buyers, |_, _| Reason::NoPrice);
        return;
    };
    story.marks.price(if half == 0 { PriceOf::HalfA } else { PriceOf::HalfB }, price);
    story.marks.sellers(&sellers, |_, _| Reason::Limit { price });
    story.marks.buyers(&buyers, |_, _| Reason::Limit { price });
    sellers.retain(|&seller| book.position(seller).offer <= price);
    buyers.retain(|&buyer| book.position(buyer).bid >= price);
    mark_order(story, &sellers, &buyers);
    let (selling, buying) = (voice.sellers(sellers.len()), voice.buyers(buyers.len()));
    let told = fill(texts.half_trades, &[("price", &voice.price(price)), ("sellers", &selling), ("buyers", &buying)]);
    story.tell(title, [told]);
    book.greedy(&sellers, &buyers, price);
}

fn by_lot(members: Vec<u32>, seed: u64, half: u64) -> Vec<u32> {
    let lots = members.into_iter().map(|member| (lot(seed, member), member));
    let mut order: Vec<(u64, u32)> = lots.filter(|&(lot, _)| self::half(lot) == half).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, member)| member).collect()
}

fn half(lot: u64) -> u64 {
    lot >> 63
}

fn half_name(half: u64) -> &'static str {
    if half == 0 { "A" } else { "B" }
}

/// The lot of a position: the output of SplitMix64 (Steele, Lea and Flood 2014) at this place of its sequence.
fn lot(seed: u64, position: u32) -> u64 {
    let z = seed.wrapping_add((u64::from(position) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
