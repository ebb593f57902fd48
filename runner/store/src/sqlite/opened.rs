//! One interval, opened to look at its trades and at what has become of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::trade::State;
use domain::{CommunityCode, TradeId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::unpacked::{Place, Unpacked, UnpackedCache};
use super::value::{state, time, unsigned};
use books::{Match, Quantity, platform_name};
use record::Trades;

/// Where intervals are opened, and what may be unpacked already.
#[derive(Clone, Copy)]
pub(super) struct Opening<'c> {
    pub(super) connection: &'c Connection,
    /// None in a transaction that writes: what it has not committed is not to be kept.
    unpacked: Option<&'c UnpackedCache>,
}

/// An interval whose trades are unpacked.
pub(super) struct Opened {
    pub(super) community: i64,
    of: Arc<Unpacked>,
    /// What has become of trades, as far as it was read.
    payments: BTreeMap<u64, Payment>,
    has_payments: bool,
}

/// What has become of a trade.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) state: State,
    message: Option<String>,
    transaction_id: Option<String>,
    updated_at: Option<Timestamp>,
    /// Whether its claim has lapsed, and nobody has claimed it since.
    pub(super) lapsed: bool,
}

/// What [`read_payment`] reads.
pub(super) const PAYMENT_COLUMNS: &str = "number, state, message, transaction_id, updated_at,
    claimed_from IS NOT NULL AND claimed_until IS NULL";

/// Reads a payment from a row that begins with [`PAYMENT_COLUMNS`].
pub(super) fn read_payment(row: &Row<'_>) -> Result<Payment, Fault> {
    Ok(Payment {
        state: state(row.get(1)?)?,
        message: row.get(2)?,
        transaction_id: row.get(3)?,
        updated_at: row.get::<_, Option<i64>>(4)?.map(time).transpose()?,
        lapsed: row.get(5)?,
    })
}

impl<'c> Opening<'c> {
    /// On a connection that only reads.
    pub(super) fn reading(connection: &'c Connection, unpacked: &'c UnpackedCache) -> Opening<'c> {
        Opening { connection, unpacked: Some(unpacked) }
    }

    /// Within a transaction that writes.
    pub(super) fn writing(connection: &'c Connection) -> Opening<'c> {
        Opening { connection, unpacked: None }
    }

    /// Opens an interval by its place, of which it is known whether something has become of any trade. Those that are in memory are
    /// not looked up.
    pub(super) fn known(self, place: Place, has_payments: bool) -> Result<Opened, Fault> {
        if let Some(of) = self.unpacked.and_then(|unpacked| unpacked.get(&place)) {
            return Ok(Opened { community: place.community, of, payments: BTreeMap::new(), has_payments });
        }
        let gone = || Fault::Record(format!("the interval at Unix second {} is gone", place.start).into());
        self.at(place.community, place.start)?.ok_or_else(gone)
    }

    /// Opens an interval by its place; `None` if there is none.
    fn at(self, community: i64, start: u64) -> Result<Option<Opened>, Fault> {
        let open = "WHERE interval.community = ?1 AND start = ?2";
        self.find(open, [community, i64::try_from(start).unwrap_or(i64::MAX)])
    }

    /// Opens the interval of a trade; `None` if there is none.
    pub(super) fn of(self, id: TradeId) -> Result<Option<Opened>, Fault> {
        // No two intervals of a community start in the same minute.
        let open = "WHERE community.hash = ?1 AND start BETWEEN 60 * ?2 AND 60 * ?2 + 59";
        let minute = i64::try_from(id.minute()).unwrap_or(i64::MAX);
        self.find(open, [id.community().number().into(), minute])
    }

    fn find(self, condition: &str, values: [i64; 2]) -> Result<Option<Opened>, Fault> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT community.id, community.name, start, length, settled_at, paid > fresh, trades, block
             FROM community CROSS JOIN interval ON interval.community = community.id {condition}"
        ))?;
        let mut rows = select.query(values)?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let interval = record::decode_interval(unsigned(row, 2)?, row.get(3)?)?;
        let named = || format!("interval {interval}");
        let (community, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let block = row.get_ref(7)?.as_blob().map_err(rusqlite::Error::from);
        let trades = block.map_err(Fault::from).and_then(|block| Ok(record::decode_trades(block)?));
        let (trades, settled_at) = (trades.map_err(|fault| fault.of(named))?, time(row.get(4)?)?);
        let ids = CommunityCode::of(&name).ids(interval);
        let of = Arc::new(Unpacked { name, interval, ids, settled_at, trades });
        if let Some(unpacked) = self.unpacked {
            unpacked.keep(Place { community, start: interval.start().seconds(), trades: unsigned(row, 6)? }, &of);
        }
        Ok(Some(Opened { community, of, payments: BTreeMap::new(), has_payments: row.get(5)? }))
    }
}

impl Opened {
    pub(super) fn start(&self) -> u64 {
        self.of.interval.start().seconds()
    }

    pub(super) fn end(&self) -> u64 {
        self.of.interval.end().seconds()
    }

    /// The community's name.
    pub(super) fn name(&self) -> &str {
        &self.of.name
    }

    pub(super) fn trades(&self) -> &Trades {
        &self.of.trades
    }

    pub(super) fn id(&self, number: u64) -> TradeId {
        self.of.ids.id(number)
    }

    /// Reads what has become of all trades.
    pub(super) fn read_payments(&mut self, connection: &Connection) -> Result<(), Fault> {
        if !self.has_payments {
            return Ok(());
        }
        let select = format!("SELECT {PAYMENT_COLUMNS} FROM payment WHERE community = ?1 AND start = ?2");
        let mut select = connection.prepare_cached(&select)?;
        let mut rows = select.query(params![self.community, self.start()])?;
        while let Some(row) = rows.next()? {
            let number = unsigned(row, 0)?;
            let payment = read_payment(row).map_err(|fault| fault.of(|| format!("trade {}", self.id(number))))?;
            self.payments.insert(number, payment);
        }
        Ok(())
    }

    /// Takes what has become of a trade, as it was read already.
    pub(super) fn take_payment(&mut self, number: u64, payment: Payment) {
        self.payments.insert(number, payment);
    }

    /// Reads what has become of one trade.
    pub(super) fn read_payment(&mut self, connection: &Connection, number: u64) -> Result<(), Fault> {
        if !self.has_payments {
            return Ok(());
        }
        let select =
            format!("SELECT {PAYMENT_COLUMNS} FROM payment WHERE community = ?1 AND start = ?2 AND number = ?3");
        let mut select = connection.prepare_cached(&select)?;
        let found =
            select.query_row(params![self.community, self.start(), number], |row| Ok(read_payment(row))).optional()?;
        if let Some(payment) = found {
            let payment = payment.map_err(|fault| fault.of(|| format!("trade {}", self.id(number))))?;
            self.payments.insert(number, payment);
        }
        Ok(())
    }

    /// What has become of a trade, as far as it was read; `None` if nothing has.
    pub(super) fn payment(&self, number: u64) -> Option<&Payment> {
        self.payments.get(&number)
    }

    /// The trade's state; `None` if it is with the grid.
    pub(super) fn state(&self, number: u64) -> Option<State> {
        let index = usize::try_from(number).ok()?;
        match self.payments.get(&number) {
            Some(payment) => Some(payment.state),
            None => self.of.trades.is_paid(index).then_some(State::Created),
        }
    }

    /// A trade as the platform sees it; `None` if there is no such number.
    pub(super) fn shown(&self, number: u64) -> Result<Option<Match>, Fault> {
        let trade = usize::try_from(number).ok().and_then(|index| self.of.trades.get(index));
        let Some((seller, buyer, energy, price, message)) = trade else { return Ok(None) };
        let id = self.id(number);
        let party = |name: &str| -> Result<String, Fault> {
            let party = record::decode_party(name).map_err(Fault::from);
            Ok(platform_name(&party.map_err(|fault| fault.of(|| format!("trade {id}")))?).to_owned())
        };
        let payment = self.payments.get(&number);
        let reported = payment.and_then(|payment| payment.message.clone());
        Ok(Some(Match {
            id,
            end: self.of.interval.end().timestamp(),
            of: Some((self.of.name.clone(), self.of.interval)),
            seller: party(seller)?,
            buyer: party(buyer)?,
            quantity: Quantity::Exact { energy, price },
            state: self.state(number),
            transaction_id: payment.and_then(|payment| payment.transaction_id.clone()),
            message: reported.or_else(|| message.map(str::to_owned)),
            created_at: self.of.settled_at,
            updated_at: payment.and_then(|payment| payment.updated_at),
        }))
    }
}
