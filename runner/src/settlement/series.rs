//! Series of tariffs, read again when their files change.
//!
//! A file that became wrong changes nothing: what it was before goes on to apply, and it is told once what is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use books::StoredEvent;
use domain::tariff::{PartialTariff, Series, TariffSchedule};
use jiff::Timestamp;

use crate::config::{CommunityConfig, CurrentSeries, read_series};

/// The code of the event that a series of tariffs cannot be read.
pub(super) const SERIES_WRONG: &str = "series-wrong";
/// The code of the event that the last row of a series is too old to be meant for an interval.
pub(super) const SERIES_ENDED: &str = "series-ended";

/// The series of one community.
#[derive(Debug)]
pub struct SeriesFiles(Mutex<BTreeMap<PathBuf, SeriesFile>>);

#[derive(Debug)]
struct SeriesFile {
    /// What the file was like when it was read; none before it is read here.
    stamp: Option<Stamp>,
    series: Arc<Series<PartialTariff>>,
    /// What is wrong with it since then.
    wrong: Option<String>,
}

/// What tells one version of a file from another; none in it of a file that is not there.
type Stamp = Option<(SystemTime, u64)>;

/// The series as they are now, and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesState {
    /// The series that apply.
    pub current: CurrentSeries,
    /// Files that cannot be read, and why.
    pub wrong: Vec<StoredEvent>,
    /// Of the others those whose last row is too old, as people read it.
    pub ended: Vec<String>,
}

impl SeriesState {
    /// What people should know of, a sentence for each file.
    pub(super) fn problems(&self) -> Vec<String> {
        let wrong = self.wrong.iter().map(|event| event.message.clone());
        wrong.chain(self.ended.iter().cloned()).collect()
    }
}

impl SeriesFiles {
    /// The series that a configuration names, as it read them.
    pub fn of(community: &CommunityConfig) -> SeriesFiles {
        let mut files = BTreeMap::new();
        for tariff in community.tariffs() {
            if let (Some(file), TariffSchedule::Series(series)) = (&tariff.file, &tariff.schedule) {
                let series = Arc::new(series.clone());
                files.entry(file.clone()).or_insert(SeriesFile { stamp: None, series, wrong: None });
            }
        }
        SeriesFiles(Mutex::new(files))
    }

    /// Reads the files that have changed since the last time.
    pub fn refresh(&self, now: Timestamp) -> SeriesState {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = SeriesState::default();
        for (path, file) in files.iter_mut() {
            file.refresh(path);
            state.current.insert(path.clone(), Arc::clone(&file.series));
            let subject = path.display().to_string();
            if let Some(message) = file.wrong.clone() {
                state.wrong.push(StoredEvent { code: SERIES_WRONG.to_owned(), subject, message });
            } else if let Some(last) = file.series.ended(now) {
                let message = format!("{subject} ends with the row of {last}, which is older than its rows are apart");
                state.ended.push(message);
            }
        }
        state
    }
}

impl SeriesFile {
    fn refresh(&mut self, path: &Path) {
        let stamp = stamp(path);
        if self.stamp == Some(stamp) {
            return;
        }
        // If it changes while it is read, it is read again the next time.
        match read_series(path) {
            Ok(series) => {
                if *self.series.rows() != *series.rows() {
                    tracing::info!(file = %path.display(), rows = series.rows().len(), "read a series of tariffs again");
                    self.series = Arc::new(self.series.with_rows_of(&series));
                }
                self.wrong = None;
            }
            Err(mistakes) => {
                let more = mistakes.len().saturating_sub(1);
                let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
                let first = mistakes.into_iter().next().unwrap_or_default();
                self.wrong = Some(format!(
                    "{first}{more}; what it said before goes on to apply (correct the file: it is read again)"
                ));
            }
        }
        self.stamp = Some(stamp);
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}
