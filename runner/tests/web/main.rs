//! The web page of the real service: over plain HTTP, in a real browser, and under attack.
//!
//! [`served`] settles a community and serves it; [`http`] is what asks it without being a browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod away;
mod browser;
mod demo;
mod elsewhere;
mod figures_agree;
mod fuzz;
mod headers;
mod http;
mod links;
mod load;
mod member;
mod names;
mod numbers;
mod pages;
mod roles;
mod rules;
mod served;
mod slow;
mod who;
mod why;
