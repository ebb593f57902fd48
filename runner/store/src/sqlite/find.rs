//! Lists trades as the platform sees them, by filter, in order of their interval's end and their id.
//!
//! There are two ways. If the filter is about states, what has become of trades is found by an index over payments, and merged
//! with the trades of which nothing has become yet. Otherwise, or if it is about a party and states of trades that wait no
//! more, all trades of its intervals are looked at.

use std::collections::VecDeque;

use domain::TradeId;
use domain::trade::State;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::fault::Fault;
use super::opened::Opened;
use super::value::{second_from, signed, unsigned};
use super::walk::{Head, Walk};
use crate::record::{names_in, stored_name};
use books::{Match, MatchFilter, Window, WireParty};

pub(super) fn find(connection: &Connection, filter: &MatchFilter, window: Window) -> Result<Vec<Match>, Fault> {
    if window.limit == 0 {
        return Ok(Vec::new());
    }
    if let Some(id) = filter.id {
        let found = if window.skip == 0 { by_id(connection, filter, id)? } else { None };
        return Ok(found.into_iter().collect());
    }
    let is_of_party = filter.buyer.is_some() || filter.seller.is_some();
    let is_of_waiting = filter.states.iter().all(|state| state.is_waiting());
    let by_state = !filter.states.is_empty() && (is_of_waiting || !is_of_party);
    let mut page = Page { skip: window.skip, limit: window.limit, found: Vec::new() };
    if by_state {
        merged(connection, filter, window, &mut page)?;
    } else {
        through_all(connection, filter, &mut page)?;
    }
    Ok(page.found)
}

/// What is skipped, and what is found.
struct Page {
    skip: u64,
    limit: usize,
    found: Vec<Match>,
}

impl Page {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    /// Takes a trade that the filter finds.
    fn take(&mut self, opened: &Opened, number: u64) -> Result<(), Fault> {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.found.extend(opened.shown(number)?);
        }
        Ok(())
    }
}

fn by_id(connection: &Connection, filter: &MatchFilter, id: TradeId) -> Result<Option<Match>, Fault> {
    let Some(mut opened) = Opened::of(connection, id)? else { return Ok(None) };
    let number = id.number();
    opened.read_payment(connection, number)?;
    let Some(found) = opened.shown(number)?.filter(|found| found.id == id) else { return Ok(None) };
    let end = i64::try_from(opened.end()).unwrap_or(i64::MAX);
    let is_in_time =
        filter.from.is_none_or(|from| end >= second_from(from)) && filter.to.is_none_or(|to| end < second_from(to));
    let lapsed = opened.payment(number).is_some_and(|payment| payment.lapsed);
    let is_in_state = filter.states.is_empty()
        || found.state.is_some_and(|state| filter.states.contains(&state))
        || (filter.finds_lapsed() && lapsed);
    let is_found = is_in_time && is_in_state && Parties::of(filter, &opened).has(&opened, number);
    Ok(is_found.then(|| filter.show(found)))
}

/// The places that the parties of a filter have in an interval; all, where it has none.
struct Parties {
    buyers: Option<Vec<u32>>,
    sellers: Option<Vec<u32>>,
}

impl Parties {
    fn of(filter: &MatchFilter, opened: &Opened) -> Parties {
        let places = |party: &WireParty| {
            names_in(party, opened.name()).into_iter().filter_map(|name| opened.trades.party(name)).collect()
        };
        Parties { buyers: filter.buyer.as_ref().map(places), sellers: filter.seller.as_ref().map(places) }
    }

    fn are_none(&self) -> bool {
        [&self.buyers, &self.sellers].into_iter().flatten().any(Vec::is_empty)
    }

    fn have(&self, seller: u32, buyer: u32) -> bool {
        self.buyers.as_ref().is_none_or(|buyers| buyers.contains(&buyer))
            && self.sellers.as_ref().is_none_or(|sellers| sellers.contains(&seller))
    }

    fn has(&self, opened: &Opened, number: u64) -> bool {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        opened.trades.parties().nth(index).is_some_and(|(seller, buyer)| self.have(seller, buyer))
    }
}

fn open(connection: &Connection, head: &Head) -> Result<Opened, Fault> {
    let gone = || Fault::Record(format!("the interval at Unix second {} is gone", head.start).into());
    Opened::at(connection, head.community, head.start)?.ok_or_else(gone)
}

/// Looks at all trades of the intervals that may have some.
fn through_all(connection: &Connection, filter: &MatchFilter, page: &mut Page) -> Result<(), Fault> {
    let mut walk = Walk::new(connection, filter, false)?;
    let is_unfiltered = filter.states.is_empty() && filter.buyer.is_none() && filter.seller.is_none();
    while !page.is_full()
        && let Some(head) = walk.next(&mut page.skip)?
    {
        if is_unfiltered && page.skip >= head.trades {
            page.skip -= head.trades;
            continue;
        }
        let are_fresh = head.paid == head.fresh;
        if are_fresh && !filter.states.is_empty() && !filter.states.contains(&State::Created) {
            continue;
        }
        let mut opened = open(connection, &head)?;
        let parties = Parties::of(filter, &opened);
        if parties.are_none() {
            continue;
        }
        opened.read_payments(connection)?;
        for (number, (seller, buyer)) in (0..).zip(opened.trades.parties()) {
            let has_state = || opened.state(number).is_some_and(|state| filter.states.contains(&state));
            if !page.is_full() && parties.have(seller, buyer) && (filter.states.is_empty() || has_state()) {
                page.take(&opened, number)?;
            }
        }
    }
    Ok(())
}

/// A trade of which something has become.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moved {
    end: i64,
    id: TradeId,
    community: i64,
    start: u64,
    number: u64,
}

impl Moved {
    fn read(row: &Row<'_>) -> rusqlite::Result<Moved> {
        Ok(Moved {
            end: row.get(0)?,
            id: TradeId::from_bytes(row.get(1)?),
            community: row.get(2)?,
            start: unsigned(row, 3)?,
            number: unsigned(row, 4)?,
        })
    }
}

/// Trades in one of the filter's states: those of which something has become, merged with those of which nothing has.
fn merged(connection: &Connection, filter: &MatchFilter, window: Window, page: &mut Page) -> Result<(), Fault> {
    let most =
        Window { skip: 0, limit: usize::try_from(window.skip).unwrap_or(usize::MAX).saturating_add(window.limit) };
    let mut moved = moved(connection, filter, most)?;
    let mut last: Option<Opened> = None;
    if filter.states.contains(&State::Created) {
        let mut walk = Walk::new(connection, filter, true)?;
        while !page.is_full()
            && let Some(head) = walk.next(&mut page.skip)?
        {
            fresh_of(connection, filter, &head, &mut moved, page, &mut last)?;
        }
    }
    while !page.is_full()
        && let Some(next) = moved.pop_front()
    {
        take_moved(connection, filter, next, page, &mut last)?;
    }
    Ok(())
}

/// Takes an interval's trades of which nothing has become, and those of which something has that come before.
fn fresh_of(
    connection: &Connection,
    filter: &MatchFilter,
    head: &Head,
    moved: &mut VecDeque<Moved>,
    page: &mut Page,
    last: &mut Option<Opened>,
) -> Result<(), Fault> {
    // Those that are skipped need no look, unless others come between.
    let is_of_party = filter.buyer.is_some() || filter.seller.is_some();
    let is_alone = moved.front().is_none_or(|next| next.end > head.end);
    if !is_of_party && is_alone && page.skip >= head.fresh {
        page.skip -= head.fresh;
        return Ok(());
    }
    let is_before = |moved: &Moved, end: i64, id: TradeId| (moved.end, moved.id) < (end, id);
    let mut opened = open(connection, head)?;
    while !page.is_full()
        && let Some(next) = moved.front().copied().filter(|next| is_before(next, head.end, opened.id(0)))
    {
        moved.pop_front();
        take_moved(connection, filter, next, page, last)?;
    }
    let parties = Parties::of(filter, &opened);
    if parties.are_none() {
        return Ok(());
    }
    opened.read_payments(connection)?;
    for (number, (seller, buyer)) in (0_u64..).zip(opened.trades.parties()) {
        if page.is_full() {
            break;
        }
        let id = opened.id(number);
        while !page.is_full()
            && let Some(next) = moved.front().copied().filter(|next| is_before(next, head.end, id))
        {
            moved.pop_front();
            take_moved(connection, filter, next, page, last)?;
        }
        let is_fresh = opened.payment(number).is_none() && opened.state(number).is_some();
        if !page.is_full() && is_fresh && parties.have(seller, buyer) {
            page.take(&opened, number)?;
        }
    }
    Ok(())
}

/// Takes a trade of which something has become, if it is between the filter's parties.
fn take_moved(
    connection: &Connection,
    filter: &MatchFilter,
    moved: Moved,
    page: &mut Page,
    last: &mut Option<Opened>,
) -> Result<(), Fault> {
    // Those without parties were all found by their state.
    if page.skip > 0 && filter.buyer.is_none() && filter.seller.is_none() {
        page.skip -= 1;
        return Ok(());
    }
    let is_open = last.as_ref().is_some_and(|last| (last.community, last.start()) == (moved.community, moved.start));
    if !is_open {
        *last = Opened::at(connection, moved.community, moved.start)?;
    }
    let Some(opened) = last else {
        return Err(Fault::Record(format!("trade {} belongs to no interval", moved.id).into()));
    };
    opened.read_payment(connection, moved.number)?;
    if Parties::of(filter, opened).has(opened, moved.number) {
        page.take(opened, moved.number)?;
    }
    Ok(())
}

/// The first trades of which something has become, by state, and by buyer if it is about trades that wait.
fn moved(connection: &Connection, filter: &MatchFilter, window: Window) -> Result<VecDeque<Moved>, Fault> {
    let (_, limit) = signed(window);
    let bounds = [filter.from.map_or(0, second_from), filter.to.map_or(i64::MAX, second_from)].map(Value::from);
    let columns = "SELECT \"end\", id, community, start, number FROM payment";
    let rest = "\"end\" >= ? AND \"end\" < ? ORDER BY \"end\", id LIMIT ?";
    let mut found: Vec<Moved> = Vec::new();
    let mut read = |condition: &str, value: Value, limit: i64| {
        let mut select = connection.prepare_cached(&format!("{columns} WHERE {condition} AND {rest}"))?;
        let values = [value].into_iter().chain(bounds.clone()).chain([limit.into()]);
        for moved in select.query_map(params_from_iter(values), Moved::read)? {
            found.push(moved?);
        }
        Ok::<(), Fault>(())
    };
    match &filter.buyer {
        // Few of a buyer's trades wait of which something has become; which community they are of is seen later.
        Some(buyer) => {
            let members = buyer.members.iter().map(|(_, member)| member.as_str());
            let buyers: std::collections::BTreeSet<&str> =
                stored_name(&buyer.name).into_iter().chain(members).collect();
            let states: Vec<String> = filter.states.iter().map(|state| (*state as i64).to_string()).collect();
            let condition = format!("buyer = ? AND state IN (0, 3) AND state IN ({})", states.join(", "));
            for buyer in buyers {
                read(&condition, buyer.to_owned().into(), i64::MAX)?;
            }
        }
        None => {
            // With a seller, not all that are found count.
            let limit = if filter.seller.is_some() { i64::MAX } else { limit };
            for state in &filter.states {
                read("state = ?", (*state as i64).into(), limit)?;
            }
        }
    }
    found.sort_unstable();
    Ok(found.into())
}
