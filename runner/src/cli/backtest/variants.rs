//! The rules that are named, loaded and ready.

use std::sync::Arc;

use base::Reference;

use super::community::Community;
use super::shares;
use crate::algorithms::cache::{AlgorithmCache, ReadyAlgorithm, make_ready};
use crate::algorithms::catalogue;
use crate::backtest::Variant;
use crate::backtest::variant::Named;
use crate::cli::exit::{Exit, ExitCode};

pub(super) fn parse(texts: &[String]) -> anyhow::Result<Vec<Named>> {
    texts.iter().map(|text| Named::parse(text)).collect::<Result<_, _>>().exit_code(Exit::Usage)
}

/// Loads the algorithms and files that variants name.
pub(super) async fn load(named: Vec<Named>, community: &Community) -> anyhow::Result<Vec<Variant>> {
    let cache = community.store.as_ref().map(|store| AlgorithmCache::new(community.sandbox.clone(), Arc::clone(store)));
    let mut variants = Vec::new();
    for mut named in named {
        if let Some(file) = &named.shares_file {
            named.otherwise.shares = Some(shares::read(file.as_ref()).exit_code(Exit::Usage)?);
        }
        let ready = ready(&named.algorithm, community, cache.as_ref()).await?;
        variants.push(Variant::new(named, ready).exit_code(Exit::Usage)?);
    }
    Ok(variants)
}

/// An algorithm by its name, as the configuration names one, but without pinning anything.
async fn ready(text: &str, community: &Community, cache: Option<&AlgorithmCache>) -> anyhow::Result<ReadyAlgorithm> {
    let reference = match cache {
        Some(_) => Reference::parse_stored(text, &community.directory),
        None => Reference::parse(text, &community.directory),
    };
    let reference = reference.exit_code(Exit::Usage)?;
    if let Some(cache) = cache
        && let Some(ready) = cache.known(&reference).await?
    {
        return Ok(ready);
    }
    let component = catalogue::read(&reference, |_| None)?;
    Ok(tokio::task::block_in_place(|| make_ready(&community.sandbox, &reference, component))?)
}
