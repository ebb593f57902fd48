//! What the trades show: the prices between members, and what each member has traded and saved.

use domain::{Amount, Energy, Party, Price, Round, Trade};

use super::story::table;
use super::words::{count, decimal, price, wh};
use super::{Cell, Step, Unit};

/// A trade in a sentence.
pub(super) fn trade_in_words(round: &Round, trade: &Trade) -> String {
    format!(
        "{} > {} {} at {}",
        round.party_name(trade.seller),
        round.party_name(trade.buyer),
        wh(trade.energy.wh()),
        price(trade.price.micro_eur())
    )
}

/// Tells the result: all trades, and what they mean for each member.
pub(super) fn tell_trades(round: &Round, trades: &[Trade], steps: &mut Vec<Step>) {
    let rows = trades.iter().map(|trade| {
        vec![
            Cell::Text(round.party_name(trade.seller)),
            Cell::Text(round.party_name(trade.buyer)),
            trade.energy.wh().into(),
            trade.price.micro_eur().into(),
            Cell::Whole(trade.amount().nano_eur()),
        ]
    });
    let columns = [
        ("seller", Unit::Text),
        ("buyer", Unit::Text),
        ("energy", Unit::Energy),
        ("price", Unit::Price),
        ("amount", Unit::Money),
    ];
    steps.push(Step { title: "the trades", sentences: prices(trades), table: Some(table(&columns, rows.collect())) });
    steps.push(members(round, trades));
}

fn is_inside(trade: &Trade) -> bool {
    trade.seller != Party::Grid && trade.buyer != Party::Grid
}

fn prices(trades: &[Trade]) -> Vec<String> {
    let inside = trades.iter().filter(|trade| is_inside(trade));
    let prices = || inside.clone().map(|trade| trade.price.micro_eur());
    let (Some(lowest), Some(highest)) = (prices().min(), prices().max()) else {
        return vec!["Nothing is traded inside the community.".to_owned()];
    };
    // What passes through the community's account has left one member and reached another.
    let energy =
        inside.clone().filter(|trade| trade.buyer != Party::Operator).map(|trade| u128::from(trade.energy.wh()));
    let at = if lowest == highest {
        format!("all at {}", price(lowest))
    } else {
        format!("at {} to {}", price(lowest), price(highest))
    };
    vec![format!(
        "{} inside the community, {}, {at}.",
        count(inside.clone().count(), "trade"),
        wh(energy.sum::<u128>())
    )]
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

fn members(round: &Round, trades: &[Trade]) -> Step {
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
    let columns = [
        ("member", Unit::Text),
        energy("sold inside"),
        energy("to the grid"),
        energy("bought inside"),
        energy("from the grid"),
        amount("paid"),
        amount("with the grid alone"),
        amount("saved"),
    ];
    let saved =
        saved_together.map_or("more than fits".to_owned(), |saved| format!("{} EUR", decimal(saved.nano_eur(), 9)));
    let sentence = format!(
        "The members save {saved} together against the grid alone. Paid is what a member pays less what it gets."
    );
    Step { title: "what it means for each member", sentences: vec![sentence], table: Some(table(&columns, rows)) }
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
