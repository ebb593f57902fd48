//! What those see who watch the service: metrics, health, logs and traces, each through the real thing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod deploy;
mod http;
mod logs;
mod passes;
mod scene;
mod traces;
