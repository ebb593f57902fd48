//! `rec-market readings`: the files that people have of their meters.

pub mod check;
pub mod convert;
pub mod files;
pub mod import;
pub mod shares;
