//! The last scene: somebody uploads another algorithm, sees what it would have changed, and activates it.

use std::io::Write;
use std::sync::Arc;

use sandbox::Codegen;
use serde_json::{Value, json};

use crate::commands::{Exit, Failed, make_sandbox, operator};
use crate::config::{CommunityConfig, Config};
use crate::demo::life::{self, Life, Stage};
use crate::stock::Stock;
use crate::store::Store;

/// Plays it on the demo's books.
pub(super) async fn play(
    config: &Config,
    community: &CommunityConfig,
    store: &Arc<dyn Store>,
    stock: &Arc<Stock>,
) -> Result<Life, Failed> {
    let (books, cache) = (Arc::clone(store), config.cache.clone());
    let stage = Stage {
        store: Arc::clone(store),
        community: community.clone(),
        stock: Arc::clone(stock),
        make_sandbox: Box::new(|codegen| make_sandbox(codegen, None, Some(1))),
        make_stock: Box::new(move || {
            let sandbox = make_sandbox(Codegen::Usual, Some(cache.clone()), Some(1))?;
            Ok(Stock::new(sandbox, Arc::clone(&books)))
        }),
    };
    life::show(stage).await.map_err(|error| Failed::because(Exit::Away, &error))
}

pub(super) fn json(life: &Life) -> Value {
    json!({
        "uploaded": operator::upload_json(&life.uploaded),
        "shadow": operator::report_json(&life.report),
        "activated": operator::change_json(&life.activated),
    })
}

pub(super) fn print(life: &Life, out: &mut impl Write) -> Result<(), Failed> {
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
