//! The sharing keys: what each buyer may take of the community's surplus, and at what price.

use market_kit::{
    Book, Outcome, Position, PriceLimits, Setting, SharingPrice, cascade, mid, shares, split_from, total_share, turn,
};
use words::fill;

use super::side::Reason;
use super::story::Story;
use super::tariff::{tell_if_one_sided, tell_price};
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
    /// Why a buyer takes less than its deficit.
    reason: fn(&Position) -> Reason,
    /// Whether what somebody refuses is offered to others, so that nobody can tell what each was offered.
    is_offered_again: bool,
}

pub(super) fn proportional_shares(story: &mut Story<'_>) -> Outcome {
    let price = sharing_price(story)?;
    share(story, price, in_proportion)
}

fn in_proportion(story: &Story<'_>, book: &Book<'_>, first: usize) -> Key {
    let (supply, demand, texts) = (book.total_surplus(), book.total_deficit(), story.voice.texts);
    let takes = split_from(first, supply.min(demand), book.deficits());
    let why = if supply < demand {
        story.with_energy(texts.in_proportion, supply)
    } else {
        story.with_energy(texts.covers_all, demand)
    };
    Key { why: vec![why], by: None, allowed: takes.clone(), takes, reason: |_| Reason::Split, is_offered_again: false }
}

pub(super) fn fixed_shares(story: &mut Story<'_>) -> Outcome {
    let total = total_share(story.round)?;
    let (price, weights) = (sharing_price(story)?, shares(story.round));
    share(story, price, |story, book, first| {
        let shared = book.total_surplus() * u128::from(total) / 1_000_000;
        let allowed = split_from(first, shared, &weights);
        let takes = at_most(&allowed, book.deficits());
        let (voice, texts) = (story.voice, story.voice.texts);
        let (shared, surplus) = (voice.wh(shared), voice.wh(book.total_surplus()));
        let why = fill(texts.fixed, &[("total", &total), ("shared", &shared), ("surplus", &surplus)]);
        Key {
            why: vec![why],
            by: Some((texts.share, Unit::Share, weights.clone())),
            allowed,
            takes,
            reason: |position| Reason::Share { share: position.share },
            is_offered_again: false,
        }
    })
}

pub(super) fn equal_shares(story: &mut Story<'_>) -> Outcome {
    let price = sharing_price(story)?;
    share(story, price, |story, book, first| {
        let weights: Vec<u64> = book.deficits().iter().map(|&deficit| u64::from(deficit > 0)).collect();
        let allowed = split_from(first, book.total_surplus(), &weights);
        let takes = at_most(&allowed, book.deficits());
        let texts = story.voice.texts;
        Key {
            why: vec![story.with_energy(texts.even, book.total_surplus())],
            by: Some((texts.weight, Unit::Number, weights)),
            allowed,
            takes,
            reason: |_| Reason::Even,
            is_offered_again: false,
        }
    })
}

pub(super) fn cascading_shares(story: &mut Story<'_>) -> Outcome {
    let (price, mut weights) = (sharing_price(story)?, shares(story.round));
    let texts = story.voice.texts;
    let mut why = vec![texts.cascade.to_owned()];
    let mut reason: fn(&Position) -> Reason = |position| Reason::SharedAgain { share: position.share };
    if weights.iter().all(|&weight| weight == 0) {
        weights.fill(1);
        why.push(texts.no_shares.to_owned());
        reason = |_| Reason::Even;
    }
    share(story, price, |_, book, first| {
        let takes = cascade(first, book.total_surplus(), &weights, book.deficits());
        let by = Some((texts.share, Unit::Share, weights));
        Key { why, by, allowed: takes.clone(), takes, reason, is_offered_again: true }
    })
}

pub(super) fn priority_shares(story: &mut Story<'_>) -> Outcome {
    let price = sharing_price(story)?;
    let ranks: Vec<u64> = story.round.positions.iter().map(|position| position.rank.into()).collect();
    share(story, price, |story, book, first| {
        let (takes, mut why) = by_rank(story, book, first);
        why.insert(0, story.voice.texts.ranks.to_owned());
        Key {
            why,
            by: Some((story.voice.texts.rank, Unit::Number, ranks)),
            allowed: takes.clone(),
            takes,
            reason: |position| Reason::Rank { rank: position.rank },
            is_offered_again: false,
        }
    })
}

/// What each position takes, and a sentence on each rank.
fn by_rank(story: &Story<'_>, book: &Book<'_>, first: usize) -> (Vec<u64>, Vec<String>) {
    let (voice, texts) = (story.voice, story.voice.texts);
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
        let how = if total == wanted { texts.rank_all } else { texts.rank_part };
        told.push(fill(how, &[("rank", &number), ("wanted", &voice.wh(wanted)), ("left", &voice.wh(left))]));
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
    let texts = story.voice.texts;
    let (supply, demand) = (book.total_surplus(), book.total_deficit());
    let (retail, feed_in) = (story.round.retail, story.round.feed_in);
    let (unlimited, why) = if demand == 0 || feed_in <= 0 || feed_in >= retail {
        let half_way = mid(retail, feed_in);
        (half_way, story.with_price(texts.ratio_half_way, half_way))
    } else {
        let ratio = i128::try_from(supply.min(demand) * ONE / demand).unwrap_or(0);
        let (high, low, one) = (i128::from(retail), i128::from(feed_in), 1_000_000);
        let divisor = high.checked_sub(low).and_then(|spread| spread.checked_mul(ratio)?.checked_add(low * one));
        let dividend = high.checked_mul(low).and_then(|product| product.checked_mul(one));
        let quotient = dividend.zip(divisor).and_then(|(dividend, divisor)| dividend.checked_div(divisor));
        let found = quotient.and_then(|found| i64::try_from(found).ok());
        let found = found.ok_or("the tariffs are too large for the formula")?;
        (found, fill(texts.ratio, &[("ratio", &ratio), ("price", &story.voice.price(found))]))
    };
    let price = tell_price(story, unlimited, why)?;
    share(story, price, in_proportion)
}

/// Tells the price that the setting of every sharing key gives.
pub(super) fn sharing_price(story: &mut Story<'_>) -> Result<i64, String> {
    let set = SharingPrice::SETTING;
    let (round, texts) = (story.round, story.voice.texts);
    let (unlimited, why) = match Setting::read(&set, round)? {
        SharingPrice::Mid => (mid(round.retail, round.feed_in), texts.shared_mid),
        SharingPrice::FeedIn => (round.feed_in, texts.shared_feed_in),
        SharingPrice::Retail => (round.retail, texts.shared_retail),
        SharingPrice::Fixed(fixed) => (fixed, texts.shared_fixed),
    };
    let why = story.with_price(why, unlimited);
    tell_price(story, unlimited, why)
}

/// Follows a key from what each position takes to who trades with whom.
fn share(story: &mut Story<'_>, price: i64, key: impl FnOnce(&Story<'_>, &Book<'_>, usize) -> Key) -> Outcome {
    PriceLimits::of(story.round)?;
    let mut book = Book::new(story.round);
    let first = turn(story.round);
    let Key { why, by, allowed, takes, reason, is_offered_again } = key(story, &book, first);
    if tell_if_one_sided(story, &book.sellers(), &book.buyers()) {
        book.hand_out(first, takes, price);
        return Ok(book.rest());
    }
    let texts = story.voice.texts;
    story.tell(texts.the_split, why);
    let rows = story.rows(story.with_any(&[book.deficits(), &allowed]), |member, position| {
        let of = |list: &[u64]| Cell::from(list.get(member as usize).copied().unwrap_or(0));
        let weight = by.iter().map(|(_, _, weights)| of(weights));
        weight.chain([of(&allowed), position.deficit.into(), of(&takes)]).collect()
    });
    let energy = |name| (name, Unit::Energy);
    let by = by.iter().map(|(name, unit, _)| (*name, *unit));
    let columns = [(texts.member, Unit::Text)].into_iter().chain(by);
    let columns: Vec<_> = columns.chain([energy(texts.may_take), energy(texts.deficit), energy(texts.takes)]).collect();
    story.show(&columns, rows);
    tell_turn(story, first);
    story.marks.sellers(&book.sellers(), |_, _| Reason::Split);
    story.marks.buyers(&book.buyers(), |_, buyer| reason(book.position(buyer)));
    story.marks.offers(allowed.iter().map(|&allowed| (!is_offered_again).then_some(allowed.into())));
    let taken: u128 = takes.iter().map(|&take| u128::from(take)).sum();
    book.hand_out(first, takes.clone(), price);
    let how = story.with_energy(texts.take_in_proportion, taken);
    tell_pairs(story, &book, &takes, how);
    Ok(book.rest())
}

/// Who begins where single watt-hours are left over.
fn tell_turn(story: &mut Story<'_>, first: usize) {
    let (name, texts) = (u32::try_from(first).map(|first| story.name(first)).unwrap_or_default(), story.voice.texts);
    story.tell(texts.left_over, [fill(texts.turn, &[("member", &name)])]);
}

/// Tells what each position sold and bought inside, from a book in which everything is paired.
pub(super) fn tell_pairs(story: &mut Story<'_>, book: &Book<'_>, takes: &[u64], how: String) {
    let (voice, texts) = (story.voice, story.voice.texts);
    let sold = |member: u32| book.position(member).surplus.saturating_sub(book.surplus(member));
    let bought = |member: u32| book.position(member).deficit.saturating_sub(book.deficit(member));
    let mut told = vec![how];
    let members = story.with_any(&[book.surpluses(), takes]);
    let sellers = story.round.positions.iter().map(|position| u64::from(position.surplus > 0)).collect::<Vec<_>>();
    for &member in &members {
        let take = takes.get(member as usize).copied().unwrap_or(0);
        let kept = take.saturating_sub(bought(member));
        if kept > 0 {
            let name = story.name(member);
            told.push(fill(texts.with_itself, &[("member", &name), ("energy", &voice.wh(kept))]));
            story.marks.sellers(&[member], |_, _| Reason::Itself);
            story.marks.buyers(&[member], |_, _| Reason::Itself);
        }
    }
    told.push(texts.not_itself.to_owned());
    story.tell(texts.who_parts, told);
    let rows = story.rows(story.with_any(&[&sellers]), |member, position| {
        let sold = sold(member);
        vec![position.surplus.into(), sold.into(), position.surplus.saturating_sub(sold).into()]
    });
    let energy = |name| (name, Unit::Energy);
    let columns = [energy(texts.surplus), energy(texts.to_members), energy(texts.to_grid)];
    story.show(&[&[(texts.member, Unit::Text)], columns.as_slice()].concat(), rows);
}

fn at_most(parts: &[u64], caps: &[u64]) -> Vec<u64> {
    parts.iter().zip(caps).map(|(&part, &cap)| part.min(cap)).collect()
}
