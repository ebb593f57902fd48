//! The keys of Fluvius: each injector's surplus is shared by itself.

use market_kit::{Book, Injection, Offer, Outcome, shares, total_share, turn};

use super::shares::{sharing_price, tell_pairs};
use super::story::Story;
use super::tariff::tell_if_one_sided;
use super::words::{count, wh};
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
    let (first, weights) = (turn(story.round), shares(story.round));
    let of = |offer| Injection::of(first, book.surpluses(), book.deficits(), &weights, offer);
    let (injection, why) = match key {
        Key::Fixed => (
            of(Offer::Fixed(total)),
            format!(
                "All shares together are {total} parts per million. Each injector offers that part of its surplus to the \
                 members by their shares; its own part stays with it."
            ),
        ),
        Key::Relative => (of(Offer::Relative), RELATIVE.to_owned()),
        Key::Optimal => {
            let (injection, passes) = Injection::repeated(first, book.surpluses(), book.deficits(), &weights);
            let passes = count(passes, "pass").replace("passs", "passes");
            let again = "That is done again on what is left, without those whose deficit is covered, until a pass brings nothing";
            (injection, format!("{RELATIVE} {again}: {passes}."))
        }
    };
    let back = "Each member takes at most its deficit of all that it is offered. What nobody could take goes back to the \
                injectors in proportion to their surplus, to none more than it offered.";
    story.tell("the split", [why, back.to_owned()]);
    let Injection { gives, takes } = injection;
    let rows = story.rows(story.with_any(&[&weights, &gives, &takes]), |member, position| {
        let of = |list: &[u64]| Cell::from(list.get(member as usize).copied().unwrap_or(0));
        vec![position.share.into(), position.surplus.into(), of(&gives), position.deficit.into(), of(&takes)]
    });
    let energy = |name| (name, Unit::Energy);
    let columns = [("share", Unit::Share), energy("surplus"), energy("parts with"), energy("deficit"), energy("takes")];
    story.show(&[&[("member", Unit::Text)], columns.as_slice()].concat(), rows);
    let taken: u128 = takes.iter().map(|&take| u128::from(take)).sum();
    book.pair(gives, takes.clone(), price);
    tell_pairs(story, &book, &takes, format!("Together they take {}.", wh(taken)));
    Ok(book.rest())
}

const RELATIVE: &str = "Each injector offers all of its surplus to the other members by their shares.";
