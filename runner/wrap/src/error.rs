//! Why a file cannot be wrapped.

use domain::text::printable;

/// Why a core module does not become a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The file is empty.
    #[error("the file is empty (a core WebAssembly module is expected)")]
    Empty,
    /// The file is a component.
    #[error(
        "the file is a component already: there is nothing to wrap (`rec-market algorithm check` tells whether it is an algorithm)"
    )]
    Component,
    /// The file is WebAssembly in text form.
    #[error("the file is WebAssembly text (assemble it first, for example with `wasm-tools parse`)")]
    Text,
    /// The file is something else; these are its first bytes, at most eight.
    #[error("the file is no WebAssembly: it begins with {0:02x?} (a core module begins with 00 61 73 6d 01 00 00 00)")]
    NotWasm(Vec<u8>),
    /// The module is invalid, for this reason.
    #[error("the module is broken: {0}")]
    Broken(String),
    /// These exports are missing or of another type.
    #[error("the module is not of the world rec:market/algorithm@1.0.0: {0}")]
    Exports(String),
    /// These imports cannot be answered.
    #[error("the module imports {0}")]
    Imports(String),
}

impl WrapError {
    /// An invalid module, with the reason of a library that may repeat what is in the module.
    pub(crate) fn broken(reason: impl AsRef<str>) -> WrapError {
        WrapError::Broken(shortened(reason.as_ref(), REASON_CHARS_MAX))
    }
}

/// Maximum length of a reason, in characters.
const REASON_CHARS_MAX: usize = 1000;
/// Maximum length of a name from the module in an error, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Maximum number of items of one kind that an error lists.
const LISTED_MAX: usize = 20;

/// A name from the module, safe to print.
pub(crate) fn name(text: &str) -> String {
    shortened(text, NAME_CHARS_MAX)
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text).into_owned(),
    }
}

/// A list for an error, cut after some items.
pub(crate) fn list(items: &[String], separator: &str) -> String {
    match items.len().checked_sub(LISTED_MAX) {
        None | Some(0) => items.join(separator),
        Some(more) => format!("{}{separator}{more} more", items[..LISTED_MAX].join(separator)),
    }
}
