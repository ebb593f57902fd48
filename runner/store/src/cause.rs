//! What is behind the errors of both stores: errors of databases, with what they are about and the way out.

use std::error::Error;
use std::fmt;

use books::Cause;

/// An error and what it is about: `price 7: a name is empty`.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct About {
    what: String,
    source: Cause,
}

/// Says what an error is about.
pub(crate) fn about(what: impl Into<String>, source: impl Into<Cause>) -> Cause {
    About { what: what.into(), source: source.into() }.into()
}

/// An error with the way out. It stands for the error itself in a chain of causes.
#[derive(Debug)]
struct WithHint {
    error: Cause,
    hint: &'static str,
}

/// Adds the way out to an error.
pub(crate) fn with_hint(error: impl Into<Cause>, hint: &'static str) -> Cause {
    WithHint { error: error.into(), hint }.into()
}

impl fmt::Display for WithHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.error, self.hint)
    }
}

impl Error for WithHint {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
