//! The keys of Fluvius: each injector's surplus is shared by itself.

use market_kit::{Book, Injection, Offer, Outcome, shares, split_from, total_share, turn};
use words::fill;

use super::shares::{sharing_price, tell_pairs};
use super::side::Reason;
use super::story::Story;
use super::tariff::tell_if_one_sided;
use super::{Cell, Unit};

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Fixed,
    Relative,
    Optimal,
}

pub(super) fn fluvius(story: &mut Story<'_>, key: Key) -> Outcome {
    let price = sharing_price(story)?;
    let total = total_share(story.round)?;
    let mut book = Book::new(story.round);
    if tell_if_one_sided(story, &book.sellers(), &book.buyers()) {
        return Ok(book.rest());
    }
    let (first, weights, texts) = (turn(story.round), shares(story.round), story.voice.texts);
    let of = |offer| Injection::of(first, book.surpluses(), book.deficits(), &weights, offer);
    let (injection, why) = match key {
        Key::Fixed => (of(Offer::Fixed(total)), fill(texts.fluvius_fixed, &[("total", &total)])),
        Key::Relative => (of(Offer::Relative), texts.fluvius_relative.to_owned()),
        Key::Optimal => {
            let (injection, passes) = Injection::repeated(first, book.surpluses(), book.deficits(), &weights);
            let passes = story.voice.count(passes, texts.passes, &[]);
            let again = fill(texts.fluvius_again, &[("passes", &passes)]);
            (injection, format!("{} {again}", texts.fluvius_relative))
        }
    };
    story.tell(texts.the_split, [why, texts.fluvius_back.to_owned()]);
    let Injection { gives, takes } = injection;
    let rows = story.rows(story.with_any(&[&weights, &gives, &takes]), |member, position| {
        let of = |list: &[u64]| Cell::from(list.get(member as usize).copied().unwrap_or(0));
        vec![position.share.into(), position.surplus.into(), of(&gives), position.deficit.into(), of(&takes)]
    });
    let energy = |name| (name, Unit::Energy);
    let columns = [
        (texts.member, Unit::Text),
        (texts.share, Unit::Share),
        energy(texts.surplus),
        energy(texts.parts_with),
        energy(texts.deficit),
        energy(texts.takes),
    ];
    story.show(&columns, rows);
    story.marks.sellers(&book.sellers(), |_, _| Reason::Returned);
    story.marks.buyers(&book.buyers(), |_, buyer| {
        let share = book.position(buyer).share;
        if key == Key::Optimal { Reason::SharedAgain { share } } else { Reason::Share { share } }
    });
    if let Some(offered) = offered(key, total, first, book.surpluses(), &weights) {
        story.marks.offers(offered.into_iter().map(Some));
    }
    let taken: u128 = takes.iter().map(|&take| u128::from(take)).sum();
    book.pair(gives, takes.clone(), price);
    let how = story.with_energy(texts.take, taken);
    tell_pairs(story, &book, &takes, how);
    Ok(book.rest())
}

/// For so many pairs of an injector and a member it is worked out what was offered.
const PAIRS_MAX: usize = 1 << 20;

/// What each position was offered by all injectors together; `None` where it is offered again and again, or they are too many.
fn offered(key: Key, total: u64, first: usize, surpluses: &[u64], weights: &[u64]) -> Option<Vec<u128>> {
    let injectors = surpluses.iter().filter(|&&surplus| surplus > 0).count();
    if key == Key::Optimal || injectors.saturating_mul(weights.len()) > PAIRS_MAX {
        return None;
    }
    let mut offered = vec![0_u128; weights.len()];
    for (injector, &surplus) in surpluses.iter().enumerate().filter(|&(_, &surplus)| surplus > 0) {
        let mut others = weights.to_vec();
        let mut part = u128::from(surplus);
        match key {
            Key::Fixed => part = part * u128::from(total) / 1_000_000,
            Key::Relative | Key::Optimal => others.iter_mut().skip(injector).take(1).for_each(|own| *own = 0),
        }
        let parts = split_from(first, part, &others);
        for (member, (sum, part)) in offered.iter_mut().zip(parts).enumerate() {
            *sum += if member == injector { 0 } else { u128::from(part) };
        }
    }
    Some(offered)
}
