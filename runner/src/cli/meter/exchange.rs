//! `rec-market meter exchange`: a meter that was exchanged, or will be.

use std::io::Write;

use books::{Span, StoreError, StoredInterval};
use clap::Args;
use domain::Boundary;
use domain::disputes::{Crossed, Exchange, Finding, LastRead, MeterDecision, MeterRules, Oddity, ReadAt};
use domain::reading::{Register, Registers, parse_register};
use jiff::Timestamp;

use super::{Books, DecisionArgs, Proposal, Subject, refused};
use crate::cli::args::time;
use crate::cli::exit::{Exit, usage};
use crate::cli::stored;

/// Tell that a meter was exchanged, or will be, with the old one's last registers and the new one's first
///
/// With both, no energy is lost and none is invented, whether it is told before the exchange or after. The time is one after the old
/// meter was read last and before the new one is read. What is told must fit the readings that there are.
#[derive(Debug, Args)]
pub struct ExchangeArgs {
    #[command(flatten)]
    pub decision: DecisionArgs,
    /// When the new meter began to count (2024-05-12T12:15:30Z, or a date in UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Timestamp,
    /// The old meter's last import register, in Wh
    #[arg(long, value_name = "WH", value_parser = register)]
    pub last_import: u64,
    /// The old meter's last export register, in Wh
    #[arg(long, value_name = "WH", value_parser = register)]
    pub last_export: u64,
    /// The new meter's first import register, in Wh
    #[arg(long, value_name = "WH", value_parser = register)]
    pub first_import: u64,
    /// The new meter's first export register, in Wh
    #[arg(long, value_name = "WH", value_parser = register)]
    pub first_export: u64,
}

fn register(text: &str) -> Result<u64, String> {
    parse_register(text).ok_or_else(|| "expected a whole number of Wh from 0 to 2^63-1".to_owned())
}

pub async fn run(args: &ExchangeArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let exchange = Exchange {
        at: args.at,
        last: Registers { import_wh: args.last_import, export_wh: args.last_export },
        first: Registers { import_wh: args.first_import, export_wh: args.first_export },
    };
    let instant = Boundary::from_seconds(u64::try_from(args.at.as_second()).unwrap_or(u64::MAX));
    let Some(at) = instant.filter(|_| args.at.subsec_nanosecond() == 0) else {
        return Err(usage(format!("--at is {}, but a whole second from 1970 on is expected", args.at)));
    };
    let subject = Subject::open(&args.decision, true).await?;
    let propose = async |subject: &Subject, books: &Books| Telling { subject, books, exchange, at }.propose().await;
    subject.decide(&args.decision, propose, out).await
}

/// An exchange that is told, against the books.
struct Telling<'t> {
    subject: &'t Subject,
    books: &'t Books,
    exchange: Exchange,
    /// The same second as that of the exchange.
    at: Boundary,
}

impl Telling<'_> {
    async fn propose(&self) -> anyhow::Result<Proposal> {
        let Exchange { at, .. } = self.exchange;
        let meter = &self.subject.meter;
        if self.known().iter().any(|known| known.at == at) {
            return refused(format!(
                "an exchange of meter {meter} at {at} was told already (`rec-market meter decisions`)"
            ));
        }
        let crossed = match self.books.progress.last_reads.get(meter) {
            // Whatever it shows first.
            None => None,
            Some(last) if last.boundary.timestamp() < at => {
                self.check_ahead(last)?;
                None
            }
            Some(_) => Some(self.crossed().await?),
        };
        let missing = match &crossed {
            None => None,
            Some(crossed) => Some((self.missing(crossed)?, crossed.before.boundary)),
        };
        let mut comes_to = format!("meter {meter}: {}", Finding::Exchanged { exchange: self.exchange });
        if let Some((missing, since)) = missing {
            comes_to += &format!("; {missing} since {since} are settled with the grid");
        }
        Ok(Proposal { decision: MeterDecision::Exchange { exchange: self.exchange, crossed }, comes_to })
    }

    /// The exchanges that were told before.
    fn known(&self) -> Vec<Exchange> {
        self.books.log.exchanges(u64::MAX).remove(&self.subject.meter).unwrap_or_default()
    }

    fn old_end(&self) -> ReadAt {
        ReadAt { boundary: self.at, registers: self.exchange.last }
    }

    fn new_begin(&self) -> ReadAt {
        ReadAt { boundary: self.at, registers: self.exchange.first }
    }

    /// Checks an exchange after the last good reading.
    fn check_ahead(&self, last: &LastRead) -> anyhow::Result<()> {
        let meter = &self.subject.meter;
        let Some(dispute) = last.dispute else { return self.check("old", last.read(), self.old_end()) };
        let (first, latest) = (dispute.run.first, dispute.run.latest);
        if first.boundary >= self.at {
            self.check("old", last.read(), self.old_end())?;
            return self.check("new", self.new_begin(), first);
        }
        if latest.boundary >= self.at {
            return refused(format!(
                "meter {meter} is disputed since {}, before the exchange at {} (decide that first: rec-market meter accept or restart)",
                first.boundary, self.exchange.at
            ));
        }
        self.check("old", last.read(), self.old_end()).or_else(|_| self.check("old", latest, self.old_end()))
    }

    /// Checks that one reading follows another one.
    fn check(&self, which: &str, from: ReadAt, to: ReadAt) -> anyhow::Result<()> {
        match self.follows(from, to) {
            Ok(_) => Ok(()),
            Err(odd) => {
                let odd: Vec<String> = odd.iter().map(ToString::to_string).collect();
                let (odd, meter) = (odd.join(" and "), &self.subject.meter);
                let rule =
                    if which == "old" { "and what was told is its end" } else { "and what was told is its beginning" };
                refused(format!(
                    "the exchange does not fit what meter {meter} showed: {odd} between {} and {}, {rule} (check --at and the {which} \
                     meter's registers; what it can count at most is power_max)",
                    from.boundary, to.boundary
                ))
            }
        }
    }

    /// By how much the registers rose, if that is possible.
    fn follows(&self, from: ReadAt, to: ReadAt) -> Result<Registers, Vec<Oddity>> {
        if from.boundary == to.boundary {
            // A second is enough for nothing but rounding.
            let odd = |register: Register| {
                let (from_wh, to_wh) = (from.registers.of(register), to.registers.of(register));
                (to_wh != from_wh).then_some(Oddity { register, fell: to_wh < from_wh, from_wh, to_wh })
            };
            let odd: Vec<Oddity> = Register::ALL.into_iter().filter_map(odd).collect();
            return if odd.is_empty() { Ok(Registers::ZERO) } else { Err(odd) };
        }
        let rules = MeterRules { limits: Some(self.subject.limits.clone()), ..MeterRules::default() };
        let judged = rules.judge(&self.subject.meter, &LastRead::good(from), to);
        match (judged.counted, judged.findings.into_iter().next()) {
            (Some((_, rise)), _) => Ok(rise),
            (None, Some(Finding::Fell { odd } | Finding::Jumped { odd, .. })) => Err(odd),
            (None, _) => Err(Vec::new()),
        }
    }

    /// The readings around an exchange that is told after the meter was read again, and what was settled between them.
    async fn crossed(&self) -> anyhow::Result<Crossed> {
        let (meter, at) = (&self.subject.meter, self.exchange.at);
        let Some(before) = self.last_before().await? else {
            return refused(format!("meter {meter} has no reading before the exchange at {at} (check --at)"));
        };
        let after = self.first_after().await?;
        let [after, rest @ ..] = after.as_slice() else {
            return refused(format!("meter {meter} has no reading after the exchange at {at} (check --at)"));
        };
        let is_between =
            |known: &&Exchange| before.boundary.timestamp() < known.at && known.at <= after.boundary.timestamp();
        if let Some(known) = self.known().iter().find(is_between) {
            return refused(format!(
                "an exchange of meter {meter} at {} was told already, between the same readings",
                known.at
            ));
        }
        self.check("old", before, self.old_end())?;
        self.check("new", self.new_begin(), *after)?;
        if let Some(next) = rest.first() {
            // Otherwise the first one was wrong, and the old meter counted on.
            self.check("new", *after, *next)?;
        }
        let accepted = self.books.log.after(0).any(|decision| {
            decision.meter == *meter && decision.decision == MeterDecision::Accept { first: after.boundary }
        });
        let rise = after.registers.checked_sub(before.registers);
        let counted = self.follows(before, *after).ok().or(rise.filter(|_| accepted));
        Ok(Crossed { before, after: *after, counted: counted.unwrap_or(Registers::ZERO) })
    }

    fn missing(&self, crossed: &Crossed) -> anyhow::Result<Registers> {
        match crossed.missing(&self.exchange) {
            Some(missing) => Ok(missing),
            None => {
                let told =
                    Crossed { counted: Registers::ZERO, ..*crossed }.missing(&self.exchange).unwrap_or(Registers::ZERO);
                refused(format!(
                    "the exchange comes to {told} between {} and {}, but {} were settled there (what is settled is not taken back)",
                    crossed.before.boundary, crossed.after.boundary, crossed.counted
                ))
            }
        }
    }

    /// The meter's last reading before the exchange.
    async fn last_before(&self) -> anyhow::Result<Option<ReadAt>> {
        let (end, mut days) = (self.at.seconds(), 1);
        loop {
            let from = end.saturating_sub(days * 86_400);
            let mut last = None;
            let span = Span { from: Some(from), to: Some(end) };
            stored::each_interval(&*self.subject.store, &self.subject.community, span, |interval| {
                let read = self.read_in(interval).filter(|read| read.boundary.timestamp() < self.exchange.at);
                last = read.or(last);
                Ok::<(), StoreError>(())
            })
            .await?;
            if last.is_some() || from == 0 {
                return Ok(last);
            }
            days *= 4;
        }
    }

    /// The meter's first two readings at or after the exchange.
    async fn first_after(&self) -> anyhow::Result<Vec<ReadAt>> {
        let mut found = Vec::new();
        // An interval that ends there may have begun a day before.
        let mut span = Span { from: Some(self.at.seconds().saturating_sub(86_400)), to: None };
        while found.len() < 2 {
            let page = self.subject.store.intervals(&self.subject.community, span, stored::PAGE).await?;
            let reads = page.iter().filter_map(|interval| self.read_in(interval));
            found.extend(reads.filter(|read| read.boundary.timestamp() >= self.exchange.at));
            match page.last() {
                Some(last) if page.len() == stored::PAGE => span.from = Some(stored::after(last.interval.start())),
                _ => break,
            }
        }
        Ok(found)
    }

    fn read_in(&self, interval: &StoredInterval) -> Option<ReadAt> {
        let reading = interval.readings.iter().find(|reading| reading.meter == self.subject.meter)?;
        Some(ReadAt { boundary: interval.interval.end(), registers: reading.registers })
    }
}
