//! The last scene: somebody uploads another algorithm, sees what it would have changed, and activates it.

use std::io::Write;
use std::sync::Arc;

use sandbox::Codegen;
use serde_json::{Value, json};

use super::life::{self, Life, Stage};
use crate::algorithms::cache::AlgorithmCache;
use crate::app::make_sandbox;
use crate::cli::exit::{Exit, failed};
use crate::cli::operator;
use crate::config::{CommunityConfig, Config};
use books::Store;

/// Plays it on the demo's books.
pub(super) async fn play(
    config: &Config,
    community: &CommunityConfig,
    store: &Arc<dyn Store>,
    cache: &Arc<AlgorithmCache>,
) -> anyhow::Result<Life> {
    let (books, directory) = (Arc::clone(store), config.cache.clone());
    let stage = Stage {
        store: Arc::clone(store),
        community: community.clone(),
        cache: Arc::clone(cache),
        make_sandbox: Box::new(|codegen| make_sandbox(codegen, None, Some(1))),
        make_cache: Box::new(move || {
            let sandbox = make_sandbox(Codegen::Usual, Some(directory.clone()), Some(1))?;
            Ok(AlgorithmCache::new(sandbox, Arc::clone(&books)))
        }),
    };
    life::show(stage).await.map_err(|error| failed(Exit::Away, error))
}

pub(super) fn json(life: &Life) -> Value {
    json!({
        "uploaded": operator::upload_json(&life.uploaded),
        "shadow": operator::report_json(&life.report),
        "activated": operator::change_json(&life.activated),
    })
}

pub(super) fn print(life: &Life, out: &mut impl Write) -> anyhow::Result<()> {
    let checks = serde_json::from_str::<Value>(&life.uploaded.report).unwrap_or_default();
    let checks = checks["checks"].as_array().map_or(0, Vec::len);
    writeln!(
        out,
        "\nThen somebody uploads another rule over TLS, and the gate finds nothing wrong in {checks} checks."
    )?;
    writeln!(out, "What it would have changed, had it settled all of that instead:\n")?;
    write!(out, "{}", operator::report_text(&life.report))?;
    writeln!(out, "\nIt is activated, and one command (algorithm rollback) would take that back:")?;
    writeln!(out, "  {}", operator::change_text(&life.activated))?;
    Ok(())
}
