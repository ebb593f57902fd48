//! One page for all communities of a Meters service that want the same one.
//!
//! A service answers with the rows of all its meters, and of one community's at best one by one. Where a hundred communities have one
//! service, each of them would receive the rows of all, a hundred times in all. So the first that asks receives them, and everybody
//! has its own of them: those of meters that it lists, and those of meters that nobody lists.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::MeterId;
use domain::text::chain;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::settlement::{Meters, MetersError, Rows};

/// How long a page is kept for others: longer than their due instants are spread, and shorter than anybody waits before a second
/// look.
const KEPT: Duration = Duration::from_secs(8);

/// From when on, and how many rows of each series.
type Asked = (Timestamp, u32);

/// What a service has answered, once for all.
type Answer = OnceCell<Result<Split, MetersError>>;

/// The pages of one Meters service that several communities want.
#[derive(Default)]
pub struct SharedPages(Mutex<HashMap<Asked, Arc<Answer>>>);

/// The rows of a page by whose they are.
#[derive(Default)]
struct Split {
    listed: HashMap<String, Rows>,
    unlisted: Rows,
}

impl SharedPages {
    fn answer(&self, asked: Asked) -> Arc<Answer> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pages.entry(asked).or_default())
    }

    fn forget(&self, asked: Asked, answer: &Arc<Answer>) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.get(&asked).is_some_and(|kept| Arc::ptr_eq(kept, answer)) {
            pages.remove(&asked);
        }
    }
}

/// The meters of one community among those of a service.
pub struct SharedMeters<M> {
    service: M,
    pages: Arc<SharedPages>,
    /// Meters that communities of the service list.
    listed: Arc<HashSet<MeterId>>,
    /// Those of them that this one lists.
    own: Box<dyn Fn() -> BTreeSet<MeterId> + Send + Sync>,
}

impl<M: Meters> SharedMeters<M> {
    /// Of a service whose communities list these meters; `own` tells those of this community.
    pub fn new(
        service: M,
        pages: Arc<SharedPages>,
        listed: Arc<HashSet<MeterId>>,
        own: impl Fn() -> BTreeSet<MeterId> + Send + Sync + 'static,
    ) -> SharedMeters<M> {
        SharedMeters { service, pages, listed, own: Box::new(own) }
    }

    async fn split(&self, from: Timestamp, limit: u32) -> Result<Split, MetersError> {
        let mut split = Split::default();
        for row in self.service.page(from, limit, None).await?.iter() {
            match split.listed.get_mut(row.device_id) {
                Some(rows) => rows.push(row),
                None if self.lists(row.device_id) => {
                    split.listed.insert(row.device_id.to_owned(), Rows::from_iter([row]));
                }
                None => split.unlisted.push(row),
            }
        }
        Ok(split)
    }

    fn lists(&self, meter: &str) -> bool {
        meter.parse().is_ok_and(|meter: MeterId| self.listed.contains(&meter))
    }

    /// What concerns this community, and the rows of one meter of another: that others are read tells of a silent one, too.
    fn own_rows(&self, split: &Split) -> Rows {
        let own = (self.own)();
        let mut rows = split.unlisted.clone();
        let its = own.iter().filter_map(|meter| split.listed.get(meter.as_str()));
        its.flat_map(Rows::iter).for_each(|row| rows.push(row));
        let is_own = |meter: &str| meter.parse().is_ok_and(|meter: MeterId| own.contains(&meter));
        let other = split.listed.iter().filter(|(meter, _)| !is_own(meter)).min_by_key(|(meter, _)| *meter);
        other.into_iter().flat_map(|(_, rows)| rows.iter()).for_each(|row| rows.push(row));
        rows
    }
}

#[async_trait]
impl<M: Meters> Meters for SharedMeters<M> {
    fn address(&self) -> &str {
        self.service.address()
    }

    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Rows, MetersError> {
        if meter.is_some() {
            return self.service.page(from, limit, meter).await;
        }
        let asked = (from, limit);
        let answer = self.pages.answer(asked);
        let mut is_first = false;
        let split = answer
            .get_or_init(async || {
                is_first = true;
                self.split(from, limit).await
            })
            .await;
        match split {
            Ok(split) => {
                if is_first {
                    let (pages, answer) = (Arc::clone(&self.pages), Arc::clone(&answer));
                    tokio::spawn(async move {
                        tokio::time::sleep(KEPT).await;
                        pages.forget(asked, &answer);
                    });
                }
                Ok(self.own_rows(split))
            }
            Err(error) => {
                // Whoever asks later asks anew.
                self.pages.forget(asked, &answer);
                Err(again(error))
            }
        }
    }
}

/// The same failure for another community.
fn again(error: &MetersError) -> MetersError {
    let cause = |source: &(dyn std::error::Error + 'static)| chain(source).into();
    match error {
        MetersError::Unavailable { address, attempts, source } => {
            MetersError::Unavailable { address: address.clone(), attempts: *attempts, source: cause(&**source) }
        }
        MetersError::Refused { address, from, source } => {
            MetersError::Refused { address: address.clone(), from: from.clone(), source: cause(&**source) }
        }
        MetersError::TooLarge { address, bytes_max } => {
            MetersError::TooLarge { address: address.clone(), bytes_max: *bytes_max }
        }
        MetersError::NoProgress { address, from } => {
            MetersError::NoProgress { address: address.clone(), from: from.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::settlement::Row;

    /// A service of meters `a`, `b` and `x`, which counts how often it is asked, and fails at first.
    struct Service(Arc<AtomicUsize>);

    #[async_trait]
    impl Meters for Service {
        fn address(&self) -> &str {
            "somewhere"
        }

        async fn page(&self, _: Timestamp, _: u32, meter: Option<&MeterId>) -> Result<Rows, MetersError> {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                return Err(MetersError::TooLarge { address: "somewhere".to_owned(), bytes_max: 7 });
            }
            let wanted = |id: &&str| meter.is_none_or(|meter| meter.as_str() == *id);
            let rows = ["a", "b", "x", "a"].into_iter().filter(wanted);
            Ok(rows.map(|device_id| Row { device_id, ..Row::default() }).collect())
        }
    }

    #[tokio::test]
    async fn a_page_is_asked_for_once_and_everybody_has_its_own_rows() {
        let (asked, pages) = (Arc::new(AtomicUsize::new(0)), Arc::new(SharedPages::default()));
        let meter = |id: &str| id.parse::<MeterId>().unwrap();
        let listed: Arc<HashSet<MeterId>> = Arc::new(["a", "b", "c"].map(meter).into());
        let of = |own: &[&str]| {
            let own: BTreeSet<MeterId> = own.iter().map(|id| meter(id)).collect();
            let service = Service(Arc::clone(&asked));
            SharedMeters::new(service, Arc::clone(&pages), Arc::clone(&listed), move || own.clone())
        };
        let (at, clients) = (Timestamp::UNIX_EPOCH, [of(&["a"]), of(&["b", "c"]), of(&["a", "b", "c"])]);
        let failed = clients[0].page(at, 4, None).await.unwrap_err();
        assert!(matches!(failed, MetersError::TooLarge { bytes_max: 7, .. }), "{failed}");
        let mut rows = Vec::new();
        for client in &clients {
            let page = client.page(at, 4, None).await.unwrap();
            rows.push(page.iter().map(|row| row.device_id).collect::<String>());
        }
        // What nobody lists, its own, and one other as a sign that others are read.
        assert_eq!(rows, ["xaab", "xbaa", "xaab"]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        // Another page is another question, and so is one meter.
        assert_eq!(clients[0].page(at, 5, None).await.unwrap().iter().count(), 4);
        assert_eq!(clients[1].page(at, 4, Some(&meter("a"))).await.unwrap().iter().count(), 2);
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }
}
