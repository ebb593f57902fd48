//! Variables of the environment that stand above keys of the file: `REC_MARKET_STORE` above `store`.

use std::path::{Path, PathBuf};

use super::reader::{Problems, Table};

/// What the name of such a variable begins with.
pub(super) const PREFIX: &str = "REC_MARKET_";
/// Variables with our prefix that are for others to read.
const NOT_OURS: [&str; 2] = ["REC_MARKET_LOG", "REC_MARKET_TEST_"];

/// The variables, and which names have been asked for.
pub(super) struct Overrides<'v> {
    variables: &'v [(String, String)],
    used: Vec<&'static str>,
}

/// A value that was set, and where.
pub(super) struct Set<T> {
    pub(super) value: T,
    /// The key's or the variable's name, for messages.
    pub(super) name: String,
    /// Where it stands in the file; none for a variable.
    pub(super) at: Option<usize>,
}

impl<T> Set<T> {
    /// Whether a variable set it.
    pub(super) fn by_variable(&self) -> bool {
        self.at.is_none()
    }
}

impl Set<&str> {
    /// The path of a file that must be there; an empty one if it is not, which is then told.
    pub(super) fn file(&self, way_out: &str, directory: &Path, problems: &mut Problems<'_>) -> PathBuf {
        let path = directory.join(self.value);
        if path.is_file() {
            return path;
        }
        problems.somewhere(self.at, format!("{}: there is no file {:?} ({way_out})", self.name, self.value));
        PathBuf::new()
    }
}

impl<'v> Overrides<'v> {
    pub(super) fn new(variables: &'v [(String, String)]) -> Overrides<'v> {
        Overrides { variables, used: Vec::new() }
    }

    /// A variable without a key.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Set<&'v str>> {
        self.used.push(name);
        let variable = self.variables.iter().find(|(variable, _)| variable.strip_prefix(PREFIX) == Some(name));
        variable.map(|(name, value)| Set { value: value.as_str(), name: name.clone(), at: None })
    }

    /// A text: the variable's, or else the key's.
    pub(super) fn text<'a, 's>(
        &mut self,
        table: &mut Table<'a, '_>,
        (key, variable): (&'static str, &'static str),
        problems: &mut Problems<'_>,
    ) -> Option<Set<&'s str>>
    where
        'a: 's,
        'v: 's,
    {
        match self.get(variable) {
            Some(set) => {
                // What stands above it is right or wrong; the key is known all the same.
                table.know(key);
                Some(set)
            }
            None => {
                let name = table.path(key);
                table.string(key, problems).map(|found| Set { value: found.value, name, at: Some(found.at) })
            }
        }
    }

    /// As [`Overrides::text`], for a text that becomes something else.
    pub(super) fn parsed<T>(
        &mut self,
        table: &mut Table<'_, '_>,
        (key, variable): (&'static str, &'static str),
        expected: &str,
        problems: &mut Problems<'_>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Set<T>> {
        let Set { value, name, at } = match self.get(variable) {
            Some(set) => {
                table.know(key);
                set
            }
            None => {
                let name = table.path(key);
                let found = table.parsed(key, expected, problems, parse)?;
                return Some(Set { value: found.value, name, at: Some(found.at) });
            }
        };
        match parse(value) {
            Some(value) => Some(Set { value, name, at }),
            None => {
                problems.add(format!("{name} is {value:?}, but {expected} is expected"));
                None
            }
        }
    }

    /// Warns of variables that override nothing. They are no mistake of the file: others may use our prefix.
    pub(super) fn finish(self) {
        for (name, _) in self.variables {
            let used = name.strip_prefix(PREFIX).is_some_and(|key| self.used.contains(&key));
            if !used && !NOT_OURS.iter().any(|prefix| name.starts_with(prefix)) {
                tracing::warn!("{name} overrides no key ({PREFIX}{})", self.used.join(&format!(", {PREFIX}")));
            }
        }
    }
}
