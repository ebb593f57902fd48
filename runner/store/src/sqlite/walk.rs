//! Walks through intervals in the order of the platform's answers, and over those that cannot have what is looked for.
//!
//! A community's intervals are found day by day: the day says how often each party sold and bought, so that days without it
//! are passed over, and whole days are skipped by their number of trades. The intervals of a few communities are merged; those of
//! many are read by the index over all.

use std::collections::VecDeque;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::fault::Fault;
use super::value::{second_from, unsigned};
use books::{MatchFilter, WireParty};
use record::{Counts, decode_counts, names_in, stored_name};

/// Communities whose days are walked through side by side.
const COMMUNITIES_MAX: usize = 64;
/// Intervals that are looked up at once.
const CHUNK: i64 = 16;

/// An interval on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    pub(super) end: i64,
    minute: i64,
    code: i64,
    pub(super) community: i64,
    pub(super) start: u64,
    /// Number of its trades.
    pub(super) trades: u64,
    /// Number of those between members.
    pub(super) paid: u64,
    /// Number of those of which nothing has become yet.
    pub(super) fresh: u64,
}

const HEAD: &str = "\"end\", minute, hash, community, start, trades, paid, fresh";

impl Head {
    fn read(row: &Row<'_>) -> rusqlite::Result<Head> {
        Ok(Head {
            end: row.get(0)?,
            minute: row.get(1)?,
            code: row.get(2)?,
            community: row.get(3)?,
            start: unsigned(row, 4)?,
            trades: unsigned(row, 5)?,
            paid: unsigned(row, 6)?,
            fresh: unsigned(row, 7)?,
        })
    }

    fn place(&self) -> (i64, i64, i64) {
        (self.end, self.minute, self.code)
    }
}

/// The way through the intervals that may have what a filter looks for.
pub(super) struct Walk<'c> {
    connection: &'c Connection,
    filter: &'c MatchFilter,
    /// Whether only trades are looked for of which nothing has become yet.
    fresh: bool,
    from: i64,
    to: i64,
    source: Source,
}

enum Source {
    /// All communities, after a place.
    All { after: (i64, i64, i64), heads: VecDeque<Head>, is_over: bool },
    /// Some communities, each by itself.
    Some(Vec<Stream>),
}

/// The intervals of one community.
struct Stream {
    community: i64,
    name: String,
    /// The end of the last day that was begun.
    day: i64,
    /// Starts within that day that are to be looked up: from the first on, up to the last.
    starts: Option<(i64, i64)>,
    heads: VecDeque<Head>,
    is_over: bool,
}

impl<'c> Walk<'c> {
    pub(super) fn new(connection: &'c Connection, filter: &'c MatchFilter, fresh: bool) -> Result<Walk<'c>, Fault> {
        let from = filter.from.map_or(0, second_from).max(0);
        let to = filter.to.map_or(i64::MAX, second_from);
        let communities = communities(connection, filter)?;
        let stream = |(community, name)| Stream {
            community,
            name,
            day: from.saturating_sub(1),
            starts: None,
            heads: VecDeque::new(),
            is_over: false,
        };
        let source = match communities {
            Some(communities) => Source::Some(communities.into_iter().map(stream).collect()),
            None => Source::All { after: (from, -1, -1), heads: VecDeque::new(), is_over: false },
        };
        Ok(Walk { connection, filter, fresh, from, to, source })
    }

    /// The next interval that may have what is looked for. `skip` is the number of trades that are still to be skipped:
    /// days that have no more than that are passed over, and taken off, if every trade of theirs counts.
    pub(super) fn next(&mut self, skip: &mut u64) -> Result<Option<Head>, Fault> {
        let Walk { connection, filter, fresh, from, to, source } = self;
        let streams = match source {
            Source::All { after, heads, is_over } => {
                if heads.is_empty() && !*is_over {
                    *heads = all_after(connection, *after, *to, *fresh)?;
                    match heads.back() {
                        Some(last) => *after = last.place(),
                        None => *is_over = true,
                    }
                }
                return Ok(heads.pop_front());
            }
            Source::Some(streams) => streams,
        };
        let is_single = streams.len() == 1;
        for stream in streams.iter_mut() {
            let skip = (is_single && counts_all(filter)).then_some(&mut *skip);
            stream.fill(connection, filter, *fresh, (*from, *to), skip)?;
        }
        let first = streams.iter_mut().filter(|stream| !stream.heads.is_empty());
        let first = first.min_by_key(|stream| stream.heads.front().copied());
        Ok(first.and_then(|stream| stream.heads.pop_front()))
    }
}

/// Whether a day's numbers of trades are those that the filter finds.
fn counts_all(filter: &MatchFilter) -> bool {
    filter.states.is_empty() && (filter.buyer.is_none() || filter.seller.is_none())
}

fn all_after(
    connection: &Connection,
    (end, minute, code): (i64, i64, i64),
    to: i64,
    fresh: bool,
) -> Result<VecDeque<Head>, Fault> {
    let fresh = if fresh { "AND fresh > 0" } else { "" };
    // The comparison of three is the only bound from below: beside another one, the index would not be used for it.
    let mut select = connection.prepare_cached(&format!(
        "SELECT {HEAD} FROM interval WHERE (\"end\", minute, hash) > (?1, ?2, ?3) AND \"end\" < ?4 {fresh}
         ORDER BY \"end\", minute, hash LIMIT ?5"
    ))?;
    let heads = select.query_map(params![end, minute, code, to, CHUNK], Head::read)?;
    Ok(heads.collect::<rusqlite::Result<_>>()?)
}

impl Stream {
    /// Looks up the next intervals, if none are at hand.
    fn fill(
        &mut self,
        connection: &Connection,
        filter: &MatchFilter,
        fresh: bool,
        (from, to): (i64, i64),
        mut skip: Option<&mut u64>,
    ) -> Result<(), Fault> {
        let condition = if fresh { "AND fresh > 0" } else { "" };
        let mut select = connection.prepare_cached(&format!(
            "SELECT {HEAD} FROM interval WHERE community = ?1 AND start >= ?2 AND start <= ?3 {condition}
             ORDER BY start LIMIT ?4"
        ))?;
        while self.heads.is_empty() && !self.is_over {
            let Some((first, last)) = self.starts else {
                self.starts = self.next_day(connection, filter, fresh, (from, to), skip.as_deref_mut())?;
                self.is_over = self.starts.is_none();
                continue;
            };
            let heads = select.query_map(params![self.community, first, last, CHUNK], Head::read)?;
            let heads: Vec<Head> = heads.collect::<rusqlite::Result<_>>()?;
            self.starts =
                heads.last().map(|last| i64::try_from(last.start).unwrap_or(i64::MAX)).map(|at| (at + 1, last));
            self.heads.extend(heads.into_iter().filter(|head| from <= head.end && head.end < to));
        }
        Ok(())
    }

    /// The starts of the first and the last interval of the next day that may have what is looked for.
    fn next_day(
        &mut self,
        connection: &Connection,
        filter: &MatchFilter,
        fresh: bool,
        (from, to): (i64, i64),
        mut skip: Option<&mut u64>,
    ) -> Result<Option<(i64, i64)>, Fault> {
        let condition = if fresh { "AND fresh > 0" } else { "" };
        let mut select = connection.prepare_cached(&format!(
            "SELECT first, last, until, trades, parties FROM day WHERE community = ?1 AND until > ?2 AND first < ?3 {condition}
             ORDER BY until"
        ))?;
        let mut rows = select.query(params![self.community, self.day, to])?;
        while let Some(row) = rows.next()? {
            let (first, last, until): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.day = until;
            let parties = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
            let found = self.count(filter, fresh, unsigned(row, 3)?, parties)?;
            let is_whole = from <= first && until < to;
            if let Some(skip) = skip.as_deref_mut().filter(|skip| is_whole && **skip >= found) {
                *skip -= found;
            } else if found > 0 {
                return Ok(Some((first, last)));
            }
        }
        Ok(None)
    }

    /// How many of a day's trades the filter finds at most; exactly, if every one of them counts.
    fn count(&self, filter: &MatchFilter, fresh: bool, trades: u64, parties: &[u8]) -> Result<u64, Fault> {
        let of = |party: &WireParty, number: fn(&Counts) -> u64| {
            let mut found = 0;
            for name in names_in(party, &self.name) {
                found += number(&decode_counts(parties, name)?);
            }
            Ok::<u64, Fault>(found)
        };
        let bought = |counts: &Counts| counts.bought;
        let waiting = |counts: &Counts| counts.fresh;
        let buyer = filter.buyer.as_ref().map(|buyer| of(buyer, if fresh { waiting } else { bought })).transpose()?;
        let seller = filter.seller.as_ref().map(|seller| of(seller, |counts| counts.sold)).transpose()?;
        Ok(buyer.unwrap_or(u64::MAX).min(seller.unwrap_or(u64::MAX)).min(trades))
    }
}

/// The communities that may have what a filter looks for, if they are few.
fn communities(connection: &Connection, filter: &MatchFilter) -> Result<Option<Vec<(i64, String)>>, Fault> {
    let most = i64::try_from(COMMUNITIES_MAX).unwrap_or(i64::MAX) + 1;
    let (mut conditions, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for party in [&filter.buyer, &filter.seller].into_iter().flatten() {
        let mut either = Vec::new();
        if let Some(name) = stored_name(&party.name) {
            either.push("id IN (SELECT community FROM party WHERE name = ?)");
            values.push(name.to_owned().into());
        }
        for (community, _) in &party.members {
            either.push("name = ?");
            values.push(community.clone().into());
        }
        conditions.push(format!("({})", if either.is_empty() { "FALSE".to_owned() } else { either.join(" OR ") }));
    }
    let condition = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    values.push(most.into());
    let mut select = connection.prepare_cached(&format!("SELECT id, name FROM community {condition} LIMIT ?"))?;
    let found = select.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(i64, String)> = found.collect::<rusqlite::Result<_>>()?;
    Ok((found.len() <= COMMUNITIES_MAX).then_some(found))
}
