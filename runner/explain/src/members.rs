//! What the trades show: the prices between members, and what each member has traded and saved.

use std::fmt::Display;

use domain::{Amount, Energy, Party, Price, Round, Trade};

use words::fill;

use super::story::table;
use super::voice::Voice;
use super::{Cell, Step, Unit};

/// A trade in a sentence.
pub(super) fn trade_in_words(round: &Round, trade: &Trade, voice: Voice) -> String {
    let (seller, buyer) = (voice.party(round, trade.seller), voice.party(round, trade.buyer));
    let (energy, price) = (voice.wh(trade.energy.wh()), voice.price(trade.price.micro_eur()));
    fill(voice.texts.trade, &[("seller", &seller), ("buyer", &buyer), ("energy", &energy), ("price", &price)])
}

/// Tells the result: all trades, and what they mean for each member.
pub(super) fn tell_trades(round: &Round, trades: &[Trade], voice: Voice, steps: &mut Vec<Step>) {
    let texts = voice.texts;
    let rows = trades.iter().map(|trade| {
        vec![
            Cell::Text(voice.party(round, trade.seller)),
            Cell::Text(voice.party(round, trade.buyer)),
            trade.energy.wh().into(),
            trade.price.micro_eur().into(),
            Cell::Whole(trade.amount().nano_eur()),
        ]
    });
    let columns = [
        (texts.seller, Unit::Text),
        (texts.buyer, Unit::Text),
        (texts.energy, Unit::Energy),
        (texts.price, Unit::Price),
        (texts.amount, Unit::Money),
    ];
    let told = vec![prices(trades, voice)];
    steps.push(Step { title: texts.the_trades, sentences: told, table: Some(table(&columns, rows.collect())) });
    steps.push(members(round, trades, voice));
}

fn is_inside(trade: &Trade) -> bool {
    trade.seller != Party::Grid && trade.buyer != Party::Grid
}

fn prices(trades: &[Trade], voice: Voice) -> String {
    let texts = voice.texts;
    let inside = trades.iter().filter(|trade| is_inside(trade));
    let prices = || inside.clone().map(|trade| trade.price.micro_eur());
    let (Some(lowest), Some(highest)) = (prices().min(), prices().max()) else {
        return texts.nothing_inside.to_owned();
    };
    // What passes through the community's account has left one member and reached another.
    let energy =
        inside.clone().filter(|trade| trade.buyer != Party::Operator).map(|trade| u128::from(trade.energy.wh()));
    let energy = voice.wh(energy.sum::<u128>());
    let count = voice.count(inside.clone().count(), texts.trades, &[]);
    let (lowest_told, highest_told) = (voice.price(lowest), voice.price(highest));
    if lowest == highest {
        fill(texts.inside_one_price, &[("trades", &count), ("energy", &energy), ("price", &lowest_told)])
    } else {
        let prices = [("lowest", &lowest_told as &dyn Display), ("highest", &highest_told)];
        fill(texts.inside_prices, &[&[("trades", &count as &dyn Display), ("energy", &energy)], &prices[..]].concat())
    }
}

/// One member's sums.
#[derive(Clone, Default)]
struct Sums {
    sold_inside: u128,
    bought_inside: u128,
    to_grid: u128,
    from_grid: u128,
    /// What it paid less what it got; `None` if that does not fit 128 bits.
    paid: Option<Amount>,
}

fn members(round: &Round, trades: &[Trade], voice: Voice) -> Step {
    let none = Sums { paid: Some(Amount::ZERO), ..Sums::default() };
    let mut sums = vec![none; round.positions().len()];
    for trade in trades {
        let (wh, amount) = (u128::from(trade.energy.wh()), trade.amount());
        if let Some(sums) = of(trade.seller, &mut sums) {
            *(if trade.buyer == Party::Grid { &mut sums.to_grid } else { &mut sums.sold_inside }) += wh;
            sums.paid = sums.paid.and_then(|paid| paid.checked_sub(amount));
        }
        if let Some(sums) = of(trade.buyer, &mut sums) {
            *(if trade.seller == Party::Grid { &mut sums.from_grid } else { &mut sums.bought_inside }) += wh;
            sums.paid = sums.paid.and_then(|paid| paid.checked_add(amount));
        }
    }
    let money = |amount: Option<Amount>| amount.map_or(Cell::Nothing, |amount| Cell::Whole(amount.nano_eur()));
    let (mut rows, mut saved_together) = (Vec::new(), Some(Amount::ZERO));
    for (position, sums) in round.positions().iter().zip(&sums) {
        let grid_alone =
            grid_alone(position.surplus, position.tariff.feed_in, position.deficit, position.tariff.retail);
        let saved = grid_alone.zip(sums.paid).and_then(|(alone, paid)| alone.checked_sub(paid));
        saved_together = saved_together.zip(saved).and_then(|(together, saved)| together.checked_add(saved));
        rows.push(vec![
            Cell::from(position.member.as_str()),
            sums.sold_inside.into(),
            sums.to_grid.into(),
            sums.bought_inside.into(),
            sums.from_grid.into(),
            money(sums.paid),
            money(grid_alone),
            money(saved),
        ]);
    }
    let energy = |name| (name, Unit::Energy);
    let amount = |name| (name, Unit::Money);
    let texts = voice.texts;
    let columns = [
        (texts.member, Unit::Text),
        energy(texts.sold_inside),
        energy(texts.to_grid),
        energy(texts.bought_inside),
        energy(texts.from_grid),
        amount(texts.paid),
        amount(texts.grid_alone),
        amount(texts.saved),
    ];
    let saved = saved_together.map_or(texts.more_than_fits.to_owned(), |saved| voice.eur(saved.nano_eur()));
    let sentence = fill(texts.saved_together, &[("saved", &saved)]);
    Step { title: texts.for_each_member, sentences: vec![sentence], table: Some(table(&columns, rows)) }
}

fn of(party: Party, sums: &mut [Sums]) -> Option<&mut Sums> {
    match party {
        Party::Member(member) => sums.get_mut(member as usize),
        Party::Grid | Party::Operator => None,
    }
}

/// What a member would pay for all its energy with the grid alone.
fn grid_alone(surplus: Energy, feed_in: Price, deficit: Energy, retail: Price) -> Option<Amount> {
    Amount::of(deficit, retail).checked_sub(Amount::of(surplus, feed_in))
}
