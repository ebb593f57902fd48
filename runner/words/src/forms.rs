//! How a language writes numbers, money and dates: what the Unicode CLDR says of it (version 47, of the language in Europe).

/// The forms of a language. In patterns, `{}` is a number and `{day}` and the like are parts of a date.
#[derive(Debug)]
pub(crate) struct Forms {
    /// Between whole and decimals.
    pub(crate) decimal: char,
    /// Between thousands.
    pub(crate) group: char,
    /// From how many digits of the whole on thousands are apart.
    pub(crate) grouped_from: usize,
    /// An amount of money. The sign of what is less than nothing is `{sign}`.
    pub(crate) euro: &'static str,
    /// A percentage.
    pub(crate) percent: &'static str,
    /// A date in a table. Numbers of day and month have two digits: `{dd}`, `{mm}`; `{mon}` is the short name of the month.
    pub(crate) date: &'static str,
    /// A date without its year, below a plot.
    pub(crate) day: &'static str,
    /// A date in a heading.
    pub(crate) long_date: &'static str,
    /// The first day of a month in such a date, if it is said otherwise.
    pub(crate) first: &'static str,
    /// A month with its year.
    pub(crate) month: &'static str,
    /// A week (ISO 8601) with its year.
    pub(crate) week: &'static str,
    /// The names of months within a date.
    pub(crate) months: [&'static str; 12],
    /// Their short names.
    pub(crate) short_months: [&'static str; 12],
    /// Short names of days, from Monday on.
    pub(crate) weekdays: [&'static str; 7],
}
