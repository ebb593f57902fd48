//! The rules with a price that is set or comes from the tariffs, and energy by name or in proportion.

use market_kit::{Book, Outcome, Setting, mid};

use super::story::Story;
use super::words::{price, wh};
use super::{Cell, Unit};

pub(super) fn public_grid(story: &mut Story<'_>) -> Outcome {
    story.tell(
        "the rule",
        ["Nobody trades inside the community: each member trades with the grid, at its own tariff.".into()],
    );
    Ok(Book::new(story.round).rest())
}

pub(super) fn static_price(story: &mut Story<'_>) -> Outcome {
    const PRICE: Setting = Setting { key: "price", summary: "", default: "120000" };
    let set = PRICE.read(story.round)?;
    let price = tell_price(story, set, format!("The setting price gives {}.", price(set)))?;
    let mut book = Book::new(story.round);
    let (sellers, buyers) = (book.sellers(), book.buyers());
    if !tell_if_one_sided(story, &sellers, &buyers) {
        tell_greedy(story, "in order of name", "in order of name");
    }
    book.greedy(&sellers, &buyers, price);
    Ok(book.rest())
}

pub(super) fn mid_market_rate(story: &mut Story<'_>) -> Outcome {
    let half_way = mid(story.round.retail, story.round.feed_in);
    let why = format!("The price is half-way between the community's two tariffs: {}.", price(half_way));
    let price = tell_price(story, half_way, why)?;
    pro_rata(story, price)
}

pub(super) fn bill_sharing(story: &mut Story<'_>) -> Outcome {
    let why = "Energy is free inside the community; the bill is shared outside the market.".to_owned();
    let price = tell_price(story, 0, why)?;
    pro_rata(story, price)
}

/// Tells why the price is what it is, and returns it within the community's limits.
pub(super) fn tell_price(story: &mut Story<'_>, unlimited: i64, why: String) -> Result<i64, String> {
    let (price, limited) = story.limited(unlimited)?;
    story.tell("the price", [why].into_iter().chain(limited));
    Ok(price)
}

/// Tells that nobody can trade inside the community, if one side is empty.
pub(super) fn tell_if_one_sided(story: &mut Story<'_>, sellers: &[u32], buyers: &[u32]) -> bool {
    let reason = match (sellers, buyers) {
        ([], []) => "Nobody has energy to trade.",
        ([], _) => "Nobody has a surplus, so the grid delivers everything.",
        (_, []) => "Nobody has a deficit, so the grid takes everything.",
        _ => return false,
    };
    story.tell("who trades with whom", [reason.to_owned()]);
    true
}

/// Tells how sellers and buyers meet, who come in these orders.
pub(super) fn tell_greedy(story: &mut Story<'_>, sellers: &str, buyers: &str) {
    story.tell(
        "who trades with whom",
        [
            format!(
                "The buyers are served {buyers}; each takes from the sellers, {sellers}, until its deficit is covered."
            ),
            "Nobody buys from itself. All other energy is traded with the grid, at each member's own tariff."
                .to_owned(),
        ],
    );
}

/// The longer side is rationed in proportion, then all that is left is traded inside.
fn pro_rata(story: &mut Story<'_>, price: i64) -> Outcome {
    let mut book = Book::new(story.round);
    let (sellers, buyers) = (book.sellers(), book.buyers());
    if tell_if_one_sided(story, &sellers, &buyers) {
        return Ok(book.rest());
    }
    let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
    book.pro_rata(&sellers, &buyers);
    match supply.cmp(&demand) {
        std::cmp::Ordering::Equal => {
            story.tell(
                "the split",
                ["Surplus and deficit are equal: everything is traded inside the community.".into()],
            );
        }
        std::cmp::Ordering::Less => {
            story.tell("the split", [format!(
                "The deficits are larger, so the surplus of {} is split among the buyers in proportion to their deficits; \
                 the single watt-hours that are left over go to the largest remainders.",
                wh(supply)
            )]);
            tell_parts(story, &buyers, "deficit", "from members", "from the grid", |member| {
                (book.position(member).deficit, book.deficit(member))
            });
        }
        std::cmp::Ordering::Greater => {
            story.tell("the split", [format!(
                "The surplus is larger, so the demand of {} is split among the sellers in proportion to their surplus; the \
                 single watt-hours that are left over go to the largest remainders.",
                wh(demand)
            )]);
            tell_parts(story, &sellers, "surplus", "to members", "to the grid", |member| {
                (book.position(member).surplus, book.surplus(member))
            });
        }
    }
    tell_greedy(story, "in order of name", "in order of name");
    book.greedy(&sellers, &buyers, price);
    Ok(book.rest())
}

/// Shows what each member has, and which part of it is traded inside.
pub(super) fn tell_parts(
    story: &mut Story<'_>,
    members: &[u32],
    has: &'static str,
    inside: &'static str,
    with_grid: &'static str,
    parts: impl Fn(u32) -> (u64, u64),
) {
    let rows = story.rows(members.iter().copied(), |member, _| {
        let (all, part) = parts(member);
        vec![Cell::from(all), Cell::from(part), Cell::from(all.saturating_sub(part))]
    });
    let energy = |name| (name, Unit::Energy);
    story.show(&[("member", Unit::Text), energy(has), energy(inside), energy(with_grid)], rows);
}
