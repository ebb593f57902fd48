//! A database's intervals as they are stored: to look at, and to change behind the program's back.

use std::collections::BTreeMap;

use domain::netting::LastReads;
use domain::{CommunityCode, Energy, Interval, IntervalLength, MemberId, NamedParty, NamedTrade, Price};
use record::{Block, PackedTrade, decode_states, encode_states};
use rusqlite::{Connection, params};

/// All trades with what has become of them, as one table.
const TABLE: &str = "CREATE TEMP TABLE trade (
    community INTEGER, start INTEGER, number INTEGER, id BLOB, seller TEXT, buyer TEXT, energy INTEGER, price INTEGER,
    state INTEGER, message TEXT, \"end\" INTEGER, transaction_id TEXT, updated_at INTEGER, claimed_until INTEGER,
    claimed_from INTEGER, PRIMARY KEY (community, start, number))";

fn interval_of(start: i64, length: u32) -> Interval {
    let start = domain::Boundary::from_seconds(start.try_into().unwrap()).unwrap();
    Interval::starting(start, IntervalLength::from_seconds(length).unwrap()).unwrap()
}

/// A kept interval: its row, its community's name, itself, its block.
type Kept = (i64, i64, String, Interval, Vec<u8>);

fn blocks(connection: &Connection) -> Vec<Kept> {
    let mut select = connection
        .prepare(
            "SELECT interval.id, community.id, community.name, start, length, block
             FROM interval JOIN community ON community.id = community",
        )
        .unwrap();
    let rows = select.query_map((), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, interval_of(row.get(3)?, row.get(4)?), row.get(5)?))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// Makes the table of all trades, for this connection alone.
pub(crate) fn make_trade_table(connection: &Connection) {
    connection.execute(TABLE, ()).unwrap();
    let mut insert = connection
        .prepare("INSERT INTO temp.trade VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, NULL, NULL, NULL, NULL)")
        .unwrap();
    for (_, community, name, interval, block) in blocks(connection) {
        let ids = CommunityCode::of(&name).ids(interval);
        for (PackedTrade { trade, message }, number) in Block::decode(&block).unwrap().trades.into_iter().zip(0..) {
            let is_paid = trade.seller != NamedParty::Grid && trade.buyer != NamedParty::Grid;
            let (seller, buyer) = (trade.seller.to_string(), trade.buyer.to_string());
            let (start, end) = (interval.start().seconds(), interval.end().seconds());
            let (energy, price) = (trade.energy.wh(), trade.price.micro_eur());
            let state = is_paid.then_some(0);
            let id = ids.id(number);
            insert
                .execute(params![
                    community,
                    start,
                    number,
                    id.as_bytes(),
                    seller,
                    buyer,
                    energy,
                    price,
                    state,
                    message,
                    end
                ])
                .unwrap();
        }
    }
    connection
        .execute(
            "UPDATE temp.trade SET (state, message, transaction_id, updated_at, claimed_until, claimed_from) =
                 (SELECT p.state, coalesce(p.message, trade.message), p.transaction_id, p.updated_at, p.claimed_until,
                      p.claimed_from
                  FROM payment AS p WHERE (p.community, p.start, p.number) = (trade.community, trade.start, trade.number))
             WHERE EXISTS (SELECT 1 FROM payment AS p
                           WHERE (p.community, p.start, p.number) = (trade.community, trade.start, trade.number))",
            (),
        )
        .unwrap();
}

/// Packs the trades of every interval whose part of the table has changed. What has become of them is not written.
pub(crate) fn write_trade_table(connection: &Connection) {
    let party = |name: String| match name.as_str() {
        "grid" => NamedParty::Grid,
        "operator" => NamedParty::Operator,
        name => NamedParty::Member(MemberId::from_stored(name).unwrap()),
    };
    let mut select = connection
        .prepare(
            "SELECT start, seller, buyer, energy, price, message FROM temp.trade ORDER BY community, start, number",
        )
        .unwrap();
    let rows = select.query_map((), |row| {
        let trade = NamedTrade {
            seller: party(row.get(1)?),
            buyer: party(row.get(2)?),
            energy: Energy::from_wh(row.get(3)?),
            price: Price::from_micro_eur(row.get(4)?),
        };
        Ok((row.get(0)?, PackedTrade { trade, message: row.get(5)? }))
    });
    let mut changed: BTreeMap<u64, Vec<PackedTrade>> = BTreeMap::new();
    for row in rows.unwrap() {
        let (start, trade): (u64, PackedTrade) = row.unwrap();
        changed.entry(start).or_default().push(trade);
    }
    for (row, _, name, interval, bytes) in blocks(connection) {
        let trades = changed.remove(&interval.start().seconds()).unwrap_or_default();
        let block = Block::decode(&bytes).unwrap();
        if trades != block.trades {
            let block = Block { trades, ..block }.encode(&name, interval);
            connection.execute("UPDATE interval SET block = ?2 WHERE id = ?1", params![row, block]).unwrap();
        }
    }
}

/// The block of the interval that starts at this second, and its row.
fn find(connection: &Connection, start: i64) -> Kept {
    let starts = |(_, _, _, interval, _): &Kept| interval.start().timestamp().as_second() == start;
    blocks(connection).into_iter().find(starts).unwrap()
}

/// The interval that starts at this second.
pub(crate) fn interval(connection: &Connection, start: i64) -> Block {
    let (_, _, _, _, bytes) = find(connection, start);
    Block::decode(&bytes).unwrap()
}

/// Changes the interval that starts at this second.
pub(crate) fn change_interval(connection: &Connection, start: i64, change: impl FnOnce(&mut Block)) {
    let (row, _, name, interval, bytes) = find(connection, start);
    let mut block = Block::decode(&bytes).unwrap();
    change(&mut block);
    let block = block.encode(&name, interval);
    connection.execute("UPDATE interval SET block = ?2 WHERE id = ?1", params![row, block]).unwrap();
}

/// Changes the state of the only community's meters.
pub(crate) fn change_states(connection: &Connection, change: impl FnOnce(&mut LastReads)) {
    let states: Vec<u8> = connection.query_row("SELECT states FROM community", (), |row| row.get(0)).unwrap();
    let mut states = decode_states(&states).unwrap();
    change(&mut states);
    connection.execute("UPDATE community SET states = ?1", [encode_states(&states)]).unwrap();
}
