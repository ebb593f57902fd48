//! What people ask of settled intervals, as exact integers: how much energy was shared, what everybody paid, what was saved
//! against the grid alone, and how evenly; by month, day and hour of the community's time zone.
//!
//! Start at [`sums`] (what is added up, interval by interval), then [`backtest`] (several rules beside each other),
//! [`statement`] (one member), [`community`] (all of them over a period) and [`interval`] (one interval). [`crowd`] decides what
//! a member may see of the others. [`rate`] and [`fairness`] hold the formulas, [`calendar`] the days of 23 and 25 hours, and
//! [`text`] how numbers are written for people. Deliberately absent: running algorithms, stores, pages.

pub mod backtest;
pub mod calendar;
pub mod chain;
pub mod community;
pub mod crowd;
pub mod fairness;
pub mod interval;
pub mod own;
pub mod rate;
pub mod statement;
pub mod sums;
pub mod text;
pub mod together;

pub use backtest::{Backtest, Variant};
pub use calendar::{Calendar, Hour, Place};
pub use chain::Chain;
pub use fairness::Fairness;
pub use sums::{MonthSums, Roster, Sums, TooLarge};
