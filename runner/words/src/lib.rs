//! What pages say, in each language: texts, and how numbers, dates and money are written.
//!
//! A language is a file of texts ([`Texts`]), whose fields the compiler counts: a language that lacks one is not built. Texts
//! have places such as `{member}`, which [`fill`] fills. Nothing is computed with what is written here.
//!
//! Start at [`Language`]. Deliberately absent: which text stands where.

mod dates;
mod de;
mod en;
mod es;
mod fill;
mod forms;
mod fr;
mod language;
mod nl;
mod numbers;
mod pt;
pub mod texts;

pub use fill::fill;
pub use language::Language;
pub use numbers::NONE;
pub use texts::Texts;
