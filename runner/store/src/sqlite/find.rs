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
use super::opened::{Opened, Opening, PAYMENT_COLUMNS, Payment, read_payment};
use super::unpacked::Place;
use super::value::{second_from, signed, unsigned};
use super::walk::{Head, Walk};
use books::{Match, MatchFilter, Window, WireParty};
use record::{names_in, stored_name};

pub(super) fn find(opening: Opening<'_>, filter: &MatchFilter, window: Window) -> Result<Vec<Match>, Fault> {
    if window.limit == 0 {
        return Ok(Vec::new());
    }
    if let Some(id) = filter.id {
        let found = if window.skip == 0 { by_id(opening, filter, id)? } else { None };
        return Ok(found.into_iter().collect());
    }
    let is_of_party = filter.buyer.is_some() || filter.seller.is_some();
    let is_of_waiting = filter.states.iter().all(|state| state.is_waiting());
    let by_state = !filter.states.is_empty() && (is_of_waiting || !is_of_party);
    let mut page = Page { skip: window.skip, limit: window.limit, found: Vec::new() };
    if by_state {
        merged(opening, filter, window, &mut page)?;
    } else {
        through_all(opening, filter, &mut page)?;
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

fn by_id(opening: Opening<'_>, filter: &MatchFilter, id: TradeId) -> Result<Option<Match>, Fault> {
    let Some(mut opened) = opening.of(id)? else { return Ok(None) };
    let number = id.number();
    opened.read_payment(opening.connection, number)?;
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
            names_in(party, opened.name()).into_iter().filter_map(|name| opened.trades().party(name)).collect()
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
        opened.trades().parties().nth(index).is_some_and(|(seller, buyer)| self.have(seller, buyer))
    }
}

fn open(opening: Opening<'_>, head: &Head) -> Result<Opened, Fault> {
    let Head { community, start, trades, .. } = *head;
    opening.known(Place { community, start, trades }, head.paid > head.fresh)
}

/// Looks at all trades of the intervals that may have some.
fn through_all(opening: Opening<'_>, filter: &MatchFilter, page: &mut Page) -> Result<(), Fault> {
    let mut walk = Walk::new(opening.connection, filter, false)?;
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
        let mut opened = open(opening, &head)?;
        let parties = Parties::of(filter, &opened);
        if parties.are_none() || !opened.trades().parties().any(|(seller, buyer)| parties.have(seller, buyer)) {
            continue;
        }
        opened.read_payments(opening.connection)?;
        for (number, (seller, buyer)) in (0..).zip(opened.trades().parties()) {
            let has_state = || opened.state(number).is_some_and(|state| filter.states.contains(&state));
            if !page.is_full() && parties.have(seller, buyer) && (filter.states.is_empty() || has_state()) {
                page.take(&opened, number)?;
            }
        }
    }
    Ok(())
}

/// A trade of which something has become.
struct Moved {
    end: i64,
    id: TradeId,
    place: Place,
    number: u64,
    payment: Payment,
}

impl Moved {
    fn read(row: &Row<'_>) -> Result<Moved, Fault> {
        let id = TradeId::from_bytes(row.get(7)?);
        if row.get::<_, Option<i64>>(10)?.is_none() {
            return Err(Fault::Record(format!("trade {id} belongs to no interval").into()));
        }
        Ok(Moved {
            end: row.get(6)?,
            id,
            place: Place { community: row.get(8)?, start: unsigned(row, 9)?, trades: unsigned(row, 10)? },
            number: unsigned(row, 0)?,
            payment: read_payment(row).map_err(|fault| fault.of(|| format!("trade {id}")))?,
        })
    }

    /// Whether it comes before a trade with this end and id.
    fn is_before(&self, end: i64, id: TradeId) -> bool {
        (self.end, self.id) < (end, id)
    }
}

/// Trades in one of the filter's states: those of which something has become, merged with those of which nothing has.
fn merged(opening: Opening<'_>, filter: &MatchFilter, window: Window, page: &mut Page) -> Result<(), Fault> {
    let most =
        Window { skip: 0, limit: usize::try_from(window.skip).unwrap_or(usize::MAX).saturating_add(window.limit) };
    let mut moved = moved(opening.connection, filter, most)?;
    let mut last: Option<Opened> = None;
    if filter.states.contains(&State::Created) {
        let mut walk = Walk::new(opening.connection, filter, true)?;
        while !page.is_full()
            && let Some(head) = walk.next(&mut page.skip)?
        {
            fresh_of(opening, filter, &head, &mut moved, page, &mut last)?;
        }
    }
    while !page.is_full()
        && let Some(next) = moved.pop_front()
    {
        take_moved(opening, filter, next, page, &mut last)?;
    }
    Ok(())
}

/// Takes an interval's trades of which nothing has become, and those of which something has that come before.
fn fresh_of(
    opening: Opening<'_>,
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
    let mut opened = open(opening, head)?;
    while !page.is_full()
        && let Some(next) = moved.pop_front_if(|next| next.is_before(head.end, opened.id(0)))
    {
        take_moved(opening, filter, next, page, last)?;
    }
    let parties = Parties::of(filter, &opened);
    if parties.are_none() {
        return Ok(());
    }
    opened.read_payments(opening.connection)?;
    for (number, (seller, buyer)) in (0_u64..).zip(opened.trades().parties()) {
        if page.is_full() {
            break;
        }
        let id = opened.id(number);
        while !page.is_full()
            && let Some(next) = moved.pop_front_if(|next| next.is_before(head.end, id))
        {
            take_moved(opening, filter, next, page, last)?;
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
    opening: Opening<'_>,
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
    let Moved { place, number, payment, .. } = moved;
    let open = last.take().filter(|last| (last.community, last.start()) == (place.community, place.start));
    let opened = last.insert(open.map_or_else(|| opening.known(place, true), Ok)?);
    opened.take_payment(number, payment);
    if Parties::of(filter, opened).has(opened, number) {
        page.take(opened, number)?;
    }
    Ok(())
}

/// The first trades of which something has become, by state, and by buyer if it is about trades that wait.
fn moved(connection: &Connection, filter: &MatchFilter, window: Window) -> Result<VecDeque<Moved>, Fault> {
    let (_, limit) = signed(window);
    let bounds = [filter.from.map_or(0, second_from), filter.to.map_or(i64::MAX, second_from)].map(Value::from);
    let columns = format!(
        "SELECT {PAYMENT_COLUMNS}, payment.\"end\", payment.id, payment.community, payment.start, interval.trades
         FROM payment LEFT JOIN interval ON interval.community = payment.community AND interval.start = payment.start"
    );
    let rest = "payment.\"end\" >= ? AND payment.\"end\" < ? ORDER BY payment.\"end\", payment.id LIMIT ?";
    let mut found: Vec<Moved> = Vec::new();
    let mut read = |condition: &str, value: Value, limit: i64| {
        let mut select = connection.prepare_cached(&format!("{columns} WHERE {condition} AND {rest}"))?;
        let values = [value].into_iter().chain(bounds.clone()).chain([limit.into()]);
        let mut rows = select.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            found.push(Moved::read(row)?);
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
    found.sort_unstable_by_key(|moved| (moved.end, moved.id));
    Ok(found.into())
}
