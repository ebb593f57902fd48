//! `rec-market algorithm`: `new`, `run`, `explain`, `check`, `wrap` and `export` on this machine; the others administer a running
//! service.

pub mod activate;
pub mod changes;
pub mod check;
pub mod download;
pub mod explain;
pub mod export;
pub mod list;
pub mod new;
mod report;
pub mod rollback;
pub mod run;
mod service;
pub mod shadow;
pub mod show;
pub mod text;
pub mod upload;
pub mod wrap;

pub use crate::listed::json;
