//! The sharing keys: what each buyer may take of the community's surplus, and at what price.

use market_kit::{
    Book, Outcome, PriceLimits, Setting, SharingPrice, cascade, mid, shares, split_from, total_share, turn,
};

use super::story::Story;
use super::tariff::{tell_if_one_sided, tell_price};
use super::words::{price, wh};
use super::{Cell, Unit};

/// What a key says of each position.
struct Key {
    /// How the surplus is shared.
    why: Vec<String>,
    /// The column with what decides besides the deficit, its unit and values.
    by: Option<(&'static str, Unit, Vec<u64>)>,
    /// What the key allows each position, before its deficit caps it; as much as it takes where nothing is refused.
    allowed: Vec<u64>,
    takes: Vec<u64>,
}

pub(super) fn proportional_shares(story: &mut Story<'_>) -> Outcome {
    let price = sharing_price(story)?;
    share(story, price, |book, first| Ok(in_proportion(book, first)))
}

fn in_proportion(book: &Book<'_>, first: usize) -> Key {
    let (supply, demand) = (book.total_surplus(), book.total_deficit());
    let takes = split_from(first, supply.min(demand), book.deficits());
    let why = if supply < demand {
        format!("The surplus of {} is split among the buyers in proportion to their deficits.", wh(supply))
    } else {
        format!("The surplus covers all deficits of {}.", wh(demand))
    };
    Key { why: vec![why], by: None, allowed: takes.clone(), takes }
}

pub(super) fn fixed_shares(story: &mut Story<'_>) -> Outcome {
    let total = total_share(story.round)?;
    let (price, weights) = (sharing_price(story)?, shares(story.round));
    share(story, price, |book, first| {
        let shared = book.total_surplus() * u128::from(total) / 1_000_000;
        let allowed = split_from(first, shared, &weights);
        let takes = at_most(&allowed, book.deficits());
        let why = format!(
            "All shares together are {total} parts per million: {} of the surplus of {}. Each member may take its share of \
             that, at most its deficit; what it does not need goes to the grid.",
            wh(shared),
            wh(book.total_surplus())
        );
        Ok(Key { why: vec![why], by: Some(("share", Unit::Share, weights.clone())), allowed, takes })
    })
}

pub(super) fn equal_shares(story: &mut Story<'_>) -> Outcome {
    let price = sharing_price(story)?;
    share(story, price, |book, first| {
        let weights: Vec<u64> = book.deficits().iter().map(|&deficit| u64::from(deficit > 0)).collect();
        let allowed = split_from(first, book.total_surplus(), &weights);
        let takes = at_most(&allowed, book.deficits());
        let why = format!(
            "The surplus of {} is split evenly among the buyers of this interval. Each takes at most its deficit; what it \
             does not need goes to the grid.",
            wh(book.total_surplus())
        );
        Ok(Key { why: vec![why], by: Some(("weight", Unit::Number, weights)), allowed, takes })
    })
}

pub(super) fn cascading_shares(story: &mut Story<'_>) -> Outcome {
    let (price, mut weights) = (sharing_price(story)?, shares(story.round));
    let by_share = "The surplus is offered by share; what somebody does not need is offered to the others again, until \
                    nothing is left or nobody with a share needs more.";
    let mut why = vec![by_share.to_owned()];
    if weights.iter().all(|&weight| weight == 0) {
        weights.fill(1);
        why.push("Nobody has a share, so all weigh the same.".to_owned());
    }
    share(story, price, |book, first| {
        let takes = cascade(first, book.total_surplus(), &weights, book.deficits());
        Ok(Key { why, by: Some(("share", Unit::Share, weights)), allowed: takes.clone(), takes })
    })
}

pub(super) fn priority_shares(story: &mut Story<'_>) -> Outcome {
    let price = sharing_price(story)?;
    let ranks: Vec<u64> = story.round.positions.iter().map(|position| position.rank.into()).collect();
    share(story, price, |book, first| {
        let (takes, mut why) = by_rank(book, first);
        why.insert(0, "The ranks are served one after the other, 0 first.".to_owned());
        Ok(Key { why, by: Some(("rank", Unit::Number, ranks)), allowed: takes.clone(), takes })
    })
}

/// What each position takes, and a sentence on each rank.
fn by_rank(book: &Book<'_>, first: usize) -> (Vec<u64>, Vec<String>) {
    let positions = book.deficits().len();
    let (mut takes, mut told) = (vec![0; positions], Vec::new());
    // Around the circle within a rank, which decides who gets the single watt-hours that are left over.
    let around = |member: u32| (member as usize + positions - first) % positions.max(1);
    let mut buyers = book.buyers();
    buyers.sort_unstable_by_key(|&buyer| (book.position(buyer).rank, around(buyer)));
    let mut left = book.total_surplus();
    for rank in buyers.chunk_by(|&a, &b| book.position(a).rank == book.position(b).rank) {
        let deficits: Vec<u64> = rank.iter().map(|&buyer| book.deficit(buyer)).collect();
        let (wanted, number) = (book.demand(rank), rank.first().map_or(0, |&buyer| book.position(buyer).rank));
        let total = left.min(wanted);
        let how = if total == wanted { "gets all of it" } else { "shares it in proportion to the deficits" };
        told.push(format!("Rank {number} wants {} of the {} that are left, and {how}.", wh(wanted), wh(left)));
        for (&buyer, part) in rank.iter().zip(split_from(0, total, &deficits)) {
            if let Some(take) = takes.get_mut(buyer as usize) {
                *take = part;
            }
        }
        left -= total;
    }
    (takes, told)
}

pub(super) fn supply_demand_ratio(story: &mut Story<'_>) -> Outcome {
    const ONE: u128 = 1_000_000;
    let book = Book::new(story.round);
    let (supply, demand) = (book.total_surplus(), book.total_deficit());
    let (retail, feed_in) = (story.round.retail, story.round.feed_in);
    let (unlimited, why) = if demand == 0 || feed_in <= 0 || feed_in >= retail {
        let half_way = mid(retail, feed_in);
        let why =
            "Without a deficit, or where feed-in is not above 0 and below retail, the price is half-way between both";
        (half_way, format!("{why}: {}.", price(half_way)))
    } else {
        let ratio = i128::try_from(supply.min(demand) * ONE / demand).unwrap_or(0);
        let (high, low, one) = (i128::from(retail), i128::from(feed_in), 1_000_000);
        let divisor = high.checked_sub(low).and_then(|spread| spread.checked_mul(ratio)?.checked_add(low * one));
        let dividend = high.checked_mul(low).and_then(|product| product.checked_mul(one));
        let quotient = dividend.zip(divisor).and_then(|(dividend, divisor)| dividend.checked_div(divisor));
        let found = quotient.and_then(|found| i64::try_from(found).ok());
        let found = found.ok_or("the tariffs are too large for the formula")?;
        let why = format!(
            "The surplus covers {ratio} parts per million of the deficits. With r of that, the price is retail · feed-in / \
             ((retail − feed-in) · r + feed-in): {}; it falls from retail to feed-in as supply meets demand.",
            price(found)
        );
        (found, why)
    };
    let price = tell_price(story, unlimited, why)?;
    share(story, price, |book, first| Ok(in_proportion(book, first)))
}

/// Tells the price that the setting of every sharing key gives.
pub(super) fn sharing_price(story: &mut Story<'_>) -> Result<i64, String> {
    let set = SharingPrice::SETTING;
    let round = story.round;
    let (unlimited, why) = match Setting::read(&set, round)? {
        SharingPrice::Mid => (mid(round.retail, round.feed_in), "half-way between retail and feed-in"),
        SharingPrice::FeedIn => (round.feed_in, "what the grid pays the community (feed-in)"),
        SharingPrice::Retail => (round.retail, "what the grid charges the community (retail)"),
        SharingPrice::Fixed(fixed) => (fixed, "what the setting price says"),
    };
    tell_price(story, unlimited, format!("The price between members is {why}: {}.", price(unlimited)))
}

/// Follows a key from what each position takes to who trades with whom.
fn share(story: &mut Story<'_>, price: i64, key: impl FnOnce(&Book<'_>, usize) -> Result<Key, String>) -> Outcome {
    PriceLimits::of(story.round)?;
    let mut book = Book::new(story.round);
    let first = turn(story.round);
    let Key { why, by, allowed, takes } = key(&book, first)?;
    if tell_if_one_sided(story, &book.sellers(), &book.buyers()) {
        book.hand_out(first, takes, price);
        return Ok(book.rest());
    }
    story.tell("the split", why);
    let rows = story.rows(story.with_any(&[book.deficits(), &allowed]), |member, position| {
        let of = |list: &[u64]| Cell::from(list.get(member as usize).copied().unwrap_or(0));
        let weight = by.iter().map(|(_, _, weights)| of(weights));
        weight.chain([of(&allowed), position.deficit.into(), of(&takes)]).collect()
    });
    let energy = |name| (name, Unit::Energy);
    let by = by.iter().map(|(name, unit, _)| (*name, *unit));
    let columns = [("member", Unit::Text)].into_iter().chain(by);
    let columns: Vec<_> = columns.chain([energy("may take"), energy("deficit"), energy("takes")]).collect();
    story.show(&columns, rows);
    tell_turn(story, first);
    let taken: u128 = takes.iter().map(|&take| u128::from(take)).sum();
    book.hand_out(first, takes.clone(), price);
    tell_pairs(
        story,
        &book,
        &takes,
        format!("Together they take {}. The sellers part with that in proportion to their surplus.", wh(taken)),
    );
    Ok(book.rest())
}

/// Who begins where single watt-hours are left over.
fn tell_turn(story: &mut Story<'_>, first: usize) {
    let name = u32::try_from(first).map(|first| story.name(first).to_owned()).unwrap_or_default();
    story.tell("left-over watt-hours", [format!(
        "Single watt-hours that a split leaves over go to the largest remainders; of equal ones, in this interval the count \
         begins at {name} (the round's seed decides)."
    )]);
}

/// Tells what each position sold and bought inside, from a book in which everything is paired.
pub(super) fn tell_pairs(story: &mut Story<'_>, book: &Book<'_>, takes: &[u64], how: String) {
    let sold = |member: u32| book.position(member).surplus.saturating_sub(book.surplus(member));
    let bought = |member: u32| book.position(member).deficit.saturating_sub(book.deficit(member));
    let mut told = vec![how];
    let members = story.with_any(&[book.surpluses(), takes]);
    let sellers = story.round.positions.iter().map(|position| u64::from(position.surplus > 0)).collect::<Vec<_>>();
    for &member in &members {
        let take = takes.get(member as usize).copied().unwrap_or(0);
        let kept = take.saturating_sub(bought(member));
        if kept > 0 {
            told.push(format!(
                "{} would have to trade {} with itself; it keeps that on both sides, and trades it with the grid.",
                story.name(member),
                wh(kept)
            ));
        }
    }
    told.push(
        "Nobody buys from itself. All other energy is traded with the grid, at each member's own tariff.".to_owned(),
    );
    story.tell("who parts with how much", told);
    let rows = story.rows(story.with_any(&[&sellers]), |member, position| {
        let sold = sold(member);
        vec![position.surplus.into(), sold.into(), position.surplus.saturating_sub(sold).into()]
    });
    let energy = |name| (name, Unit::Energy);
    story.show(&[("member", Unit::Text), energy("surplus"), energy("to members"), energy("to the grid")], rows);
}

fn at_most(parts: &[u64], caps: &[u64]) -> Vec<u64> {
    parts.iter().zip(caps).map(|(&part, &cap)| part.min(cap)).collect()
}
