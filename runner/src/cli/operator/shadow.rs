//! `rec-market algorithm shadow`: starts and ends a candidate, and tells what came of it.

use std::io::Write;
use std::time::Duration;

use domain::IntervalLength;
use jiff::Timestamp;

use super::{connect, decided, json, print_json, shown};
use crate::adapter::client::ServiceClient;
use crate::cli::args::ShadowArgs;
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::output;
use wire::rec_market_v1 as v1;

/// How often the service is asked how far the candidate has come.
const LOOK: Duration = Duration::from_millis(300);

/// Runs the command.
pub async fn run(args: &ShadowArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let operator = connect(&args.server)?;
    let community = args.community.clone();
    if args.off {
        let change = operator.end_shadow(v1::EndShadowRequest { community }).await?;
        return decided(&change, args.json, out);
    }
    if let Some(algorithm) = &args.algorithm {
        let settings = args.settings.settings().map_err(usage)?;
        let request = v1::StartShadowRequest {
            community,
            algorithm: algorithm.clone(),
            since: args.since.map(|since| since.to_string()).unwrap_or_default(),
            settings,
        };
        let change = operator.start_shadow(request).await?;
        if args.since.is_none() {
            return decided(&change, args.json, out);
        }
        catch_up(&operator, &change).await?;
    }
    let report = operator.report_shadow(v1::ReportShadowRequest { community: args.community.clone() }).await?;
    if args.json {
        print_json(&json::shadow(&report), out)?;
    } else {
        write!(out, "{}", shown::report(&report))?;
    }
    Ok(Exit::Done)
}

/// Waits until a candidate that was started has seen all that was settled when it began.
async fn catch_up(operator: &ServiceClient, started: &v1::Change) -> anyhow::Result<()> {
    let community = &started.community;
    let bar = output::progress(0, "running in the shadow");
    let mut goal = None;
    loop {
        let report = operator.report_shadow(v1::ReportShadowRequest { community: community.clone() }).await;
        let report = report.inspect_err(|_| bar.finish_and_clear())?;
        still_runs(started, &report).inspect_err(|_| bar.finish_and_clear())?;
        let seconds = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
        // Nothing is settled, so there is nothing to run on.
        let Some(settled) = seconds(&report.settled_until) else { break };
        let goal = *goal.get_or_insert(settled);
        let since = seconds(&report.since).unwrap_or(goal);
        let reached = seconds(&report.until).unwrap_or(since);
        // In quarter-hours, whatever the community's intervals are: it is only a bar.
        let quarters = |from: i64, to: i64| {
            u64::try_from(to.saturating_sub(from)).unwrap_or(0) / u64::from(IntervalLength::QUARTER_HOUR.seconds())
        };
        bar.set_length(quarters(since, goal));
        bar.set_position(quarters(since, reached));
        if reached >= goal || since >= goal {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Nothing more is to come for a candidate that somebody took away.
fn still_runs(started: &v1::Change, report: &v1::ShadowReport) -> anyhow::Result<()> {
    if report.is_running && report.candidate == started.algorithm {
        return Ok(());
    }
    let candidate = shown::label(started.algorithm.as_ref().unwrap_or(&v1::Algorithm::default()));
    let community = &started.community;
    Err(failed(
        Exit::Bad,
        anyhow::anyhow!(
            "{candidate} runs in the shadow of {community} no more: somebody ended it (algorithm changes tells who)"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_candidate_that_was_taken_away() {
        let own =
            |name: &str| v1::Algorithm { name: name.to_owned(), version: "1".to_owned(), ..v1::Algorithm::default() };
        let started =
            v1::Change { algorithm: Some(own("own")), community: "aveiro".to_owned(), ..v1::Change::default() };
        let report = |candidate, is_running| v1::ShadowReport {
            candidate: Some(candidate),
            is_running,
            ..v1::ShadowReport::default()
        };
        assert!(still_runs(&started, &report(own("own"), true)).is_ok());
        for gone in [report(own("own"), false), report(own("other"), true)] {
            let failed = still_runs(&started, &gone).unwrap_err();
            assert!(failed.to_string().contains("own@1 runs in the shadow of aveiro no more"), "{failed:?}");
        }
    }
}
