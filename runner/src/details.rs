//! Makes details of days that are over, for pages: see `books::details`.
//!
//! They are not made with the commit: that would write all of a day's pairs again with each of its intervals, and at midnight for all
//! communities at once. [`DetailTask`] makes them afterwards, one day at a time with long pauses, by one replica at a time, and
//! `statement rebuild` makes all at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use books::details::Making;
use books::{Acquired, DayDetails, Span, Store, StoreError};
use domain::text::chain;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::lease::LeaseOwner;
use crate::statements::each_interval;

/// The right to make details, which one replica has.
const LEASE: &str = "details";
/// How often somebody looks whether a day is over.
const LOOK: Duration = Duration::from_secs(60);
/// The part of its time in which the task works at most: one of so many.
const SHARE: u32 = 10;
/// Days whose details are read at a time.
const DAYS: usize = 32;
/// Shortest and longest pause after a day.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(10));

/// Makes the details of a community's intervals in a span, which should be one day; `None` if there are none.
///
/// # Errors
/// If the store cannot be read.
pub async fn make(store: &dyn Store, community: &str, span: Span) -> Result<Option<DayDetails>, StoreError> {
    let mut making = Making::default();
    each_interval(store, community, span, |interval| {
        making.add(interval);
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(making.finish())
}

/// Makes the details of the oldest day that is over and has none; returns whether there was one.
///
/// # Errors
/// If the store cannot be read or written.
pub async fn make_next(store: &dyn Store, community: &str) -> Result<bool, StoreError> {
    let Some(span) = store.details_due(community, 1).await?.pop() else { return Ok(false) };
    if let Some(day) = make(store, community, span).await? {
        store.keep_details(community, &[day]).await?;
    }
    Ok(true)
}

/// Makes all details that are missing; `told` hears of every day that is done. Returns how many days have details then: a service
/// may have made some of them meanwhile.
///
/// # Errors
/// If the store cannot be read or written.
pub async fn make_all(store: &dyn Store, community: &str, told: impl Fn()) -> Result<u64, StoreError> {
    while make_next(store, community).await? {
        told();
    }
    let mut days = 0;
    each_day(store, community, |_| days += 1).await?;
    Ok(days)
}

/// Reads the details that are kept, page by page, in order of time.
///
/// # Errors
/// If the store cannot be read.
pub async fn each_day(
    store: &dyn Store,
    community: &str,
    mut visit: impl FnMut(&DayDetails),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let days = store.details(community, Span::default(), after, DAYS).await?;
        days.iter().for_each(&mut visit);
        match days.last() {
            Some(last) if days.len() == DAYS => after = Some(last.until),
            _ => return Ok(()),
        }
    }
}

/// Makes details behind everything else, until the shutdown.
pub struct DetailTask {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub owner: LeaseOwner,
    /// How long a lease lasts.
    pub term: Duration,
    pub shutdown: CancellationToken,
}

impl DetailTask {
    /// Runs until the shutdown.
    pub async fn run(self) {
        // The hour of each community's mark up to which all days have details.
        let mut done: HashMap<String, u64> = HashMap::new();
        let shutdown = self.shutdown.clone();
        loop {
            match shutdown.run_until_cancelled(self.round(&mut done)).await {
                None => break,
                Some(Ok(())) => {}
                // The measured store tells of outages.
                Some(Err(error)) => tracing::debug!("details of days are not made: {}", chain(&error)),
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                break;
            }
        }
        if let Err(error) = self.store.release(LEASE, self.owner.name()).await {
            tracing::debug!("cannot release the lease of details: {}; it will expire", chain(&error));
        }
    }

    /// Makes what is missing, one community after the other.
    async fn round(&self, done: &mut HashMap<String, u64>) -> Result<(), StoreError> {
        let mut renew_at = Timestamp::MIN;
        for (community, mark) in self.store.marks().await? {
            // Asking for every interval would be often for a thing of once a day.
            let hour = mark.seconds() / 3600;
            if done.get(&community) == Some(&hour) {
                continue;
            }
            loop {
                let now = self.clock.now();
                if now >= renew_at {
                    let taken = self.owner.take(&*self.store, LEASE, now, self.term).await?;
                    let Acquired::Held(_) = taken else { return Ok(()) };
                    renew_at = now.checked_add(self.term / 3).unwrap_or(now);
                }
                if !make_next(&*self.store, &community).await? {
                    break;
                }
                let took = Duration::try_from(self.clock.now().duration_since(now)).unwrap_or_default();
                tokio::time::sleep(took.saturating_mul(SHARE - 1).clamp(PAUSE.0, PAUSE.1)).await;
            }
            done.insert(community, hour);
        }
        Ok(())
    }
}
