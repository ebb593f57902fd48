//! What a settler remembers from one pass to the next.

use std::sync::{Mutex, MutexGuard, PoisonError};

use books::{KeptChange, Notices};

use super::series::SeriesFiles;
use super::told::Told;
use crate::config::CommunityConfig;

/// What a settler remembers from one pass to the next.
pub struct Memory {
    /// The series of the community's tariffs.
    pub(super) series: SeriesFiles,
    /// What was told already; none before it is read from the books, and after a pass that failed.
    pub(super) told: Mutex<Option<Told>>,
    /// What the last pass has read.
    pub(super) heard: Mutex<Heard>,
}

/// What a pass has read of its community that others want to know, too.
#[derive(Debug, Default)]
pub struct Heard {
    /// What was told last of each meter.
    pub notices: Option<Notices>,
    /// What was decided.
    pub decisions: Option<Vec<KeptChange>>,
}

impl Memory {
    /// Before the first pass over a community.
    pub fn of(community: &CommunityConfig) -> Memory {
        Memory { series: SeriesFiles::of(community), told: Mutex::default(), heard: Mutex::default() }
    }

    /// What the last pass has read, once.
    pub fn take_heard(&self) -> Heard {
        std::mem::take(&mut self.heard())
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
