//! `rec-market link revoke`: a link opens nothing any more.

use std::io::Write;

use books::Link;
use clap::Args;
use jiff::Unit;

use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, usage};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Revoke links: they open nothing any more, and whoever came in by one is out at once
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Ids of links, as `link create` and `link list` show them
    #[arg(value_name = "ID", required = true)]
    pub links: Vec<String>,
    #[command(flatten)]
    pub config: ConfigArg,
}

pub async fn run(args: &RevokeArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    // One that does not exist is not made.
    let books = app::open_store_to_read(&config.store).await?;
    for id in &args.links {
        if books.link(id).await?.is_none() {
            return Err(usage(format!(
                "there is no link {id:?} (`rec-market link list` shows all; nothing was revoked)"
            )));
        }
    }
    let store = app::open_store(&config.store).await?;
    let now = SystemClock.now().round(Unit::Millisecond)?;
    for id in &args.links {
        let Some(Link { community, member, revoked_at, .. }) = store.revoke_link(id, now).await? else { continue };
        match revoked_at.filter(|at| *at != now) {
            None => writeln!(out, "link {id} of {member} in {community} is revoked")?,
            Some(before) => writeln!(out, "link {id} of {member} in {community} was revoked at {before} already")?,
        }
    }
    Ok(Exit::Done)
}
