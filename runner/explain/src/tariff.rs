//! The rules with a price that is set or comes from the tariffs, and energy by name or in proportion.

use market_kit::{Book, Outcome, Setting, mid};
use words::fill;

use super::market::PriceOf;
use super::side::Reason;
use super::story::Story;
use super::{Cell, Unit};

pub(super) fn public_grid(story: &mut Story<'_>) -> Outcome {
    let texts = story.voice.texts;
    story.tell(texts.the_rule, [texts.grid_only.to_owned()]);
    story.marks.all(Reason::GridOnly);
    Ok(Book::new(story.round).rest())
}

pub(super) fn static_price(story: &mut Story<'_>) -> Outcome {
    const PRICE: Setting = Setting { key: "price", summary: "", default: "120000" };
    let set = PRICE.read(story.round)?;
    let why = story.with_price(story.voice.texts.set_price, set);
    let price = tell_price(story, set, why)?;
    let mut book = Book::new(story.round);
    let (sellers, buyers) = (book.sellers(), book.buyers());
    if !tell_if_one_sided(story, &sellers, &buyers) {
        tell_greedy(story, [story.voice.texts.by_name; 2]);
        mark_order(story, &sellers, &buyers);
    }
    book.greedy(&sellers, &buyers, price);
    Ok(book.rest())
}

pub(super) fn mid_market_rate(story: &mut Story<'_>) -> Outcome {
    let half_way = mid(story.round.retail, story.round.feed_in);
    let why = story.with_price(story.voice.texts.half_way_tariffs, half_way);
    let price = tell_price(story, half_way, why)?;
    pro_rata(story, price)
}

pub(super) fn bill_sharing(story: &mut Story<'_>) -> Outcome {
    let why = story.voice.texts.free.to_owned();
    let price = tell_price(story, 0, why)?;
    pro_rata(story, price)
}

/// Tells why the price is what it is, and returns it within the community's limits.
pub(super) fn tell_price(story: &mut Story<'_>, unlimited: i64, why: String) -> Result<i64, String> {
    let (price, limited) = story.limited(unlimited)?;
    story.tell(story.voice.texts.the_price, [why].into_iter().chain(limited));
    story.marks.price(PriceOf::All, price);
    Ok(price)
}

/// Tells that nobody can trade inside the community, if one side is empty.
pub(super) fn tell_if_one_sided(story: &mut Story<'_>, sellers: &[u32], buyers: &[u32]) -> bool {
    let texts = story.voice.texts;
    let reason = match (sellers, buyers) {
        ([], []) => texts.no_energy,
        ([], _) => texts.no_surplus,
        (_, []) => texts.no_deficit,
        _ => return false,
    };
    story.tell(texts.who_with_whom, [reason.to_owned()]);
    story.marks.all(Reason::OtherSideEmpty);
    true
}

/// Tells how sellers and buyers meet, who come in these orders.
pub(super) fn tell_greedy(story: &mut Story<'_>, [sellers, buyers]: [&'static str; 2]) {
    let texts = story.voice.texts;
    let told = [fill(texts.greedy, &[("buyers", &buyers), ("sellers", &sellers)]), texts.not_itself.to_owned()];
    story.tell(texts.who_with_whom, told);
}

/// Notes that sellers and buyers are served in these orders.
pub(super) fn mark_order(story: &mut Story<'_>, sellers: &[u32], buyers: &[u32]) {
    let order = |place: usize, _| Reason::Order { place: place + 1 };
    story.marks.sellers(sellers, order);
    story.marks.buyers(buyers, order);
}

/// The longer side is rationed in proportion, then all that is left is traded inside.
fn pro_rata(story: &mut Story<'_>, price: i64) -> Outcome {
    let texts = story.voice.texts;
    let mut book = Book::new(story.round);
    let (sellers, buyers) = (book.sellers(), book.buyers());
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
    book.pro_rata(&sellers, &buyers);
    // Whoever is not on the longer side trades all that it has, but for what it would have to trade with itself.
    story.marks.all(Reason::Itself);
    match supply.cmp(&demand) {
        std::cmp::Ordering::Equal => story.tell(texts.the_split, [texts.split_equal.to_owned()]),
        std::cmp::Ordering::Less => {
            story.tell(texts.the_split, [story.with_energy(texts.split_deficits_larger, supply)]);
            story.marks.buyers(&buyers, |_, _| Reason::Split);
            tell_parts(story, &buyers, [texts.deficit, texts.from_members, texts.from_grid], |member| {
                (book.position(member).deficit, book.deficit(member))
            });
        }
        std::cmp::Ordering::Greater => {
            story.tell(texts.the_split, [story.with_energy(texts.split_surplus_larger, demand)]);
            story.marks.sellers(&sellers, |_, _| Reason::Split);
            tell_parts(story, &sellers, [texts.surplus, texts.to_members, texts.to_grid], |member| {
                (book.position(member).surplus, book.surplus(member))
            });
        }
    }
    tell_greedy(story, [texts.by_name; 2]);
    book.greedy(&sellers, &buyers, price);
    Ok(book.rest())
}

/// Shows what each member has, and which part of it is traded inside.
pub(super) fn tell_parts(
    story: &mut Story<'_>,
    members: &[u32],
    [has, inside, with_grid]: [&'static str; 3],
    parts: impl Fn(u32) -> (u64, u64),
) {
    let rows = story.rows(members.iter().copied(), |member, _| {
        let (all, part) = parts(member);
        vec![Cell::from(all), Cell::from(part), Cell::from(all.saturating_sub(part))]
    });
    let energy = |name| (name, Unit::Energy);
    story.show(&[(story.voice.texts.member, Unit::Text), energy(has), energy(inside), energy(with_grid)], rows);
}
