//! The steps of an explanation as they are told, and what every rule begins with.

use market_kit::{Book, Position, Round};

use words::fill;

use super::market::Marks;
use super::voice::Voice;
use super::{Cell, Column, Step, Table, Unit};

/// An explanation that is being told.
pub(super) struct Story<'r> {
    pub(super) round: &'r Round,
    pub(super) voice: Voice,
    /// What the rule says of each member.
    pub(super) marks: Marks,
    steps: Vec<Step>,
}

impl<'r> Story<'r> {
    pub(super) fn new(round: &'r Round, voice: Voice) -> Story<'r> {
        Story { round, voice, marks: Marks::new(round.positions.len()), steps: Vec::new() }
    }

    pub(super) fn into_parts(self) -> (Vec<Step>, Marks) {
        (self.steps, self.marks)
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
        let (round, voice, texts) = (self.round, self.voice, self.voice.texts);
        let book = Book::new(round);
        let side =
            |members: usize, energy: u128, told: &str| voice.count(members, told, &[("energy", &voice.wh(energy))]);
        let surplus = side(book.sellers().len(), book.total_surplus(), texts.have_surplus);
        let deficit = side(book.buyers().len(), book.total_deficit(), texts.have_deficit);
        let (retail, feed_in) = (voice.price(round.retail), voice.price(round.feed_in));
        let mut sentences =
            vec![format!("{surplus}; {deficit}."), fill(texts.tariffs, &[("retail", &retail), ("feed_in", &feed_in)])];
        let [floor, ceiling] = [round.price_floor, round.price_ceiling].map(|limit| limit.map(|it| voice.price(it)));
        sentences.extend(match (floor, ceiling) {
            (None, None) => None,
            (Some(floor), None) => Some(fill(texts.floor, &[("floor", &floor)])),
            (None, Some(ceiling)) => Some(fill(texts.ceiling, &[("ceiling", &ceiling)])),
            (Some(floor), Some(ceiling)) => {
                Some(fill(texts.floor_and_ceiling, &[("floor", &floor), ("ceiling", &ceiling)]))
            }
        });
        for (key, value) in &round.settings {
            sentences.push(fill(texts.setting, &[("key", key), ("value", value)]));
        }
        self.tell(texts.round, sentences);
    }

    /// A price within the community's limits, and a sentence if they changed it.
    ///
    /// # Errors
    /// If the floor is above the ceiling.
    pub(super) fn limited(&self, unlimited: i64) -> Result<(i64, Option<String>), String> {
        let limited = market_kit::PriceLimits::of(self.round)?.clamp(unlimited);
        let told = match limited {
            _ if limited == unlimited => None,
            _ if limited > unlimited => Some(self.with_price(self.voice.texts.raised, limited)),
            _ => Some(self.with_price(self.voice.texts.lowered, limited)),
        };
        Ok((limited, told))
    }

    /// A text with a place for a price.
    pub(super) fn with_price(&self, text: &str, price: i64) -> String {
        fill(text, &[("price", &self.voice.price(price))])
    }

    /// A text with a place for an energy.
    pub(super) fn with_energy(&self, text: &str, energy: u128) -> String {
        fill(text, &[("energy", &self.voice.wh(energy))])
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

macro_rules! whole_cells {
    ($($number:ty)*) => { $(impl From<$number> for Cell {
        fn from(number: $number) -> Cell {
            i128::try_from(number).map_or(Cell::Nothing, Cell::Whole)
        }
    })* };
}
whole_cells!(u32 u64 i64 u128 usize);
