//! What the commands share that read the stored intervals.

use std::sync::Arc;

use domain::Digest;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::app;
use crate::cli::args::{ConfigArg, Moment, SpanArgs};
use crate::cli::exit::usage;
use crate::config::Config;
pub use crate::statements::{PAGE, after, each_interval};
use books::{Span, Store, StoreError};

/// Opens the store of a configuration for reading.
pub async fn open(args: &ConfigArg) -> anyhow::Result<(Config, Arc<dyn Store>)> {
    let config = Config::load(&args.config)?;
    let store = app::open_store_to_read(&config.store).await?;
    Ok((config, store))
}

/// The time zone whose days, months and dates count for a community; UTC if it is no longer configured.
pub fn zone(config: &Config, community: &str) -> TimeZone {
    config.community(community).map_or(TimeZone::UTC, |community| community.zone.clone())
}

/// A span in whole seconds, on which intervals start; dates are those of this time zone.
pub fn span(args: &SpanArgs, zone: &TimeZone) -> anyhow::Result<Span> {
    let instant = |moment: Option<Moment>, name| {
        let instant = moment.map(|moment| moment.instant(zone)).transpose();
        instant.map_err(|error| usage(format!("{name} {error}")))
    };
    let (from, to) = (instant(args.from, "--from")?, instant(args.to, "--to")?);
    let second = |at: Timestamp| {
        let whole = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        u64::try_from(whole).unwrap_or(0)
    };
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(usage(format!("--from {from} is after --to {to} (swap them)"))),
        _ => Ok(Span { from: from.map(second), to: to.map(second) }),
    }
}

/// The communities of the configuration and of the store, or the one that was asked for.
pub async fn communities(config: &Config, store: &dyn Store, only: Option<&str>) -> anyhow::Result<Vec<String>> {
    selection(config, store.communities().await?, only)
}

/// As [`communities`], with the communities of the store at hand.
pub fn selection(config: &Config, stored: Vec<String>, only: Option<&str>) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = config.communities.iter().map(|community| community.name.clone()).collect();
    for name in stored {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match only {
        None => Ok(names),
        Some(only) if names.iter().any(|name| name == only) => Ok(vec![only.to_owned()]),
        Some(only) => Err(usage(format!("there is no community {only:?} (there are: {})", names.join(", ")))),
    }
}

/// Whether the store is damaged, rather than not available.
pub fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { .. })
}

/// The stored bytes of an algorithm, or what is wrong with them, as a finding of the audit.
pub async fn component(store: &dyn Store, digest: &Digest) -> Result<Result<Vec<u8>, String>, StoreError> {
    Ok(match store.component(digest).await? {
        Some(bytes) if Digest::of(&bytes) == *digest => Ok(bytes),
        Some(_) => Err(format!("the stored bytes of algorithm {digest} are not its bytes")),
        None => Err(format!("the bytes of algorithm {digest} are not stored")),
    })
}
