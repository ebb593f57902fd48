//! Figures in sentences of a language.

use std::fmt::Display;

use domain::{Party, Round};
use words::texts::Explain;
use words::{Language, fill};

/// Who tells an explanation: a language and its texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    language: Language,
    pub(super) texts: &'static Explain,
}

impl Voice {
    pub(super) fn of(language: Language) -> Voice {
        Voice { language, texts: &language.texts().explain }
    }

    /// A price in EUR/kWh, exact, without the zeros at its end: `0.0962 EUR/kWh`.
    pub(super) fn price(self, micro_eur: i64) -> String {
        self.language.exact_price(micro_eur)
    }

    /// Energy in Wh.
    pub(super) fn wh(self, energy: impl Into<u128>) -> String {
        format!("{} Wh", energy.into())
    }

    /// Money in EUR, exact.
    pub(super) fn eur(self, nano_eur: i128) -> String {
        format!("{} EUR", self.language.exact(nano_eur, 9))
    }

    /// `1 seller`, `2 sellers`: a text with a form for one and one for others, with places for the number and more.
    pub(super) fn count(self, number: usize, text: &str, more: &[(&str, &dyn Display)]) -> String {
        let text = self.language.counted(text, number as u64);
        fill(text, &[&[("count", &number as &dyn Display)], more].concat())
    }

    pub(super) fn sellers(self, number: usize) -> String {
        self.count(number, self.texts.sellers, &[])
    }

    pub(super) fn buyers(self, number: usize) -> String {
        self.count(number, self.texts.buyers, &[])
    }

    /// The name of a party.
    pub(super) fn party(self, round: &Round, party: Party) -> String {
        match party {
            Party::Grid => self.texts.grid.to_owned(),
            Party::Operator => self.texts.operator.to_owned(),
            Party::Member(_) => round.party_name(party),
        }
    }
}
