//! What a community's meters showed, boundary by boundary, without settling anything.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use domain::reading::BoundaryReadings;
use domain::{Boundary, MeterId};
use jiff::Timestamp;

use super::fetch::{Fetch, Fetched};
use super::meters::{Meters, MetersError};
use super::source::{Source, limit_for};
use crate::config::CommunityConfig;

/// Reads a Meters service page by page. The next page is fetched while one is worked on.
pub struct Boundaries {
    source: Arc<Source>,
    next: Option<Fetch>,
}

impl Boundaries {
    /// Starts with the readings of the first boundary at or after an instant, and ends with those that are due at `latest`.
    pub fn read(
        meters: Arc<dyn Meters>,
        community: &CommunityConfig,
        from: Timestamp,
        latest: Timestamp,
    ) -> Boundaries {
        let known: HashSet<_> = community.configured_meters().into_iter().collect();
        let limit = limit_for(known.len());
        let source = Arc::new(Source {
            community: community.name.clone(),
            meters,
            known: Mutex::new(known),
            length: community.interval,
            tolerance: community.tolerance,
            latest,
        });
        let start = Boundary::at_or_after(from, community.interval).map_or(from, |first| source.start_of(first));
        Boundaries { next: Some(Fetch::start(Arc::clone(&source), start, limit)), source }
    }

    /// The complete boundaries of the next page; `None` behind the last.
    ///
    /// # Errors
    /// If the service cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<BoundaryRead>>, MetersError> {
        let Some(fetch) = self.next.take() else { return Ok(None) };
        let Fetched { mut page, from, .. } = fetch.finish().await?;
        let latest = self.source.latest;
        let next = page.next().filter(|next| *next > from && *next <= latest);
        self.next =
            next.map(|next| Fetch::start(Arc::clone(&self.source), next, limit_for(page.meters.meters().len())));
        let complete: Vec<bool> = page.boundaries.iter().map(|(boundary, _)| page.is_complete(*boundary)).collect();
        let boundaries = page.boundaries.into_iter().zip(complete);
        let due = boundaries.take_while(|((boundary, _), complete)| *complete && boundary.timestamp() <= latest);
        let read = due.map(|((at, readings), _)| BoundaryRead {
            at,
            readings,
            missing: page.missing.remove(&at).unwrap_or_default(),
        });
        Ok(Some(read.collect()))
    }
}

/// What was read at a boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundaryRead {
    /// The boundary.
    pub at: Boundary,
    /// The registers.
    pub readings: BoundaryReadings,
    /// The meters of which it is not known what they measured until then.
    pub missing: BTreeSet<MeterId>,
}
