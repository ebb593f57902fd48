//! `rec-market algorithm list`.

use std::io::Write;

use anyhow::anyhow;
use base::{BASE, Base};
use clap::Args;
use sandbox::{Description, Limits};
use serde_json::{Value, json};
use wire::rec_market_v1 as v1;

use super::service::IdentityArgs;
use super::{json, text};
use crate::app::open_sandbox_with_any_cache;
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::config;

/// List the algorithms of a running service, and what settles each community; or those that are part of this program
#[derive(Debug, Args)]
pub struct ListArgs {
    /// List the algorithms that are part of this program, with their settings; needs no service
    #[arg(long, conflicts_with = "server")]
    pub base: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// TLS address of the service, such as https://market:50051
    #[arg(long, value_name = "URL", required_unless_present = "base", help_heading = "Service")]
    pub server: Option<String>,
    #[command(flatten)]
    pub identity: IdentityArgs,
}

pub async fn run(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let Some(server) = &args.server else {
        return list_base(args.json, out);
    };
    let listed = args.identity.connect(server)?.list_algorithms(v1::ListAlgorithmsRequest {}).await?;
    if args.json {
        output::json_line(&json::list(&listed), out)?;
    } else {
        writeln!(out, "{}\n{}", text::versions(&listed.versions), text::communities(&listed.communities))?;
    }
    Ok(Exit::Done)
}

/// Lists the base algorithms as they describe themselves.
fn list_base(as_json: bool, out: &mut impl Write) -> anyhow::Result<Exit> {
    let sandbox = open_sandbox_with_any_cache(config::user_cache())?;
    let mut described = Vec::new();
    for base in &BASE {
        let description = sandbox.load_own(base.bytes)?.describe(Limits::default().budget(0))?;
        described
            .push((base, description.map_err(|failure| anyhow!("{} does not describe itself: {failure}", base.name))?));
    }
    if as_json {
        let algorithms: Vec<Value> = described.iter().map(|(base, description)| base_json(base, description)).collect();
        output::json_line(&json!({ "algorithms": algorithms }), out)?;
        return Ok(Exit::Done);
    }
    for (_, Description { name, version, summary, settings }) in &described {
        writeln!(out, "{name} {version}\n  {summary}")?;
        for setting in settings {
            writeln!(out, "  setting {} = {:?}: {}", setting.key, setting.default, setting.summary)?;
        }
    }
    Ok(Exit::Done)
}

fn base_json(base: &Base, description: &Description) -> Value {
    let setting = |setting: &sandbox::Setting| json!({ "key": setting.key, "summary": setting.summary, "default": setting.default });
    json!({
        "name": description.name,
        "version": description.version,
        "sha256": domain::Digest::of(base.bytes).to_string(),
        "component_bytes": base.bytes.len(),
        "summary": description.summary,
        "settings": description.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}
