//! The audit: verifies every stored interval, from the registers it was netted from to the ids of its trades.
//!
//! Intervals are read in order and trusted in nothing: positions are netted again from consecutive registers, trades
//! are checked again against them, digests and ids are derived again, and for each member the energy of all trades must
//! equal the change of its registers. Memory grows with the number of meters and members, not with the length of the
//! books.

mod details;
mod registers;
mod sums;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use domain::disputes::{Effect, Exchange, MeterRules, ReadAt, decide};
use domain::netting::{self, Basis, EventKind, LastReads, Ownership};
use domain::ownership::{Tenure, Unlisted};
use domain::reading::{BoundaryReadings, REGISTER_WH_MAX};
use domain::round::{self, Terms};
use domain::settlement::{digest_of_trades, trades_max_default};
use domain::{Boundary, Digest, MemberId, MeterId, NamedParty, NamedTrade, Party, Round, Settlement, Trade, TradeId};

use details::KeptDetails;
use registers::{Crossings, bases, change};
use sums::Sums;

use crate::details::DayDetails;
use crate::interval::{Decided, MeterReading, Provenance, StoredInterval};
use crate::meters::MeterLog;
use crate::statement::DaySums;
use crate::store::Progress;
use crate::trade::{GapTrade, StoredTrade};

/// Maximum number of findings stored per community. More are only counted.
const FINDINGS_MAX: usize = 1000;

/// A member's energy by its registers and by its trades, which must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Change of the import registers, in Wh, as far as they count: see [`domain::disputes`].
    pub import_wh: i128,
    /// Change of the export registers, in Wh, as far as they count.
    pub export_wh: i128,
    /// Energy sold in trades, in Wh.
    pub sold_wh: i128,
    /// Energy bought in trades, in Wh.
    pub bought_wh: i128,
    /// Import and export that cancelled out within intervals, in Wh; 0 if the basis is always gross.
    pub netted_wh: i128,
}

impl Proof {
    /// Returns whether the trades account for the change of the registers: sold + netted = export, and bought + netted
    /// = import.
    pub fn holds(&self) -> bool {
        self.sold_wh + self.netted_wh == self.export_wh && self.bought_wh + self.netted_wh == self.import_wh
    }
}

/// The audit of one community.
#[derive(Debug, Default)]
pub struct Audit {
    community: String,
    /// What people decided about meters.
    log: MeterLog,
    crossings: Crossings,
    last: LastReads,
    mark: Option<Boundary>,
    sums: Sums,
    details: KeptDetails,
    /// Registers and trades of every member that was ever in the books.
    pub members: BTreeMap<MemberId, Proof>,
    /// Number of intervals with a round.
    pub intervals: u64,
    /// Number of trades.
    pub trades: u64,
    /// What is wrong, for people: the first 1000 findings.
    pub findings: Vec<String>,
    /// Number of all findings.
    pub findings_total: u64,
    /// Number of rounds that each algorithm cleared, by its digest.
    pub algorithms: BTreeMap<Digest, u64>,
}

impl Audit {
    /// Starts the audit of a community, where people have decided this about meters.
    pub fn new(community: &str, log: MeterLog) -> Audit {
        let crossings = Crossings::of(&log);
        Audit { community: community.to_owned(), log, crossings, ..Audit::default() }
    }

    /// Records a finding.
    pub fn find(&mut self, finding: String) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Verifies the next interval. Intervals must be added in order of time.
    pub fn add(&mut self, stored: &StoredInterval) {
        let interval = stored.interval;
        if self.mark.is_some() && !stored.opening.is_empty() {
            self.find(format!("interval {interval} opens the books although others come before it"));
        }
        if self.mark.is_some_and(|mark| interval.start() < mark && interval.end() <= mark) {
            self.find(format!("interval {interval} comes after one that ends later"));
        }
        self.mark = Some(interval.end());
        self.intervals += u64::from(stored.round.is_some());
        self.trades += stored.trades.len() as u64;
        for finding in self.prove(stored) {
            self.find(format!("interval {interval}: {finding}"));
        }
        let proofs = [self.sums.prove(stored), self.details.prove(stored)];
        proofs.into_iter().flatten().for_each(|finding| self.find(finding));
    }

    /// Notes what the store has summed up of a day, to compare it with the intervals that are added afterwards. Days must be
    /// added in order of time.
    pub fn add_sums(&mut self, day: &DaySums) {
        self.sums.expect(day);
    }

    /// Notes which details the store keeps of a day, to compare them with the intervals that are added afterwards. Days must be
    /// added in order of time.
    pub fn add_details(&mut self, day: &DayDetails) {
        self.details.expect(day);
    }

    fn prove(&mut self, stored: &StoredInterval) -> Vec<String> {
        let mut findings = self.prove_inputs(stored);
        let gap_trades: usize = stored.gaps.iter().map(gap_trades).sum();
        let settled = stored.trades.len().saturating_sub(gap_trades);
        findings.extend(prove_ids(&self.community, stored, settled as u64..u64::MAX));
        let (settled, gaps) = stored.trades.split_at(settled);
        match &stored.round {
            Some(round) => {
                findings.extend(self.prove_terms(stored, round));
                findings.extend(prove_settlement(round, settled, stored.trades_digest));
            }
            None if !settled.is_empty() => findings.push(format!("it has {} trades but no round", settled.len())),
            None => {}
        }
        findings.extend(prove_gap_trades(&stored.gaps, gaps));
        if stored.provenance.is_some() != stored.round.is_some() {
            findings.push("it has a round but not how it was cleared, or how but no round".to_owned());
        }
        if let Some(provenance) = &stored.provenance {
            *self.algorithms.entry(provenance.algorithm).or_default() += 1;
        }
        for trade in &stored.trades {
            let wh = i128::from(trade.energy.wh());
            if let NamedParty::Member(seller) = &trade.seller {
                self.members.entry(seller.clone()).or_default().sold_wh += wh;
            }
            if let NamedParty::Member(buyer) = &trade.buyer {
                self.members.entry(buyer.clone()).or_default().bought_wh += wh;
            }
        }
        findings
    }

    /// Checks that the round names this community and interval, and has their seed.
    fn prove_terms(&self, stored: &StoredInterval, round: &Round) -> Vec<String> {
        let Terms { community, interval, seed, .. } = round.terms();
        let mut findings = Vec::new();
        if (community, *interval) != (&self.community, stored.interval) {
            findings.push(format!("its round is of {community} at {interval}"));
        }
        if *seed != round::seed(&self.community, stored.interval) {
            findings.push(format!("its round has the seed {seed}, which is not that of its place"));
        }
        if stored.round_digest != Some(round.digest()) {
            findings.push("its round is not the one that was cleared (its digest differs)".to_owned());
        }
        findings
    }

    /// Nets the stored registers again and compares the result with the round and the gaps.
    fn prove_inputs(&mut self, stored: &StoredInterval) -> Vec<String> {
        let mut findings = Vec::new();
        // What others have settled: from here on these books account for it.
        self.last.extend(stored.opening.clone());
        let owners = stored.readings.iter().map(|reading| (reading.meter.clone(), tenure(stored, reading)));
        let ownership = Ownership::over_time(owners, Unlisted::Join, HashSet::new());
        let readings: BoundaryReadings =
            stored.readings.iter().map(|reading| (reading.meter.clone(), reading.registers)).collect();
        let (interval, basis) = (stored.interval, stored.basis);
        let netting = netting::net(interval, basis, &ownership, &self.last, &readings, &stored.rules);
        let positions = stored.round.iter().flat_map(|round| round.positions());
        let positions: BTreeMap<_, _> = positions.map(|position| (&position.member, position)).collect();
        for (member, balance) in &netting.balances {
            match positions.get(member) {
                Some(position) if (position.surplus, position.deficit) == (balance.surplus, balance.deficit) => {}
                Some(position) => findings.push(format!(
                    "member {member} has {} and {} in the round, but {} and {} by its registers",
                    position.surplus, position.deficit, balance.surplus, balance.deficit
                )),
                None => findings.push(format!("member {member} was read at both ends but is not in the round")),
            }
        }
        for member in positions.keys().filter(|member| !netting.balances.contains_key(**member)) {
            findings.push(format!("member {member} is in the round but was not read at both ends"));
        }
        let same = |gap: &netting::Gap, stored: &GapTrade| {
            (&gap.member, gap.since) == (&stored.member, stored.since)
                && (gap.balance.surplus, gap.balance.deficit) == (stored.surplus, stored.deficit)
        };
        findings.extend(prove_told(&netting, stored));
        findings.extend(self.prove_exchanges(&stored.rules));
        self.add_registers(stored, &netting.read);
        let is_disputed = |meter: &MeterId| netting.read.get(meter).is_some_and(|read| read.dispute.is_some());
        self.crossings.look(interval.end(), &stored.readings, is_disputed);
        self.last.extend(netting.read);
        let mut gaps = netting.gaps;
        for decided in &stored.decided {
            match self.prove_decided(stored, decided) {
                Ok(gap) => gaps.extend(gap),
                Err(finding) => findings.push(finding),
            }
        }
        let gaps_match =
            gaps.len() == stored.gaps.len() && gaps.iter().zip(&stored.gaps).all(|(gap, stored)| same(gap, stored));
        if !gaps_match {
            findings.push("its gaps are not those of its registers".to_owned());
        }
        findings
    }

    /// Checks that every exchange that an interval was netted with was declared.
    fn prove_exchanges(&self, rules: &MeterRules) -> Vec<String> {
        if rules.exchanges.is_empty() {
            return Vec::new();
        }
        let declared = self.log.exchanges(u64::MAX);
        let used = rules.exchanges.iter().flat_map(|(meter, exchanges)| exchanges.iter().map(move |one| (meter, one)));
        let unknown = used.filter(|(meter, one)| !declared.get(*meter).is_some_and(|declared| declared.contains(one)));
        unknown
            .map(|(meter, Exchange { at, .. })| format!("nobody declared an exchange of meter {meter} at {at}"))
            .collect()
    }

    /// Applies a decision to the state of its meter again; returns the gap that comes of it.
    fn prove_decided(&mut self, stored: &StoredInterval, decided: &Decided) -> Result<Option<netting::Gap>, String> {
        let Decided { decision: number, meter, member } = decided;
        let decision = self.log.get(*number).filter(|decision| decision.meter == *meter);
        let decision = decision.ok_or_else(|| format!("nobody made decision {number} about meter {meter}"))?;
        let exchanges = self.log.exchanges(*number).remove(meter).unwrap_or_default();
        let last = self.last.get(meter);
        let effect = decide(last, &decision.decision, &exchanges);
        let Effect { since, rise, last } =
            effect.ok_or_else(|| format!("decision {number} about meter {meter} comes to nothing"))?;
        if !self.crossings.prove(*number) {
            return Err(format!("decision {number} about meter {meter} names readings that are not in the books"));
        }
        self.last.insert(meter.clone(), last);
        self.add_change(member, stored.basis, rise.import_wh.into(), rise.export_wh.into());
        let gap = |balance| netting::Gap { meter: meter.clone(), member: member.clone(), since, balance };
        Ok(netting::gap_balance(stored.basis, rise).map(gap))
    }

    /// Sums the change of the registers, independently of the netting that it verifies. `states` are those of the meters
    /// after the interval.
    fn add_registers(&mut self, stored: &StoredInterval, states: &LastReads) {
        let mut within: HashMap<&MemberId, (i128, i128)> = HashMap::new();
        for reading in &stored.readings {
            self.members.entry(reading.member.clone()).or_default();
            if reading.anew {
                continue;
            }
            let is_disputed = states.get(&reading.meter).is_none_or(|state| state.dispute.is_some());
            let Some(last) = self.last.get(&reading.meter).filter(|_| !is_disputed) else { continue };
            let now = ReadAt { boundary: stored.interval.end(), registers: reading.registers };
            let exchanges = stored.rules.exchanges.get(&reading.meter).map_or(&[][..], Vec::as_slice);
            let from = bases(last).find_map(|base| Some((base.boundary, change(base, now, exchanges)?)));
            let Some((boundary, (import, export))) = from else { continue };
            if boundary == stored.interval.start() && !stored.rules.missing.contains(&reading.meter) {
                let sum = within.entry(&reading.member).or_default();
                *sum = (sum.0 + import, sum.1 + export);
            } else {
                // A meter that is read again after a gap is netted on its own.
                self.add_change(&reading.member, stored.basis, import, export);
            }
        }
        for (member, (import, export)) in within {
            self.add_change(member, stored.basis, import, export);
        }
    }

    fn add_change(&mut self, member: &MemberId, basis: Basis, import: i128, export: i128) {
        let cancelled = match basis {
            Basis::Net => import.min(export),
            Basis::Gross => 0,
        };
        // Energy that no store can hold is not settled; the meter counts from its new value, as after a fall.
        if (import - cancelled).max(export - cancelled) > i128::from(REGISTER_WH_MAX) {
            return;
        }
        let proof = self.members.entry(member.clone()).or_default();
        proof.import_wh += import;
        proof.export_wh += export;
        proof.netted_wh += cancelled;
    }

    /// Completes the audit: compares with the progress that the store reports, and checks every member's [`Proof`].
    pub fn finish(&mut self, progress: &Progress) {
        if progress.mark != self.mark {
            let mark_text = |mark: Option<Boundary>| mark.map_or("none".to_owned(), |mark| mark.to_string());
            self.find(format!(
                "the resume mark is {}, but the books end at {}",
                mark_text(progress.mark),
                mark_text(self.mark)
            ));
        }
        if progress.last_reads != self.last {
            for meter in differing(&progress.last_reads, &self.last) {
                self.find(format!("the last registers of meter {meter} are not those of the books"));
            }
        }
        let left = [self.sums.finish(), self.details.finish()];
        left.into_iter().flatten().for_each(|finding| self.find(finding));
        let broken: Vec<String> = self
            .members
            .iter()
            .filter(|(_, proof)| !proof.holds())
            .map(|(member, proof)| {
                format!(
                    "member {member} sold {} Wh and bought {} Wh, but its registers moved by {} Wh and {} Wh, of which {} Wh cancelled out",
                    proof.sold_wh, proof.bought_wh, proof.export_wh, proof.import_wh, proof.netted_wh
                )
            })
            .collect();
        broken.into_iter().for_each(|finding| self.find(finding));
    }
}

/// Since when a meter counts for its member, as far as an interval says.
fn tenure(stored: &StoredInterval, reading: &MeterReading) -> Tenure {
    let forever = Tenure::forever(reading.member.clone());
    if reading.anew { Tenure { from: stored.interval.end().timestamp(), ..forever } } else { forever }
}

/// Checks that what is not settled because a meter changed hands was told: otherwise energy could be hidden that way.
fn prove_told(netting: &netting::Netting, stored: &StoredInterval) -> Vec<String> {
    let is_told = |event: &netting::Event| {
        let mut told = stored.events.iter().filter(|told| told.code == event.kind.code());
        told.any(|told| told.subject == event.meter.as_str())
    };
    let changed = netting.events.iter().filter(|event| matches!(event.kind, EventKind::ChangedHands { .. }));
    let untold = changed.filter(|event| !is_told(event));
    untold.map(|event| format!("meter {} counts anew, but no event tells why", event.meter)).collect()
}

fn differing(a: &LastReads, b: &LastReads) -> BTreeSet<MeterId> {
    let meters = a.keys().chain(b.keys());
    meters.filter(|meter| a.get(*meter) != b.get(*meter)).cloned().collect()
}

/// Checks numbers, ids, states and messages; `gaps` are the numbers of trades of gaps.
fn prove_ids(community: &str, stored: &StoredInterval, gaps: Range<u64>) -> Vec<String> {
    let mut findings = Vec::new();
    let remark = stored.provenance.as_ref().and_then(Provenance::remark);
    for (trade, number) in stored.trades.iter().zip(0_u64..) {
        if trade.number != number {
            findings.push(format!("trade {number} is missing"));
            break;
        }
        let id = TradeId::derive(community, stored.interval, number);
        if trade.id != id {
            findings.push(format!("trade {number} has the id {}, but its place gives {id}", trade.id));
        }
        let with_grid = trade.kind().is_with_grid();
        // Transactions may add a message to a trade between members. Others have one only if they are of a gap or a
        // fallback.
        let unexpected = with_grid && !gaps.contains(&number) && trade.message != remark;
        if let Some(message) = trade.message.as_ref().filter(|_| unexpected) {
            findings.push(format!("trade {number} has the message {message:?} although it is with the grid"));
        }
        if trade.state.is_none() != with_grid {
            findings
                .push(format!("trade {number} has a state although it is with the grid, or none although it is not"));
        }
    }
    findings
}

fn prove_settlement(round: &Round, stored: &[StoredTrade], digest: Option<Digest>) -> Vec<String> {
    let index = |member: &MemberId| {
        let found = round.positions().binary_search_by(|position| position.member.cmp(member));
        found.ok().and_then(|index| u32::try_from(index).ok())
    };
    let party = |party: &NamedParty| match party {
        NamedParty::Grid => Ok(Party::Grid),
        NamedParty::Operator => Ok(Party::Operator),
        NamedParty::Member(member) => index(member).map(Party::Member).ok_or_else(|| member.clone()),
    };
    let (mut trades, mut findings) = (Vec::with_capacity(stored.len()), Vec::new());
    for StoredTrade { number, seller, buyer, energy, price, .. } in stored {
        match (party(seller), party(buyer)) {
            (Ok(seller), Ok(buyer)) => trades.push(Trade { seller, buyer, energy: *energy, price: *price }),
            (Err(member), _) | (_, Err(member)) => {
                findings.push(format!("unknown-member: trade {number} names {member}, who is not in the round"));
            }
        }
    }
    // With an unknown member they are not those that were settled either, and there is nothing to check.
    if !findings.is_empty() || digest != Some(digest_of_trades(&trades)) {
        findings.push("its trades are not those that were settled (their digest differs)".to_owned());
    }
    if trades.len() < stored.len() {
        return findings;
    }
    let most = trades_max_default(round.positions().len());
    if let Err(violations) = Settlement::check(Arc::new(round.clone()), trades, most) {
        findings.extend(violations.iter().map(|violation| format!("{}: {violation}", violation.code())));
    }
    findings
}

fn gap_trades(gap: &GapTrade) -> usize {
    usize::from(gap.surplus.wh() > 0) + usize::from(gap.deficit.wh() > 0)
}

fn prove_gap_trades(gaps: &[GapTrade], stored: &[StoredTrade]) -> Vec<String> {
    let expected = gaps.iter().flat_map(|gap| gap.trades().map(|trade| (trade, Some(gap.message()))));
    let stored = stored.iter().map(|trade| {
        let StoredTrade { seller, buyer, energy, price, message, .. } = trade.clone();
        (NamedTrade { seller, buyer, energy, price }, message)
    });
    if expected.eq(stored) { Vec::new() } else { vec!["trades of gaps are not those that were settled".to_owned()] }
}
