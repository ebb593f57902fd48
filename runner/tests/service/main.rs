//! The service as its operator sees it: started, watched, killed, ended; alone and in two replicas; with everything around
//! it going away and coming back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests say what must hold")]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests tell their seeds, and are told how long to take"
)]

mod clock;
mod costs;
mod crash;
mod disputes;
mod first_start;
mod fleet;
mod handshakes;
mod many;
mod mongodb;
mod node;
mod outages;
mod own_meters;
mod payments;
mod prices;
mod replicas;
mod rights;
mod scale;
mod series;
mod sharing;
mod silence;
mod simulation;
mod start_and_end;
mod takeover;
mod terms;
mod wallets;
