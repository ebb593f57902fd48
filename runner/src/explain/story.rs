//! The steps of an explanation as they are told, and what every rule begins with.

use market_kit::{Book, Position, Round};

use super::words::{count, price, wh};
use super::{Cell, Column, Step, Table, Unit};

/// An explanation that is being told.
pub(super) struct Story<'r> {
    pub(super) round: &'r Round,
    steps: Vec<Step>,
}

impl<'r> Story<'r> {
    pub(super) fn new(round: &'r Round) -> Story<'r> {
        Story { round, steps: Vec::new() }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Tells a step.
    pub(super) fn tell(&mut self, title: &'static str, sentences: impl IntoIterator<Item = String>) {
        self.steps.push(Step { title, sentences: sentences.into_iter().collect(), table: None });
    }

    /// Adds a table to the step that was told last.
    pub(super) fn show(&mut self, columns: &[(&'static str, Unit)], rows: Vec<Vec<Cell>>) {
        if let Some(step) = self.steps.last_mut() {
            step.table = Some(table(columns, rows));
        }
    }

    /// The name of a member.
    pub(super) fn name(&self, member: u32) -> &'r str {
        self.round.positions.get(member as usize).map_or("", |position| &position.member)
    }

    /// What the rule was given.
    pub(super) fn tell_round(&mut self) {
        let round = self.round;
        let book = Book::new(round);
        let (sellers, buyers) = (book.sellers(), book.buyers());
        let mut sentences = vec![
            format!(
                "{} {} a surplus, together {}; {} {} a deficit, together {}.",
                count(sellers.len(), "member"),
                if sellers.len() == 1 { "has" } else { "have" },
                wh(book.total_surplus()),
                count(buyers.len(), "member"),
                if buyers.len() == 1 { "has" } else { "have" },
                wh(book.total_deficit())
            ),
            format!(
                "The community's tariffs are {} from the grid (retail) and {} to the grid (feed-in).",
                price(round.retail),
                price(round.feed_in)
            ),
        ];
        sentences.extend(match (round.price_floor, round.price_ceiling) {
            (None, None) => None,
            (Some(floor), None) => Some(format!("No price between members may be below {}.", price(floor))),
            (None, Some(ceiling)) => Some(format!("No price between members may be above {}.", price(ceiling))),
            (Some(floor), Some(ceiling)) => {
                Some(format!("No price between members may be below {} or above {}.", price(floor), price(ceiling)))
            }
        });
        for (key, value) in &round.settings {
            sentences.push(format!("The setting {key} is {value}."));
        }
        self.tell("the round", sentences);
    }

    /// A price within the community's limits, and a sentence if they changed it.
    ///
    /// # Errors
    /// If the floor is above the ceiling.
    pub(super) fn limited(&self, unlimited: i64) -> Result<(i64, Option<String>), String> {
        let limited = market_kit::PriceLimits::of(self.round)?.clamp(unlimited);
        let told = match limited {
            _ if limited == unlimited => None,
            _ if limited > unlimited => Some(format!("The community's floor raises it to {}.", price(limited))),
            _ => Some(format!("The community's ceiling lowers it to {}.", price(limited))),
        };
        Ok((limited, told))
    }

    /// Rows with a member each.
    pub(super) fn rows(
        &self,
        members: impl IntoIterator<Item = u32>,
        mut cells: impl FnMut(u32, &'r Position) -> Vec<Cell>,
    ) -> Vec<Vec<Cell>> {
        let row = |member: u32| {
            let position = self.round.positions.get(member as usize)?;
            Some([vec![Cell::from(position.member.as_str())], cells(member, position)].concat())
        };
        members.into_iter().filter_map(row).collect()
    }

    /// The members for whom one of these lists has something.
    pub(super) fn with_any(&self, energies: &[&[u64]]) -> Vec<u32> {
        let has = |member: &u32| energies.iter().any(|list| list.get(*member as usize).is_some_and(|&value| value > 0));
        // OK to count in 32 bits because the interface indexes parties with 32 bits.
        (0..).take(self.round.positions.len()).filter(has).collect()
    }
}

pub(super) fn table(columns: &[(&'static str, Unit)], rows: Vec<Vec<Cell>>) -> Table {
    let columns = columns.iter().map(|&(name, unit)| Column { name, unit }).collect();
    Table { columns, rows }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<bool> for Cell {
    fn from(is_so: bool) -> Cell {
        Cell::from(if is_so { "yes" } else { "no" })
    }
}

macro_rules! whole_cells {
    ($($number:ty)*) => { $(impl From<$number> for Cell {
        fn from(number: $number) -> Cell {
            i128::try_from(number).map_or(Cell::Nothing, Cell::Whole)
        }
    })* };
}
whole_cells!(u32 u64 i64 u128 usize);
