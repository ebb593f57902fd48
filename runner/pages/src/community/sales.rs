//! Who sold to whom: as ribbons between few, as a matrix between more, and between many those that traded most.

use domain::NamedParty;
use domain::text::printable;
use figures::community::{Sale, Sales};
use figures::sums::TooLarge;
use maud::{Markup, html};
use words::fill;

use super::Said;
use crate::chart::{self, Numbers};
use crate::svg::{About, Ribbon, ribbons};

/// Up to how many parties there are ribbons.
const RIBBONS_MAX: usize = 12;
/// How many parties a matrix names at most.
const NAMED_MAX: usize = 40;

/// The sales that are shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The parties by name.
    pub named: Vec<NamedParty>,
    /// How many there are besides, who are put together.
    pub others: usize,
    /// The sales between them.
    pub sales: Vec<Sale>,
}

/// Chooses the sales that are shown.
///
/// # Errors
/// If a sum of money does not fit.
pub fn shown(sales: &Sales) -> Result<Shown, TooLarge> {
    let named = sales.named(NAMED_MAX);
    let others = sales.parties() - named.len();
    Ok(Shown { sales: sales.among(&named)?, named, others })
}

pub(super) fn section(said: Said<'_>) -> Markup {
    let c = &said.texts.community;
    let shown = said.model.overview.sales.as_ref().and_then(|sales| shown(sales).ok());
    html! {
        section {
            h2 { (c.sales) }
            @match &shown {
                None => p class="note" { (c.sales_unknown) },
                Some(shown) if shown.sales.is_empty() => p class="note" { (c.no_trades) },
                Some(shown) if shown.named.len() <= RIBBONS_MAX => (flows(said, shown)),
                Some(shown) => (matrix(said, shown)),
            }
        }
    }
}

impl Shown {
    fn place(&self, party: Option<&NamedParty>) -> usize {
        let known = party.and_then(|party| self.named.iter().position(|named| named == party));
        known.unwrap_or(self.named.len())
    }
}

impl Said<'_> {
    fn party(&self, party: Option<&NamedParty>, others: usize) -> String {
        let c = &self.texts.community;
        match party {
            Some(NamedParty::Operator) => c.operator_party.to_owned(),
            Some(party) => printable(party.as_str()).into_owned(),
            None => fill(c.others, &[("count", &others)]),
        }
    }
}

fn flows(said: Said<'_>, shown: &Shown) -> Markup {
    let c = &said.texts.community;
    let names: Vec<String> = shown.named.iter().map(|party| said.party(Some(party), 0)).collect();
    let ribbon = |sale: &Sale| Ribbon {
        from: shown.place(sale.seller.as_ref()),
        to: shown.place(sale.buyer.as_ref()),
        wide: sale.flow.wh,
    };
    let all: Vec<Ribbon> = shown.sales.iter().map(ribbon).collect();
    let name = |party: &Option<NamedParty>| said.party(party.as_ref(), shown.others);
    let most = shown.sales.iter().max_by_key(|sale| sale.flow.wh);
    let description = most.map(|sale| {
        fill(
            c.sales_most,
            &[("seller", &name(&sale.seller)), ("buyer", &name(&sale.buyer)), ("kwh", &said.kwh(sale.flow.wh))],
        )
    });
    let mut numbers = Numbers::new([c.seller, c.buyer, "kWh", "€", "ct/kWh"]);
    numbers.rows = shown
        .sales
        .iter()
        .map(|sale| {
            let price = figures::community::price_of(sale.flow);
            vec![
                name(&sale.seller),
                name(&sale.buyer),
                said.kwh(sale.flow.wh),
                said.language.eur(sale.flow.amount),
                said.language.cents_per_kwh(price),
            ]
        })
        .collect();
    let about = About { title: c.sales_title, description: description.as_deref().unwrap_or_default() };
    let plot = ribbons(about, [c.seller, c.buyer], &names, &all);
    chart::figure_in(said.language, c.sales_title, &plot, &numbers)
}

fn matrix(said: Said<'_>, shown: &Shown) -> Markup {
    let c = &said.texts.community;
    let count = shown.named.len() + usize::from(shown.others > 0);
    let mut cells = vec![vec![0_u128; count]; count];
    for sale in &shown.sales {
        let (row, column) = (shown.place(sale.seller.as_ref()), shown.place(sale.buyer.as_ref()));
        cells[row][column] = sale.flow.wh;
    }
    let sum = |row: usize| cells[row].iter().sum::<u128>();
    let bought = |column: usize| cells.iter().map(|row| row[column]).sum::<u128>();
    let sellers: Vec<usize> = (0..count).filter(|row| sum(*row) > 0).collect();
    let buyers: Vec<usize> = (0..count).filter(|column| bought(*column) > 0).collect();
    let most = cells.iter().flatten().copied().max().unwrap_or(0).max(1);
    let name = |place: usize| said.party(shown.named.get(place), shown.others);
    html! {
        p class="note" {
            (c.matrix_note)
            @if shown.others > 0 { " " (fill(c.matrix_others, &[("named", &shown.named.len()), ("count", &shown.others)])) }
        }
        div class="wide" tabindex="0" role="region" aria-label=(c.sales_title) {
            table class="heat matrix" {
                caption { (c.sales_title) }
                thead {
                    tr {
                        th scope="col" { (c.seller) " \\ " (c.buyer) }
                        @for column in &buyers { th scope="col" { (name(*column)) } }
                        th scope="col" { (c.all_members) }
                    }
                }
                tbody {
                    @for row in &sellers {
                        tr {
                            th scope="row" { (name(*row)) }
                            @for column in &buyers {
                                @let wh = cells[*row][*column];
                                @if wh == 0 { td {} } @else { td class=(level(wh, most)) { (said.kwh(wh)) } }
                            }
                            td { (said.kwh(sum(*row))) }
                        }
                    }
                }
                tfoot {
                    tr {
                        th scope="row" { (c.all_members) }
                        @for column in &buyers { td { (said.kwh(bought(*column))) } }
                        td { (said.kwh(cells.iter().flatten().sum::<u128>())) }
                    }
                }
            }
        }
    }
}

fn level(wh: u128, most: u128) -> &'static str {
    match wh.saturating_mul(5).div_ceil(most) {
        0 | 1 => "l1",
        2 => "l2",
        3 => "l3",
        4 => "l4",
        _ => "l5",
    }
}
