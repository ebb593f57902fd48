//! The auctions in which nobody gains by a false offer or bid.

use std::cmp::Reverse;

use market_kit::{Book, Outcome, Party, Position, PriceLimits, cascade, turn};

use super::auction::{Crossing, tell_merit_orders};
use super::story::Story;
use super::tariff::tell_if_one_sided;
use super::words::{count, price, wh};
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
    let Some(last) = book.last_pair(&sellers, &buyers, offer, bid) else {
        let none = "There are none: the cheapest offer is above the highest bid. All energy is traded with the grid.";
        story.tell("the prices", [none.to_owned()]);
        return Ok(book.rest());
    };
    let (offer, bid) = (offer(book.position(last.seller)), bid(book.position(last.buyer)));
    sellers.truncate(last.seller_place);
    buyers.truncate(last.buyer_place);
    story.tell(
        "the prices",
        [
            format!(
                "The last pair whose offer is at most the bid is {} and {}. It sets the prices and does not trade itself.",
                story.name(last.seller),
                story.name(last.buyer)
            ),
            format!("The sellers before it get its offer, {}; the buyers before it pay its bid, {}.", price(offer), price(bid)),
            "The community's account keeps the difference.".to_owned(),
        ],
    );
    let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
    tell_cut(story, &sellers, &buyers, supply, demand);
    let gives = cut(turn(story.round), book.surpluses(), &sellers, supply.saturating_sub(demand));
    let takes = cut(turn(story.round), book.deficits(), &buyers, demand.saturating_sub(supply));
    let rows = story.rows(story.with_any(&[&gives, &takes]), |member, position| {
        let of = |list: &[u64]| Cell::from(list.get(member as usize).copied().unwrap_or(0));
        vec![position.surplus.into(), of(&gives), position.deficit.into(), of(&takes)]
    });
    let energy = |name| (name, Unit::Energy);
    story.show(&[("member", Unit::Text), energy("surplus"), energy("sells"), energy("deficit"), energy("buys")], rows);
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
    let sides = format!(
        "Before the last pair come {} with {} and {} with {}.",
        count(sellers.len(), "seller"),
        wh(supply),
        count(buyers.len(), "buyer"),
        wh(demand)
    );
    let cut = match supply.cmp(&demand) {
        std::cmp::Ordering::Equal => "That is equal, so all of it is traded.".to_owned(),
        std::cmp::Ordering::Less => {
            format!("The buyers' {} too much is taken off all alike.", wh(demand - supply))
        }
        std::cmp::Ordering::Greater => {
            format!("The sellers' {} too much is taken off all alike.", wh(supply - demand))
        }
    };
    let with_operator = "They trade with the community's account; all other energy is traded with the grid.".to_owned();
    story.tell("who trades how much", [sides, cut, with_operator]);
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
    let seed = story.round.seed;
    story.tell("the lots", [format!(
        "Each member draws a lot from the round's seed, {seed}. Its first bit says in which half the member is; within a half \
         the lots are the order."
    )]);
    let rows = story.rows(story.with_any(&[book.surpluses(), book.deficits()]), |member, position| {
        let half = half_name(half(lot(seed, member)));
        vec![half.into(), lot(seed, member).into(), position.offer.into(), position.bid.into()]
    });
    let columns = [("half", Unit::Text), ("lot", Unit::Number), ("offer", Unit::Price), ("bid", Unit::Price)];
    story.show(&[&[("member", Unit::Text)], columns.as_slice()].concat(), rows);
    let mut prices = [None, None];
    for (half, found) in [0, 1].into_iter().zip(&mut prices) {
        let own = |member: &u32| self::half(lot(seed, *member)) == half;
        let mut sellers = book.sellers_by(|position| position.offer);
        let mut buyers = book.buyers_by(|position| Reverse(position.bid));
        sellers.retain(own);
        buyers.retain(own);
        let crossing = Crossing::of(story, &book, &sellers, &buyers);
        let title = if half == 0 { "the clearing price of half A" } else { "the clearing price of half B" };
        match crossing {
            Some(Crossing { price, why }) => {
                *found = Some(price);
                story.tell(title, why);
            }
            None => story.tell(title, ["There is none: in this half no offer is at most a bid.".to_owned()]),
        }
    }
    for (half, price) in [0, 1].into_iter().zip([prices[1], prices[0]]) {
        trade_half(story, &mut book, half, price.map(|price| limits.clamp(price)));
    }
    Ok(book.rest())
}

/// A half trades at the price of the other, in the order of the lots.
fn trade_half(story: &mut Story<'_>, book: &mut Book<'_>, half: u64, other: Option<i64>) {
    let title = if half == 0 { "who trades in half A" } else { "who trades in half B" };
    let Some(price) = other else {
        story.tell(title, ["Nobody: the other half has no price. All energy is traded with the grid.".to_owned()]);
        return;
    };
    let mut sellers = by_lot(book.sellers(), story.round.seed, half);
    let mut buyers = by_lot(book.buyers(), story.round.seed, half);
    sellers.retain(|&seller| book.position(seller).offer <= price);
    buyers.retain(|&buyer| book.position(buyer).bid >= price);
    story.tell(title, [format!(
        "It trades at the price of the other half, within the community's limits: {}. {} and {} accept it; they trade in the \
         order of their lots, and nobody with itself.",
        super::words::price(price),
        count(sellers.len(), "seller"),
        count(buyers.len(), "buyer")
    )]);
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
