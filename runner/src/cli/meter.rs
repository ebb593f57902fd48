//! `rec-market meter`: what people decide about meters whose registers make no sense.

pub mod decide;
pub mod decisions;
pub mod exchange;
pub mod list;

use std::io::Write;
use std::sync::Arc;

use books::{Action, Change, ExpectedState, MeterLog, Progress, Store};
use clap::Args;
use domain::MeterId;
use domain::Power;
use domain::disputes::{LastRead, MeterDecision, MeterLimits};
use jiff::Unit;

use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::confirm;
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::record::{self, ByArg};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// How often a decision is made again because the community was settled meanwhile.
const ATTEMPTS: usize = 10;

/// What all decisions have.
#[derive(Debug, Args)]
pub struct DecisionArgs {
    /// The meter, as the Meters service names it
    #[arg(value_name = "METER")]
    pub meter: String,
    /// Its community [default: the only one of the configuration]
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    #[command(flatten)]
    pub by: ByArg,
    /// Skip the confirmation prompt
    #[arg(long, short)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

/// The meter that is to be decided about, in its community's books.
pub struct Subject {
    store: Arc<dyn Store>,
    community: String,
    meter: MeterId,
    limits: MeterLimits,
}

/// What the books say about it.
pub struct Books {
    progress: Progress,
    log: MeterLog,
    /// The number of the community's last decision.
    decision: u64,
}

/// A decision that can be made, and what it comes to in words.
pub struct Proposal {
    decision: MeterDecision,
    comes_to: String,
}

/// A refusal: what was asked is not possible with these books.
pub fn refused<T>(message: String) -> anyhow::Result<T> {
    Err(anyhow::Error::msg(message)).exit_code(Exit::Bad)
}

impl Subject {
    /// Opens the store. If `make` says so, it is made if there is none.
    async fn open(args: &DecisionArgs, make: bool) -> anyhow::Result<Subject> {
        let config = Config::load(&args.config.config)?;
        let community = community(&config, args.community.as_deref())?;
        let meter = args.meter.parse().map_err(|error| usage(format!("METER: {error}")))?;
        // One that does not exist is not made.
        if !make {
            drop(app::open_store_to_read(&config.store).await?);
        }
        let store = app::open_store(&config.store).await?;
        let limits = config.community(&community).map(|community| community.meter_limits_at(SystemClock.now()));
        let usual = || MeterLimits { usual: Power::USUAL, own: Default::default() };
        Ok(Subject { store, community, meter, limits: limits.unwrap_or_else(usual) })
    }

    async fn books(&self) -> anyhow::Result<Books> {
        let progress = self.store.progress(&self.community).await?;
        let decisions = self.store.decisions(&self.community).await?;
        let decision = decisions.iter().filter_map(|decision| decision.number).max().unwrap_or(0);
        Ok(Books { progress, log: MeterLog::of(&decisions), decision })
    }

    /// The state of the meter; it must have been read.
    fn state<'b>(&self, books: &'b Books) -> anyhow::Result<&'b LastRead> {
        let Subject { community, meter, .. } = self;
        let state = books.progress.last_reads.get(meter);
        state.ok_or_else(|| {
            usage(format!(
                "no meter {meter} was ever read in community {community} (`rec-market meter list` lists all)"
            ))
        })
    }

    /// Makes a decision, after asking. Whoever settles meanwhile is not overlooked: then it is proposed anew.
    async fn decide(
        &self,
        args: &DecisionArgs,
        propose: impl AsyncFn(&Subject, &Books) -> anyhow::Result<Proposal>,
        out: &mut impl Write,
    ) -> anyhow::Result<Exit> {
        let by = args.by.name_or_number()?;
        let reason = args.why.as_deref().map(record::why).transpose()?;
        let mut asked: Option<MeterDecision> = None;
        for _ in 0..ATTEMPTS {
            let books = self.books().await?;
            let Proposal { decision, comes_to } = propose(self, &books).await?;
            if !args.yes && asked != Some(decision) {
                writeln!(out, "{comes_to}")?;
                out.flush()?;
                if !confirm::confirm("It is recorded, and settled with the next pass")? {
                    return confirm::print_unchanged(out);
                }
                asked = Some(decision);
            }
            let at = SystemClock.now().round(Unit::Millisecond)?;
            let action = Action::Meter { meter: self.meter.clone(), decision, reason: reason.clone() };
            let change = Change { at, by: by.clone(), community: Some(self.community.clone()), action };
            // An interval that begins where the books end must not be settled: what is decided is about the books as they are.
            let expected = ExpectedState { open: books.progress.mark, decision: books.decision };
            if let Some(number) = self.store.decide(&self.community, &change, expected).await? {
                return decisions::print_made(number, &change, &comes_to, args.json, out);
            }
        }
        let way_out = "try again when the service has caught up";
        Err(anyhow::anyhow!("community {} was settled meanwhile, again and again ({way_out})", self.community))
            .exit_code(Exit::Unavailable)
    }
}

/// The community that was named, or the only one.
fn community(config: &Config, named: Option<&str>) -> anyhow::Result<String> {
    let names: Vec<&str> = config.communities.iter().map(|community| community.name.as_str()).collect();
    match (named, names.as_slice()) {
        (Some(named), names) if names.contains(&named) => Ok(named.to_owned()),
        (Some(named), names) => {
            Err(usage(format!("there is no community {named:?} (there are: {})", names.join(", "))))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, names) => Err(usage(format!("which community? (name one with --community: {})", names.join(", ")))),
    }
}
