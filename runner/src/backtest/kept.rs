//! Finished backtests as they are kept: with everything that a page about one shows, so that it is there after a restart, too.
//!
//! The form is private to this program. A backtest that an older program kept in another form is not shown; whoever wants it
//! starts it again.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use books::statement::{Account, Flow};
use books::{BACKTEST_BYTES_MAX, Span};
use domain::{Amount, Boundary};
use figures::backtest::{Coverage, Kind, Named, Runs};
use figures::{Backtest, Hour, MonthSums, Sums, Variant};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The version of the form. Another one is not read.
const VERSION: u32 = 1;
/// Bytes that the form has at most before it is packed.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;

/// A finished backtest, and what it takes to run it again.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its result.
    pub backtest: Backtest,
    /// The span that was asked for.
    pub asked: Span,
    /// The program that ran it, with its engine.
    pub program: String,
}

/// Why a backtest cannot be kept, or cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    #[error("the result has {0} bytes, more than can be kept (take a shorter period or fewer rules)")]
    TooLarge(usize),
    #[error("the result cannot be written")]
    Written(#[source] std::io::Error),
    #[error("the result is damaged, or of another version of the program (start the backtest again)")]
    Damaged(#[source] anyhow::Error),
}

/// Makes bytes of a backtest.
///
/// # Errors
/// If it is too large to be kept.
pub fn pack(finished: &Finished) -> Result<Vec<u8>, NotKept> {
    let text = serde_json::to_vec(&Form::of(finished)).map_err(|error| NotKept::Written(error.into()))?;
    if text.len() as u64 > UNPACKED_BYTES_MAX {
        return Err(NotKept::TooLarge(text.len()));
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&text).map_err(NotKept::Written)?;
    let packed = packed.finish().map_err(NotKept::Written)?;
    if packed.len() > BACKTEST_BYTES_MAX { Err(NotKept::TooLarge(packed.len())) } else { Ok(packed) }
}

/// Makes a backtest of bytes.
///
/// # Errors
/// If these are no bytes of a backtest.
pub fn unpack(bytes: &[u8]) -> Result<Finished, NotKept> {
    let mut text = Vec::new();
    let read = GzDecoder::new(bytes).take(UNPACKED_BYTES_MAX).read_to_end(&mut text);
    read.map_err(|error| NotKept::Damaged(error.into()))?;
    let form: Form = serde_json::from_slice(&text).map_err(|error| NotKept::Damaged(error.into()))?;
    form.finished().map_err(NotKept::Damaged)
}

#[derive(Serialize, Deserialize)]
struct Form {
    version: u32,
    program: String,
    asked: (Option<u64>, Option<u64>),
    community: String,
    zone: String,
    span: Option<(u64, u64)>,
    intervals: u64,
    counted: u64,
    uncleared: u64,
    gaps: u64,
    estimated: Option<(u64, u64)>,
    members: Vec<String>,
    variants: Vec<VariantForm>,
    baseline: usize,
    digest: String,
}

#[derive(Serialize, Deserialize)]
struct VariantForm {
    kind: KindForm,
    label: String,
    name: String,
    version: Option<String>,
    digest: Option<String>,
    settings: Vec<(String, String)>,
    failed: u64,
    rejected: u64,
    fuel: u64,
    problems: Vec<(u64, String)>,
    months: Vec<MonthForm>,
    /// Hours by day.
    days: Vec<(String, Vec<HourForm>)>,
    prices: Vec<(i64, u128)>,
}

/// The hour on the clock, how far it is behind UTC, and what was shared in it.
type HourForm = (i8, i32, u128);

#[derive(Serialize, Deserialize)]
enum KindForm {
    Grid,
    Settled,
    Rule,
}

#[derive(Serialize, Deserialize)]
struct MonthForm {
    month: String,
    shared: u128,
    fed_in: u128,
    needed: u128,
    potential: u128,
    operator: i128,
    accounts: Vec<AccountForm>,
}

/// Sold and bought here, sold and bought with the grid, each energy and money; and what it had cost with the grid alone.
#[derive(Serialize, Deserialize)]
struct AccountForm([(u128, i128); 4], i128);

impl Form {
    fn of(Finished { backtest, asked, program }: &Finished) -> Form {
        let Coverage { intervals, counted, uncleared, gaps, estimated } = backtest.coverage;
        Form {
            version: VERSION,
            program: program.clone(),
            asked: (asked.from, asked.to),
            community: backtest.community.clone(),
            zone: backtest.zone.iana_name().unwrap_or("UTC").to_owned(),
            span: backtest.span.map(|(from, until)| (from.seconds(), until.seconds())),
            intervals,
            counted,
            uncleared,
            gaps,
            estimated,
            members: backtest.members.iter().map(|member| member.as_str().to_owned()).collect(),
            variants: backtest.variants.iter().map(VariantForm::of).collect(),
            baseline: backtest.baseline,
            digest: backtest.digest.to_string(),
        }
    }

    fn finished(self) -> anyhow::Result<Finished> {
        anyhow::ensure!(self.version == VERSION, "it has version {}", self.version);
        let members = self.members.iter().map(|member| member.parse()).collect::<Result<Vec<_>, _>>()?;
        let variants = self.variants.into_iter().map(|variant| variant.variant(members.len()));
        let backtest = Backtest {
            community: self.community,
            zone: TimeZone::get(&self.zone)?,
            span: self.span.map(|(from, until)| anyhow::Ok((boundary(from)?, boundary(until)?))).transpose()?,
            coverage: Coverage {
                intervals: self.intervals,
                counted: self.counted,
                uncleared: self.uncleared,
                gaps: self.gaps,
                estimated: self.estimated,
            },
            variants: variants.collect::<Result<_, _>>()?,
            baseline: self.baseline,
            digest: self.digest.parse()?,
            members,
        };
        let (from, to) = self.asked;
        Ok(Finished { backtest, asked: Span { from, to }, program: self.program })
    }
}

fn boundary(second: u64) -> anyhow::Result<Boundary> {
    Boundary::from_seconds(second).ok_or_else(|| anyhow::anyhow!("second {second} is no boundary"))
}

impl VariantForm {
    fn of(variant: &Variant) -> VariantForm {
        let (Named { kind, label, name, version, digest, settings }, runs) = (&variant.named, &variant.runs);
        let mut days: BTreeMap<Date, Vec<HourForm>> = BTreeMap::new();
        for (Hour { day, clock, behind_utc }, wh) in variant.hours() {
            days.entry(*day).or_default().push((*clock, *behind_utc, *wh));
        }
        VariantForm {
            kind: match kind {
                Kind::GridAlone => KindForm::Grid,
                Kind::AsSettled => KindForm::Settled,
                Kind::Rule => KindForm::Rule,
            },
            label: label.clone(),
            name: name.clone(),
            version: version.clone(),
            digest: digest.map(|digest| digest.to_string()),
            settings: settings.clone(),
            failed: runs.failed,
            rejected: runs.rejected,
            fuel: runs.fuel,
            problems: runs.problems.iter().map(|(start, problem)| (start.seconds(), problem.clone())).collect(),
            months: variant.months().iter().map(|(month, sums)| MonthForm::of(*month, sums)).collect(),
            days: days.into_iter().map(|(day, hours)| (day.to_string(), hours)).collect(),
            prices: variant.prices().iter().map(|(price, wh)| (*price, *wh)).collect(),
        }
    }

    fn variant(self, members: usize) -> anyhow::Result<Variant> {
        let named = Named {
            kind: match self.kind {
                KindForm::Grid => Kind::GridAlone,
                KindForm::Settled => Kind::AsSettled,
                KindForm::Rule => Kind::Rule,
            },
            label: self.label,
            name: self.name,
            version: self.version,
            digest: self.digest.map(|digest| digest.parse()).transpose()?,
            settings: self.settings,
        };
        let problems = self.problems.into_iter().map(|(start, problem)| Ok((boundary(start)?, problem)));
        let problems = problems.collect::<anyhow::Result<_>>()?;
        let runs = Runs { failed: self.failed, rejected: self.rejected, fuel: self.fuel, problems };
        let mut hours = BTreeMap::new();
        for (day, of_day) in self.days {
            let day: Date = day.parse()?;
            hours.extend(of_day.into_iter().map(|(clock, behind_utc, wh)| (Hour { day, clock, behind_utc }, wh)));
        }
        let sums = Sums {
            months: self.months.into_iter().map(MonthForm::sums).collect::<Result<_, _>>()?,
            hours,
            prices: self.prices.into_iter().collect(),
        };
        Ok(Variant::new(named, runs, sums, members)?)
    }
}

impl MonthForm {
    fn of(month: Date, sums: &MonthSums) -> MonthForm {
        MonthForm {
            month: month.to_string(),
            shared: sums.shared_wh,
            fed_in: sums.fed_in_wh,
            needed: sums.needed_wh,
            potential: sums.potential_wh,
            operator: sums.operator.nano_eur(),
            accounts: sums.accounts.iter().map(AccountForm::of).collect(),
        }
    }

    fn sums(self) -> anyhow::Result<(Date, MonthSums)> {
        let sums = MonthSums {
            shared_wh: self.shared,
            fed_in_wh: self.fed_in,
            needed_wh: self.needed,
            potential_wh: self.potential,
            operator: Amount::from_nano_eur(self.operator),
            accounts: self.accounts.into_iter().map(AccountForm::account).collect(),
        };
        Ok((self.month.parse()?, sums))
    }
}

impl AccountForm {
    fn of(account: &Account) -> AccountForm {
        let flows = [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid];
        AccountForm(flows.map(|flow| (flow.wh, flow.amount.nano_eur())), account.grid_alone.nano_eur())
    }

    fn account(self) -> Account {
        let [sold_local, bought_local, sold_grid, bought_grid] =
            self.0.map(|(wh, nano_eur)| Flow { wh, amount: Amount::from_nano_eur(nano_eur) });
        Account { sold_local, bought_local, sold_grid, bought_grid, grid_alone: Amount::from_nano_eur(self.1) }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Digest, MemberId};

    use super::*;

    fn account(number: i128) -> Account {
        let flow = |wh| Flow { wh, amount: Amount::from_nano_eur(number * 1000) };
        let grid_alone = Amount::from_nano_eur(-number);
        Account {
            sold_local: flow(1),
            bought_local: flow(2),
            sold_grid: flow(3),
            bought_grid: flow(1 << 120),
            grid_alone,
        }
    }

    fn finished() -> Finished {
        let members: Vec<MemberId> = ["ann", "ben"].iter().map(|name| name.parse().unwrap()).collect();
        let day: Date = "2024-10-27".parse().unwrap();
        let hour = |behind_utc| Hour { day, clock: 2, behind_utc };
        let named = Named {
            kind: Kind::Rule,
            label: "own,a=1".to_owned(),
            name: "own".to_owned(),
            version: Some("1.0.0".to_owned()),
            digest: Some(Digest::of(b"own")),
            settings: vec![("a".to_owned(), "1".to_owned())],
        };
        let alone = Named { kind: Kind::GridAlone, version: None, digest: None, settings: Vec::new(), ..named.clone() };
        let start = Boundary::from_seconds(1_729_987_200).unwrap();
        let problems = BTreeMap::from([(start, "it traps".to_owned())]);
        let runs = Runs { failed: 1, rejected: 2, fuel: 3, problems };
        let month = MonthSums {
            shared_wh: u128::MAX / 4,
            fed_in_wh: 2,
            needed_wh: 3,
            potential_wh: 4,
            operator: Amount::from_nano_eur(i128::MIN / 4),
            accounts: vec![account(1 << 80), account(-1)],
        };
        let sums = Sums {
            months: BTreeMap::from([(day.first_of_month(), month)]),
            hours: BTreeMap::from([(hour(-7200), 5), (hour(-3600), 6)]),
            prices: BTreeMap::from([(-100, 7), (96_200, 8)]),
        };
        let variants = vec![
            Variant::new(alone, Runs::default(), Sums::default(), 2).unwrap(),
            Variant::new(named, runs, sums, 2).unwrap(),
        ];
        let coverage = Coverage { intervals: 9, counted: 6, uncleared: 3, gaps: 1, estimated: Some((1, 2)) };
        let backtest = Backtest {
            community: "aveiro".to_owned(),
            zone: TimeZone::get("Europe/Lisbon").unwrap(),
            span: Some((start, start)),
            coverage,
            members,
            variants,
            baseline: 1,
            digest: Digest::of(b"rounds"),
        };
        Finished { backtest, asked: Span { from: Some(5), to: None }, program: "rec-market 1, engine 2".to_owned() }
    }

    #[test]
    fn what_is_kept_is_read_back_to_the_last_digit() {
        let finished = finished();
        let back = unpack(&pack(&finished).unwrap()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{finished:?}"));
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_not_shown() {
        let packed = pack(&finished()).unwrap();
        let mut form = Form::of(&finished());
        form.version = 2;
        let mut other = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut other, &form).unwrap();
        for damaged in [&packed[..packed.len() / 2], b"", b"no gzip", &other.finish().unwrap()] {
            let error = unpack(damaged).unwrap_err();
            assert!(matches!(error, NotKept::Damaged(_)), "{error:?}");
        }
    }
}
