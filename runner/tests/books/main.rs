//! From readings to books, as stories: the real program, a real Meters service, an empty directory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod audit;
mod backtest;
mod backtest_report;
mod damage;
mod details;
mod disk;
mod disputes;
mod events;
mod failures;
mod files;
mod gaps;
mod imported;
mod left_out;
mod local_time;
mod membership;
mod pages;
mod recorded;
mod registers;
mod reopen;
mod replay;
mod replay_outside;
mod rows;
mod runs;
mod samples;
mod service;
mod silence;
mod statement;
mod statement_pages;
mod terms;
mod text;
mod together;
