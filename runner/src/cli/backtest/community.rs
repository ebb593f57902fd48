//! Whose rounds they are: a configured community, or one that is made up for the readings of files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use books::Store;
use jiff::tz::TimeZone;
use sandbox::Sandbox;

use super::BacktestArgs;
use crate::app::{self, open_sandbox_with_any_cache};
use crate::cli::exit::usage;
use crate::cli::stored;
use crate::config::{self, CommunityConfig, Config};

/// The usual configuration file.
const CONFIG: &str = "market.toml";
/// The name of a community that is made up.
const MADE_UP: &str = "community";

pub(super) struct Community {
    pub(super) name: String,
    pub(super) zone: TimeZone,
    /// What is configured of it; none of one that only the books know.
    pub(super) config: Option<CommunityConfig>,
    /// Its books; none where the readings of files are enough.
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) sandbox: Sandbox,
    /// The directory to which paths of algorithms are relative.
    pub(super) directory: PathBuf,
}

impl Community {
    pub(super) async fn open(args: &BacktestArgs) -> anyhow::Result<Community> {
        let community = match &args.config {
            None if !args.readings.is_empty() => made_up(args)?,
            config => configured(args, config.as_deref().unwrap_or(Path::new(CONFIG))).await?,
        };
        let zone = args.zone.clone().unwrap_or(community.zone);
        let config = community.config.map(|config| match args.basis {
            Some(basis) => CommunityConfig { basis, ..config },
            None => config,
        });
        Ok(Community { zone, config, ..community })
    }

    /// A community whose books are at hand.
    pub(super) fn of_books(config: &CommunityConfig, store: &Arc<dyn Store>, sandbox: &Sandbox) -> Community {
        Community {
            name: config.name.clone(),
            zone: config.zone.clone(),
            config: Some(config.clone()),
            store: Some(Arc::clone(store)),
            sandbox: sandbox.clone(),
            directory: PathBuf::new(),
        }
    }
}

async fn configured(args: &BacktestArgs, path: &Path) -> anyhow::Result<Community> {
    let config = Config::load(path)?;
    let from_books = args.readings.is_empty() && !args.fetch;
    if from_books && args.basis.is_some() {
        return Err(usage(
            "--basis needs --readings or --fetch (stored rounds have the basis with which they were settled)",
        ));
    }
    // Uploaded algorithms are in the store; without one there are none.
    let store = match app::open_store_to_read(&config.store).await {
        Ok(store) => Some(store),
        Err(error) if from_books => return Err(error.into()),
        Err(_) => None,
    };
    let names: Vec<String> = match (&store, from_books) {
        (Some(store), true) => stored::communities(&config, &**store, args.community.as_deref()).await?,
        _ => stored::selection(&config, Vec::new(), args.community.as_deref())?,
    };
    let [name] = names.as_slice() else {
        return Err(usage(format!("there are several communities (name one with --community: {})", names.join(", "))));
    };
    let sandbox = open_sandbox_with_any_cache(Some(config.cache.clone()))?;
    Ok(Community {
        name: name.clone(),
        zone: stored::zone(&config, name),
        config: config.community(name).cloned(),
        store,
        sandbox,
        directory: PathBuf::new(),
    })
}

/// A community in which each meter is a member, with one tariff for all.
fn made_up(args: &BacktestArgs) -> anyhow::Result<Community> {
    let name = args.community.as_deref().unwrap_or(MADE_UP);
    let mut keys = toml::Table::new();
    keys.insert("name".to_owned(), name.into());
    if let Some(basis) = args.basis {
        keys.insert("basis".to_owned(), basis.as_str().into());
    }
    if let Some(interval) = args.interval {
        keys.insert("interval".to_owned(), format!("{}s", interval.as_secs()).into());
    }
    if let Some(zone) = args.zone.as_ref().and_then(TimeZone::iana_name) {
        keys.insert("zone".to_owned(), zone.into());
    }
    let prices = [("retail", args.retail), ("feed_in", args.feed_in)];
    let tariff: toml::Table =
        prices.into_iter().filter_map(|(key, price)| Some((key.to_owned(), price?.into()))).collect();
    if !tariff.is_empty() {
        keys.insert("tariff".to_owned(), tariff.into());
    }
    let mut file = toml::Table::new();
    file.insert("community".to_owned(), vec![keys].into());
    let config = Config::of_text(&file.to_string(), Path::new("the command line"))?;
    let community = config.communities.into_iter().next();
    let zone = community.as_ref().map_or(TimeZone::UTC, |community| community.zone.clone());
    let sandbox = open_sandbox_with_any_cache(config::user_cache())?;
    Ok(Community { name: name.to_owned(), zone, config: community, store: None, sandbox, directory: PathBuf::new() })
}
