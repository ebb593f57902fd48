//! What pages were made from, kept as long as nothing is added to the books: what one page reads of a period, the next ones need
//! not read again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use books::{Period, Span, Store, StoreError};
use domain::{Boundary, MemberId};
use figures::statement::{Common, MemberStatement, Statements};
use jiff::tz::TimeZone;
use tokio::sync::OnceCell;

use super::recent::Recent;
use crate::statements::days::{self, Day};
use crate::statements::each_interval;

/// Most members of all periods that are kept of a kind: about 50 MB of statements of months.
const MEMBERS_MAX: usize = 20_000;

/// The books of a community up to a mark.
#[derive(Clone, Copy)]
pub struct Source<'s> {
    pub store: &'s dyn Store,
    pub community: &'s str,
    pub zone: &'s TimeZone,
    /// The end of its last interval.
    pub mark: Boundary,
}

/// What is kept.
#[derive(Debug, Default)]
pub struct Kept {
    statements: Cache<Made>,
    months: Cache<Day>,
}

/// The statements of a community's members over a period.
#[derive(Debug)]
pub struct Made {
    pub common: Common,
    pub members: BTreeMap<MemberId, MemberStatement>,
}

impl Kept {
    /// The statements of all members over a period, read from its intervals.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn statements(&self, source: Source<'_>, period: &Period) -> Result<Arc<Made>, StoreError> {
        let Source { store, community, zone, .. } = source;
        self.statements.of(Key::of(source, period), || read(store, community, zone, days::span(period))).await
    }

    /// What every member traded in a month.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn month(&self, source: Source<'_>, month: &Period) -> Result<Arc<Day>, StoreError> {
        let Source { store, community, zone, .. } = source;
        let add_up = || async {
            let mut sum = Day::default();
            let days = days::days(store, community, zone, days::span(month)).await?;
            days.values().for_each(|day| sum.add(day));
            Ok(sum)
        };
        self.months.of(Key::of(source, month), add_up).await
    }
}

async fn read(store: &dyn Store, community: &str, zone: &TimeZone, span: Span) -> Result<Made, StoreError> {
    let mut statements = Statements::new(zone.clone());
    each_interval(store, community, span, |interval| {
        statements.add(interval);
        Ok::<(), StoreError>(())
    })
    .await?;
    let (common, members) = statements.finish();
    let members = members.into_iter().map(|statement| (statement.member.clone(), statement)).collect();
    Ok(Made { common, members })
}

/// Of how many members something is.
trait Weight {
    fn members(&self) -> usize;
}

impl Weight for Made {
    fn members(&self) -> usize {
        self.members.len()
    }
}

impl Weight for Day {
    fn members(&self) -> usize {
        self.statement.members.len()
    }
}

/// Of which intervals something is: those of a community within a span, as far as they were settled.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    community: String,
    span: Span,
    until: u64,
}

impl Key {
    fn of(source: Source<'_>, period: &Period) -> Key {
        let span = days::span(period);
        let until = source.mark.seconds().min(span.to.unwrap_or(u64::MAX));
        Key { community: source.community.to_owned(), span, until }
    }

    fn replaces(&self, other: &Key) -> bool {
        self != other && (&self.community, self.span) == (&other.community, other.span)
    }
}

type Cell<T> = Arc<OnceCell<Arc<T>>>;

/// Things of periods.
#[derive(Debug)]
struct Cache<T>(Recent<Key, Cell<T>>);

impl<T> Default for Cache<T> {
    fn default() -> Cache<T> {
        Cache(Recent::default())
    }
}

impl<T: Weight> Cache<T> {
    /// What is kept under a key, or is made now. Whoever asks at the same time waits for the same.
    async fn of<F: Future<Output = Result<T, StoreError>>>(
        &self,
        key: Key,
        make: impl FnOnce() -> F,
    ) -> Result<Arc<T>, StoreError> {
        let cell = self.cell(key);
        let made = cell.get_or_try_init(|| async { make().await.map(Arc::new) }).await?;
        let made = Arc::clone(made);
        self.trim();
        Ok(made)
    }

    fn cell(&self, key: Key) -> Cell<T> {
        self.0.find_or_keep(key, Cell::default, Key::replaces)
    }

    /// Lets go of the oldest ones where there are too many.
    fn trim(&self) {
        // What is not made yet counts for one, so that there are never many of those either.
        self.0.trim(MEMBERS_MAX, |_, cell| cell.get().map_or(1, |made| made.members().max(1)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn key(community: &str, from: u64, until: u64) -> Key {
        Key { community: community.to_owned(), span: Span { from: Some(from), to: None }, until }
    }

    fn made(members: usize) -> Arc<Made> {
        let (common, _) = Statements::new(TimeZone::UTC).finish();
        let member = |number: usize| -> MemberId { format!("m{number}").parse().unwrap() };
        let statement =
            |member: &MemberId| MemberStatement::of(member, &books::statement::Account::default(), &BTreeMap::new());
        let members = (0..members).map(member).map(|member| (member.clone(), statement(&member))).collect();
        Arc::new(Made { common, members })
    }

    #[test]
    fn what_was_added_to_the_books_replaces_what_was_kept() {
        let kept: Cache<Made> = Cache::default();
        let first = kept.cell(key("a", 0, 10));
        assert!(Arc::ptr_eq(&first, &kept.cell(key("a", 0, 10))));
        kept.cell(key("a", 5, 10));
        kept.cell(key("b", 0, 10));
        assert!(!Arc::ptr_eq(&first, &kept.cell(key("a", 0, 20))));
        assert_eq!(kept.0.keys(), [key("a", 5, 10), key("b", 0, 10), key("a", 0, 20)]);
    }

    #[test]
    fn the_oldest_are_let_go_where_there_are_too_many() {
        let kept = Cache::default();
        for from in 0..4 {
            kept.cell(key("a", from, 10)).set(made(MEMBERS_MAX / 3)).unwrap();
        }
        kept.cell(key("a", 1, 10));
        kept.trim();
        assert_eq!(kept.0.keys(), [key("a", 2, 10), key("a", 3, 10), key("a", 1, 10)]);
        kept.cell(key("b", 0, 10)).set(made(MEMBERS_MAX + 1)).unwrap();
        kept.trim();
        assert_eq!(kept.0.keys(), [key("b", 0, 10)][1..]);
    }
}
