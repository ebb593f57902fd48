//! `rec-market config`: checks a configuration, or shows it with its defaults.

pub mod check;
pub mod show;
