//! `rec-market algorithm shadow`: starts and ends a candidate, and reports how it does.

use std::io::Write;
use std::time::Duration;

use clap::{ArgGroup, Args};
use domain::IntervalLength;
use jiff::Timestamp;
use wire::rec_market_v1 as v1;

use super::service::{self, ServerArgs, SettingArgs};
use super::{json, text};
use crate::adapter::client::ServiceClient;
use crate::cli::args::time;
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::output;

/// How often the service is asked how far the candidate has come.
const POLL: Duration = Duration::from_millis(300);

/// Run a candidate beside what settles a community, or report how it did
///
/// The candidate runs on each interval after it is settled and changes no trade. The report says how often it ran and
/// failed, what it cost, and what each member would have traded locally and paid. With --since it also runs on intervals
/// that are already settled. Without ALGORITHM and --off, the command only reports.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["algorithm", "off"]))]
pub struct ShadowArgs {
    /// Name of the community
    pub community: String,
    /// Candidate to start: NAME for its newest version, NAME@VERSION, or sha256:DIGEST
    pub algorithm: Option<String>,
    /// Stop the candidate
    #[arg(long)]
    pub off: bool,
    /// Also run on settled intervals from this time on, and wait for the report
    #[arg(long, value_name = "TIME", value_parser = time, requires = "algorithm")]
    pub since: Option<Timestamp>,
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &ShadowArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let client = args.server.connect()?;
    let community = args.community.clone();
    if args.off {
        let change = client.end_shadow(v1::EndShadowRequest { community }).await?;
        return service::print_change(&change, args.json, out);
    }
    if let Some(algorithm) = &args.algorithm {
        let request = v1::StartShadowRequest {
            community,
            algorithm: algorithm.clone(),
            since: args.since.map(|since| since.to_string()).unwrap_or_default(),
            settings: args.settings.settings()?,
        };
        let change = client.start_shadow(request).await?;
        if args.since.is_none() {
            return service::print_change(&change, args.json, out);
        }
        catch_up(&client, &change).await?;
    }
    let report = client.report_shadow(v1::ReportShadowRequest { community: args.community.clone() }).await?;
    if args.json {
        output::json_line(&json::shadow(&report), out)?;
    } else {
        write!(out, "{}", text::shadow(&report))?;
    }
    Ok(Exit::Done)
}

/// Waits until a candidate has run on everything that was settled when it started.
async fn catch_up(client: &ServiceClient, started: &v1::Change) -> anyhow::Result<()> {
    let community = &started.community;
    let bar = output::progress(0, "running in the shadow");
    let mut goal = None;
    loop {
        let report = client.report_shadow(v1::ReportShadowRequest { community: community.clone() }).await;
        let report = report.inspect_err(|_| bar.finish_and_clear())?;
        check_running(started, &report).inspect_err(|_| bar.finish_and_clear())?;
        let seconds = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
        // Nothing is settled, so there is nothing to run on.
        let Some(settled) = seconds(&report.settled_until) else { break };
        let goal = *goal.get_or_insert(settled);
        let since = seconds(&report.since).unwrap_or(goal);
        let reached = seconds(&report.until).unwrap_or(since);
        // The bar counts quarter-hours, whatever the length of the community's intervals is.
        let quarters = |from: i64, to: i64| {
            u64::try_from(to.saturating_sub(from)).unwrap_or(0) / u64::from(IntervalLength::QUARTER_HOUR.seconds())
        };
        bar.set_length(quarters(since, goal));
        bar.set_position(quarters(since, reached));
        if reached >= goal || since >= goal {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Fails if somebody has stopped or replaced the candidate: nothing more would come.
fn check_running(started: &v1::Change, report: &v1::ShadowReport) -> anyhow::Result<()> {
    if report.is_running && report.candidate == started.algorithm {
        return Ok(());
    }
    let candidate = text::label(started.algorithm.as_ref().unwrap_or(&v1::Algorithm::default()));
    let community = &started.community;
    Err(anyhow::anyhow!(
        "{candidate} no longer runs beside {community}: somebody stopped it (`rec-market algorithm changes` shows who)"
    ))
    .exit_code(Exit::Bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_candidate_that_was_stopped() {
        let own =
            |name: &str| v1::Algorithm { name: name.to_owned(), version: "1".to_owned(), ..v1::Algorithm::default() };
        let started =
            v1::Change { algorithm: Some(own("own")), community: "aveiro".to_owned(), ..v1::Change::default() };
        let report = |candidate, is_running| v1::ShadowReport {
            candidate: Some(candidate),
            is_running,
            ..v1::ShadowReport::default()
        };
        assert!(check_running(&started, &report(own("own"), true)).is_ok());
        for stopped in [report(own("own"), false), report(own("other"), true)] {
            let error = check_running(&started, &stopped).unwrap_err();
            assert!(error.to_string().contains("own@1 no longer runs beside aveiro"), "{error:?}");
        }
    }
}
