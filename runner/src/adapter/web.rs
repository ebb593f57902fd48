//! The pages in a browser: who asks, what they may see, and the answer as a page or as JSON.
//!
//! Start at [`serve`]. A request passes in order: `assets` (public), `door` (who asks), `guard` (what they may open),
//! `pages` (one file a page: figures from the store, made into one model that is both the page and its JSON), `answer` (headers
//! and status). Pages are made by threads of their own that give way to settlement, on connections of their own to the store.

mod algorithms;
mod answer;
mod answers;
mod ask;
mod assets;
mod community;
mod compare;
mod door;
mod events;
mod guard;
mod home;
mod interval;
mod kept;
mod member;
mod numbers;
mod overview;
mod pages;
mod query;
mod recent;
mod refusal;
mod serve;
mod text;
mod viewer;

pub use answers::Answers;
pub use ask::Parts;
pub use door::{Door, LINK, Visits, record};
pub use kept::Kept;
pub use overview::Overviews;
pub use serve::{Opened, Served, serve};
