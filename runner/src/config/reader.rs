//! Reads a TOML table key by key and collects every mistake with its line, so that all are told at once.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands: a line of the file, counted from 1; none for the environment and things that are missing.
    pub line: Option<usize>,
    /// What is wrong, the rule, and the way out.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Collects problems and knows which byte is on which line.
pub(super) struct Problems<'t> {
    text: &'t str,
    pub(super) found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Problems<'t> {
        Problems { text, found: Vec::new() }
    }

    pub(super) fn at(&mut self, byte: usize, message: String) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        self.found.push(Problem { line: Some(before.matches('\n').count() + 1), message });
    }

    pub(super) fn add(&mut self, message: String) {
        self.found.push(Problem { line: None, message });
    }

    /// With its line, if it has one.
    pub(super) fn somewhere(&mut self, byte: Option<usize>, message: String) {
        match byte {
            Some(byte) => self.at(byte, message),
            None => self.add(message),
        }
    }
}

/// One table of the file, or an empty one in place of a missing or broken one.
pub(super) struct Table<'a, 't> {
    entries: Option<&'a DeTable<'t>>,
    /// Its name in messages, such as `community.members.school`.
    name: String,
    at: usize,
    known: BTreeSet<&'static str>,
}

/// A value and where it stands.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<'a, 't> Table<'a, 't> {
    pub(super) fn new(name: &str, entries: Option<&'a DeTable<'t>>, at: usize) -> Table<'a, 't> {
        Table { entries, name: name.to_owned(), at, known: BTreeSet::new() }
    }

    /// Where the table starts.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Its name in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A key's name in messages.
    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Counts a key as known without reading it.
    pub(super) fn know(&mut self, key: &'static str) {
        self.known.insert(key);
    }

    /// Where a key's value stands, if it is given, right or wrong.
    pub(super) fn place(&self, key: &str) -> Option<usize> {
        self.entries?.get(key).map(|value| value.span().start)
    }

    fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.known.insert(key);
        self.entries?.get(key)
    }

    /// Reads a value of one kind; tells a wrong kind or an impossible value.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems<'_>,
        read: impl FnOnce(&'a DeValue<'t>) -> Option<T>,
    ) -> Option<Found<T>> {
        let value = self.get(key)?;
        let at = value.span().start;
        let found = read(value.get_ref());
        if found.is_none() {
            let path = self.path(key);
            problems.at(at, format!("{path} is {}, but {expected} is expected", shown(value.get_ref())));
        }
        Some(Found { value: found?, at })
    }

    pub(super) fn string(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Found<&'a str>> {
        self.value(key, "a text", problems, text)
    }

    /// Reads a text that becomes something else.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems<'_>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Found<T>> {
        self.value(key, expected, problems, |value| text(value).and_then(parse))
    }

    pub(super) fn integer<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Found<T>> {
        self.value(key, expected, problems, |value| integer(value).and_then(|number| T::try_from(number).ok()))
    }

    pub(super) fn duration(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Found<Duration>> {
        self.parsed(key, "a length of time (such as \"15m\" or \"2s\")", problems, parse_duration)
    }

    /// A length of time that may be zero.
    pub(super) fn delay(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Found<Duration>> {
        self.parsed(key, "a length of time (such as \"2m\" or \"0s\")", problems, parse_delay)
    }

    /// A list of texts.
    pub(super) fn strings(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Vec<Found<&'a str>> {
        let list = self.value(key, "a list of texts", problems, |value| {
            let items = value.as_array()?.iter();
            items.map(|item| Some(Found { value: text(item.get_ref())?, at: item.span().start })).collect()
        });
        list.map_or_else(Vec::new, |list| list.value)
    }

    /// A table within this one.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Table<'a, 't> {
        let name = self.path(key);
        match self.value(key, "a table", problems, DeValue::as_table) {
            Some(found) => Table::new(&name, Some(found.value), found.at),
            None => Table::new(&name, None, self.at),
        }
    }

    /// The tables of a `[[list]]`.
    pub(super) fn tables(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Vec<Table<'a, 't>> {
        let name = self.path(key);
        let list = self.value(key, "a list of tables ([[…]])", problems, |value| {
            let items = value.as_array()?.iter();
            items.map(|item| Some(Table::new(&name, Some(item.get_ref().as_table()?), item.span().start))).collect()
        });
        list.map_or_else(Vec::new, |list| list.value)
    }

    /// Every entry, for tables whose keys are names: (key, where it stands, value).
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, usize, &'a DeValue<'t>)> + use<'a, 't> {
        let entries = self.entries.into_iter().flat_map(|table| table.iter());
        entries.map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value.get_ref()))
    }

    /// Tells every key that nothing has asked for.
    pub(super) fn finish(self, problems: &mut Problems<'_>) {
        for (key, at, _) in self.entries() {
            if !self.known.contains(key) {
                let known: Vec<&str> = self.known.iter().copied().collect();
                problems.at(
                    at,
                    format!("{} is no key of the configuration (known here: {})", self.path(key), known.join(", ")),
                );
            }
        }
    }
}

fn text<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    value.as_str()
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value as a person wrote it, near enough to find it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A setting's value as the text an algorithm gets.
pub(super) fn setting(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(_) => integer(value).map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// Reads a length of time above zero, such as `15m`, `2s` or `500ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    parse_delay(text).filter(|duration| !duration.is_zero())
}

/// Reads a length of time that may be zero.
fn parse_delay(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
}

/// Reads a size above zero, such as `64MiB` or a plain number of bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match text.get(digits.len()..)?.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?.parse().ok()?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_above_zero_and_have_units() {
        assert_eq!(parse_bytes("64MiB"), Some(64 << 20));
        assert_eq!(parse_bytes("2 GiB"), Some(2 << 30));
        assert_eq!(parse_bytes("100"), Some(100));
        for text in ["", "MiB", "0", "-1", "64MB", "1.5GiB", "18446744073709551615KiB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        assert_eq!(parse_duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        for text in ["", "15", "-5m", "0s", "soon"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
