//! An author's bench, as stories: `rec-market algorithm run` and `check` as a person or a script calls them, in an empty
//! folder, with the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod cache;
mod check;
mod community;
mod explain;
mod files;
mod kits;
mod limits;
mod list;
mod machine;
mod new;
mod round_files;
mod rounds;
mod runs;
mod wasmtime;
mod wrap;
