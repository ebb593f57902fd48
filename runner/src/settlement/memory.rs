//! What a settler remembers from one pass to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// What was decided, with the number of the newest decision: nothing can be decided without another one.
    decisions: Mutex<Option<(u64, Arc<[KeptChange]>)>>,
    /// What the last pass has read.
    pub(super) heard: Mutex<Heard>,
}

/// What a pass has read of its community that others want to know, too.
#[derive(Debug, Default)]
pub struct Heard {
    /// What was told last of each meter.
    pub notices: Option<Notices>,
    /// What was decided.
    pub decisions: Option<Arc<[KeptChange]>>,
}

impl Memory {
    /// Before the first pass over a community.
    pub fn of(community: &CommunityConfig) -> Memory {
        let series = SeriesFiles::of(community);
        Memory { series, told: Mutex::default(), decisions: Mutex::default(), heard: Mutex::default() }
    }

    /// What was decided up to the decision of this number, which is the newest one; `None` if that is not known.
    pub(super) fn decisions(&self, newest: u64) -> Option<Arc<[KeptChange]>> {
        let known = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(number, _)| *number == newest).map(|(_, decisions)| Arc::clone(decisions))
    }

    /// Remembers everything that was decided.
    pub(super) fn remember_decisions(&self, decisions: &Arc<[KeptChange]>) {
        let newest = decisions.iter().filter_map(|decision| decision.number).max().unwrap_or(0);
        let known = Some((newest, Arc::clone(decisions)));
        *self.decisions.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// What the last pass has read, once.
    pub fn take_heard(&self) -> Heard {
        std::mem::take(&mut self.heard())
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
