//! `rec-market export`: everything that is kept of one person, as one JSON object.

mod kept;
mod object;
mod own;

use std::io::Write;

use anyhow::Context;
use clap::Args;
use domain::MemberId;

use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::{output, stored};
use crate::clock::{Clock, SystemClock};
use object::Object;
use own::Own;

/// Print everything that is kept of one member, as one JSON object
///
/// For whoever asks what is known of them (GDPR, article 15). Whole, however much it is: the object is written as it is read. What
/// is said of others is what the member's own trades say: who sold it or bought it how much at which price.
#[derive(Debug, Args)]
#[command(after_help = "\
The object has these lists, each in order of time:
  intervals      what was settled: the member's readings, surplus and deficit, the terms that counted for it, and its trades
  payments       what became of its trades: state, payment and remark
  prices         prices that were set for its meters
  events         what people were told of its meters
  decisions      what people decided about its meters
  readings       readings of its meters that were imported or sent to the market, exactly as they are kept
  late_arrivals  which of these came after their intervals had been settled
  shadows        what other rules would have meant for it, as far as they were tried beside the one that settled
  links          links to its page
  visits         who opened its page, newest first
and `configuration`, what the configuration says of it now. Energy is in Wh, prices are in µEUR/kWh, amounts in nano-euro.
Of meters that somebody else had at other times, only the member's own time is there.")]
pub struct ExportArgs {
    /// The community [default: the only one that there is]
    #[arg(long, value_name = "NAME")]
    pub community: Option<String>,
    /// The member
    #[arg(long, value_name = "ID")]
    pub member: String,
    /// Print JSON: the only form that there is
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub config: ConfigArg,
}

pub async fn run(args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let member = MemberId::from_stored(&args.member).context("--member").exit_code(Exit::Usage)?;
    let (config, store) = stored::open(&args.config).await?;
    let community = only(stored::communities(&config, &*store, args.community.as_deref()).await?)?;
    let now = SystemClock.now();
    let bar = output::progress(0, "exporting");
    let own = Own::new(&config, &community, member);
    let mut object = Object::begin(out)?;
    object.field("community", &community)?;
    object.field("member", own.member.as_str())?;
    object.field("exported_at", &now.to_string())?;
    object.field("configuration", &own::configuration(&config, &community, &own.member)?)?;
    let found = kept::write(&*store, own, now, &mut object, &bar).await?;
    object.end()?;
    bar.finish_and_clear();
    if !found {
        let message = format!("nothing is kept of a member {} in community {community}", args.member);
        return Err(usage(format!("{message} (`rec-market statement` lists the members)")));
    }
    Ok(Exit::Done)
}

/// The only community. Members of two communities may have one name and be two people.
fn only(communities: Vec<String>) -> anyhow::Result<String> {
    match <[String; 1]>::try_from(communities) {
        Ok([only]) => Ok(only),
        Err(several) => {
            let names = several.join(", ");
            Err(usage(format!("there are several communities: name the member's with --community ({names})")))
        }
    }
}
