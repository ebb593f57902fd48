//! The statement of a member, over any period.

mod file;
mod json;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use books::statement::Statement;
use books::{Calendar, Period, StoreError};
use domain::{Boundary, MemberId};
use figures::statement::{Common, MemberStatement, Statements};
use figures::together::{self, Accounts, Seen, Together};
use jiff::Timestamp;
use jiff::civil::Date;
use pages::Repeat;
use pages::member::{Model, body};
use pages::statement::{Heading, period_name};

use super::ask::{Ask, Refusal, Shown};
use super::guard::Sight;
use super::kept::Source;
use crate::config::CommunityConfig;
use crate::statements::days::{self, Day};

/// Most trades of all members in a period whose intervals are read for a page, which takes some seconds the first time. Of more,
/// the sums of days are shown.
const TRADES_MAX: u64 = 1_000_000;

/// Makes the page.
///
/// # Errors
/// If there is no such member, or the store cannot be read.
pub async fn look_up(ask: &Ask, member: &MemberId) -> Result<Shown, Refusal> {
    let community = &**ask.community()?;
    let books = Books::find(ask, community).await?;
    let period = match ask.period()? {
        Some(period) => period,
        None => Period::containing(books.last(), Calendar::Month, &community.zone),
    };
    let settled = books.settled(&period).await?;
    if !settled.has(member) && !days::knows(&*ask.parts.reader, &community.name, member).await? {
        return Err(Refusal::NotFound);
    }
    if let Some(format) = ask.query.get("format") {
        return file::make(&books, &period, &settled, member, format).await;
    }
    let told = books.told(&period, &settled, member).await?;
    let repeat = matches!(ask.sight, Sight::Whole).then(|| books.repeat(&period, member));
    let seen = settled.seen(&ask.sight).map_err(too_large)?;
    let name = period_name(ask.look.language, &period);
    let title = format!("{member}, {name}, {}", community.name);
    let json = json::of(community, &period, &told, seen.as_ref())?;
    let model = Model {
        data: Some(books.data),
        common: told.common,
        statement: told.statement,
        steps: told.steps,
        files: settled.trades() <= file::TRADES_MAX,
        days: settled.count(),
        together: seen,
        repeat: repeat.as_ref(),
    };
    let language = ask.look.language;
    let heading = Heading { community: &community.name, period: Some(&period), zone: &community.zone, language };
    let body = body(&ask.look, &ask.place, heading, &period, &model);
    Ok(Shown::new(title, body, json).until_after(Some(books.mark), true))
}

/// A sum that does not fit: there can be no such energy or money, so the books are damaged.
fn too_large(error: figures::TooLarge) -> Refusal {
    Refusal::Store(StoreError::Corrupt { store: "of settled intervals".to_owned(), source: Box::new(error) })
}

/// The books of a community.
struct Books<'a> {
    ask: &'a Ask,
    community: &'a CommunityConfig,
    /// The end of its last interval.
    mark: Boundary,
    /// The start of its first interval, and the end of its last.
    data: (Timestamp, Timestamp),
}

impl<'a> Books<'a> {
    /// Finds them; where nothing is settled, there is no member.
    async fn find(ask: &'a Ask, community: &'a CommunityConfig) -> Result<Books<'a>, Refusal> {
        let reader = &ask.parts.reader;
        let mark = reader.mark(&community.name).await?.ok_or(Refusal::NotFound)?;
        let first = reader.sums(&community.name, books::Span::default(), None, 1).await?;
        let first = first.first().map_or(mark, |day| day.first);
        Ok(Books { ask, community, mark, data: (first.timestamp(), mark.timestamp()) })
    }

    /// An instant in the last interval.
    fn last(&self) -> Timestamp {
        Boundary::from_seconds(self.mark.seconds().saturating_sub(1)).map_or(self.data.0, Boundary::timestamp)
    }

    /// The days of all months that a period touches; of a year, its months.
    async fn settled(&self, period: &Period) -> Result<Settled, StoreError> {
        let zone = &self.community.zone;
        let (first, calendar, end) = (period.first(), period.calendar(), period.next(zone).map(|next| next.first()));
        let mut days = BTreeMap::new();
        if calendar == Calendar::Year {
            let mut month = Some(Period::containing(period.from(), Calendar::Month, zone));
            while let Some(current) = month.filter(|month| end.is_none_or(|end| month.first() < end) && days.len() < 12)
            {
                days.insert(current.first(), self.ask.parts.kept.month(self.source(), &current).await?);
                month = current.next(zone);
            }
            return Ok(Settled { first, end, calendar, days });
        }
        let month = |at: Timestamp| days::span(&Period::containing(at, Calendar::Month, zone));
        let last = period.until().and_then(|until| until.checked_sub(jiff::SignedDuration::from_secs(1)).ok());
        let span = books::Span { from: month(period.from()).from, to: last.and_then(|last| month(last).to) };
        let read = days::days(&*self.ask.parts.reader, &self.community.name, zone, span).await?;
        days.extend(read.into_iter().map(|(day, settled)| (day, Arc::new(settled))));
        Ok(Settled { first, end, calendar, days })
    }

    fn source(&self) -> Source<'_> {
        let CommunityConfig { name, zone, .. } = self.community;
        Source { store: &*self.ask.parts.reader, community: name, zone, mark: self.mark }
    }

    /// What there is to tell of a member.
    async fn told(&self, period: &Period, settled: &Settled, member: &MemberId) -> Result<Told, Refusal> {
        let zone = &self.community.zone;
        let reader = &*self.ask.parts.reader;
        let accounts = settled.accounts();
        let account = accounts.get(member).copied();
        let statement = MemberStatement::of(member, &account.unwrap_or_default(), &accounts);
        let (common, _) = Statements::new(zone.clone()).finish();
        let mut told = Told { common, statement, steps: Vec::new() };
        if account.is_none() {
            return Ok(told);
        }
        let reads = settled.trades() <= TRADES_MAX;
        if reads && period.calendar() != Calendar::Year {
            let made = self.ask.parts.kept.statements(self.source(), period).await?;
            told.common = made.common;
            told.statement = made.members.get(member).cloned().unwrap_or(told.statement);
        }
        told.steps = match period.calendar() {
            Calendar::Day if reads => steps::of_intervals(reader, self.community, period, member).await?,
            // Of a day with more trades than can be read, all that is known is its sum.
            Calendar::Day | Calendar::Week | Calendar::Month => steps::of_days(settled, zone, period, member),
            Calendar::Year => steps::of_months(settled, zone, period, member),
        };
        Ok(told)
    }

    /// How the numbers are made again on the command line.
    fn repeat(&self, period: &Period, member: &MemberId) -> Repeat {
        let parts = &self.ask.parts;
        let mut words = vec!["rec-market statement --json".to_owned()];
        let mut option = |name: &str, value: &str| {
            words.extend([name.to_owned(), domain::text::shell_word(value)]);
        };
        option("--config", &parts.config_path);
        option("--community", &self.community.name);
        option("--member", member.as_str());
        option("--from", &period.from().to_string());
        if let Some(until) = period.until() {
            option("--to", &until.to_string());
        }
        Repeat { command: words.join(" "), program: parts.program.clone() }
    }
}

/// What is told of a member over a period. No steps, if nothing was settled.
struct Told {
    common: Common,
    statement: MemberStatement,
    steps: Vec<pages::member::Step>,
}

/// The days of all months that a period touches, or the months of a year.
struct Settled {
    calendar: Calendar,
    first: Date,
    /// The first day after the period; `None` for the last one that there is.
    end: Option<Date>,
    /// By their first day. Months of a year may have none.
    days: BTreeMap<Date, Arc<Day>>,
}

impl Settled {
    fn is_within(&self, day: Date) -> bool {
        self.first <= day && self.end.is_none_or(|end| day < end)
    }

    /// Those that are in the period and have anything.
    fn within(&self) -> impl Iterator<Item = &Day> {
        let within = self.days.iter().filter(|(day, settled)| self.is_within(**day) && settled.days > 0);
        within.map(|(_, settled)| &**settled)
    }

    /// Number of days in the period with anything.
    fn count(&self) -> u64 {
        self.within().fold(0, |sum: u64, day| sum.saturating_add(day.days))
    }

    /// Whether a member was in any of the intervals.
    fn has(&self, member: &MemberId) -> bool {
        self.days.values().any(|day| day.statement.members.contains_key(member))
    }

    /// Number of trades in the period.
    fn trades(&self) -> u64 {
        self.within().fold(0, |sum: u64, day| sum.saturating_add(day.trades))
    }

    /// The accounts of all members over the period.
    fn accounts(&self) -> Accounts {
        let mut all = Statement::default();
        self.within().for_each(|day| all.add_accounts(&day.statement.members));
        all.members
    }

    /// What a viewer sees of what the community had together; `None` if nothing was settled.
    fn seen(&self, sight: &Sight) -> Result<Option<Seen>, figures::TooLarge> {
        if self.within().next().is_none() {
            return Ok(None);
        }
        let viewer = match sight {
            Sight::Whole => {
                let accounts = self.within().flat_map(|day| day.statement.members.values());
                return Together::of(accounts).map(|total| Some(Ok(total)));
            }
            Sight::Own(member) => member,
        };
        let days = self.days.iter().map(|(day, settled)| (*day, settled.statement.members.clone())).collect();
        together::of_period(self.calendar, |day| self.is_within(day), &days, viewer).map(Some)
    }
}
