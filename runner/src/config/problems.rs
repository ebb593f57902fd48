//! Mistakes in a configuration: all of them, each with its line in the file or the name of its variable.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

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

/// Collects problems, and knows what stands where. A position is a byte of the file's text, or past its end a variable.
pub(super) struct Problems<'t> {
    text: &'t str,
    directory: &'t Path,
    variables: &'t [(String, String)],
    found: RefCell<Vec<Problem>>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str, directory: &'t Path, variables: &'t [(String, String)]) -> Problems<'t> {
        Problems { text, directory, variables, found: RefCell::default() }
    }

    /// Tells a problem with what stands there.
    pub(super) fn at(&self, at: usize, message: impl Into<String>) {
        let line = self.text.get(..at).map(|before| before.matches('\n').count() + 1);
        self.found.borrow_mut().push(Problem { line, message: message.into() });
    }

    /// Tells a problem with something that is not there.
    pub(super) fn add(&self, message: impl Into<String>) {
        self.found.borrow_mut().push(Problem { line: None, message: message.into() });
    }

    /// How many were reported so far.
    pub(super) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// All of them, by their lines.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|problem| problem.line);
        found
    }

    /// The value of a variable, and its position.
    pub(super) fn variable(&self, name: &str) -> Option<(&'t str, usize)> {
        let index = self.variables.iter().position(|(variable, _)| variable == name)?;
        Some((&self.variables[index].1, self.text.len() + 1 + index))
    }

    pub(super) fn is_variable(&self, at: usize) -> bool {
        at > self.text.len()
    }

    /// What to call what stands there: the variable if it is one, else the key.
    pub(super) fn name(&self, at: usize, key: &str) -> String {
        let index = at.checked_sub(self.text.len() + 1);
        let variable = index.and_then(|index| self.variables.get(index));
        variable.map_or(key, |(name, _)| name).to_owned()
    }

    /// A path that is given relative to the file.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.directory.join(text)
    }

    /// The directory of the file.
    pub(super) fn directory(&self) -> &Path {
        self.directory
    }

    /// The path of a file; tells if there is none.
    pub(super) fn file(&self, key: &str, text: &str, at: usize, way_out: &str) -> PathBuf {
        let path = self.path(text);
        if !path.is_file() {
            self.at(at, format!("{}: there is no file {text:?} ({way_out})", self.name(at, key)));
        }
        path
    }
}
