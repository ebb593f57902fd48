//! `rec-market meter accept` and `meter restart`: what a jump of a register was.

use std::io::Write;

use clap::Args;
use domain::disputes::{Dispute, Effect, MeterDecision, decide};

use super::{Books, DecisionArgs, Proposal, Subject, refused};
use crate::cli::exit::Exit;

/// Count what a register jumped by as energy
///
/// For a meter that is disputed after a jump which was real. Everything since its last good reading is settled with the grid,
/// as a gap.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// Let a disputed meter count on from its first disputed reading
///
/// For a meter that is disputed after a jump which was no energy. What it showed since the jump is settled with the grid, as a
/// gap; what flowed before, since its last good reading, is not known and is not settled. If the meter was exchanged, tell its
/// registers instead, and nothing is lost: `rec-market meter exchange`.
#[derive(Debug, Args)]
pub struct RestartArgs {
    #[command(flatten)]
    pub decision: DecisionArgs,
}

pub async fn accept(args: &AcceptArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let args = &args.decision;
    let subject = Subject::open(args, false).await?;
    let propose = async |subject: &Subject, books: &Books| {
        let dispute = dispute(subject, books)?;
        let first = dispute.run.first;
        propose(subject, books, MeterDecision::Accept { first: first.boundary }, || {
            format!(
                "what falls is no energy: meter {} showed {} at {} (restart it, or tell its exchange: rec-market meter exchange)",
                subject.meter, first.registers, first.boundary
            )
        })
    };
    subject.decide(args, propose, out).await
}

pub async fn restart(args: &RestartArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let args = &args.decision;
    let subject = Subject::open(args, false).await?;
    let propose = async |subject: &Subject, books: &Books| {
        let first = dispute(subject, books)?.run.first.boundary;
        let impossible = || format!("meter {} cannot restart from {first}", subject.meter);
        propose(subject, books, MeterDecision::Restart { first }, impossible)
    };
    subject.decide(args, propose, out).await
}

/// What is disputed about the meter.
fn dispute(subject: &Subject, books: &Books) -> anyhow::Result<Dispute> {
    let last = subject.state(books)?;
    match last.dispute {
        Some(dispute) => Ok(dispute),
        None => refused(format!(
            "meter {} is not disputed: its last reading, {} at {}, is good (`rec-market meter list` shows which are)",
            subject.meter, last.registers, last.boundary
        )),
    }
}

fn propose(
    subject: &Subject,
    books: &Books,
    decision: MeterDecision,
    impossible: impl FnOnce() -> String,
) -> anyhow::Result<Proposal> {
    let exchanges = books.log.exchanges(u64::MAX).remove(&subject.meter).unwrap_or_default();
    let Some(Effect { since, rise, last }) = decide(subject.state(books)?, &decision, &exchanges) else {
        return refused(impossible());
    };
    let comes_to = format!(
        "meter {} counts on from {} at {}; {rise} since {since} are settled with the grid",
        subject.meter, last.registers, last.boundary
    );
    Ok(Proposal { decision, comes_to })
}
