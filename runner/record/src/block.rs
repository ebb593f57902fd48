//! An interval as one block: its trades, the readings and the round that they came of, with each name once.
//!
//! Trades come first, so that who looks for trades reads nothing else. Every kind of number has a column of its own, in
//! which most take a byte or two; what is usual takes none. What few intervals have (gaps, exchanges, decisions, an opening)
//! and the terms of the round are the messages of [`super`], without what has a column.

use domain::reading::Registers;
use domain::{CommunityCode, Energy, Interval, MemberId, MeterId, NamedParty, NamedTrade, Position, Power, Price};
use domain::{Round, Tariff, TradeIds};
use prost::Message;

use super::names::{NameTable, Names};
use super::pack::{Packer, Unpacker};
use super::{InputParts, Inputs, InputsRecord, InvalidRecord, TermsRecord};
use super::{decode_rare, decode_terms, meters, rare_inputs, terms_record};
use books::{MeterReading, StoredTrade};

/// The version of the layout.
const VERSION: u8 = 1;
/// Places of parties: the grid, the operator, then the names.
const GRID: u32 = 0;
const OPERATOR: u32 = 1;
const FIRST_NAME: u32 = 2;

/// What a block is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// All trades, in their state right after clearing.
    pub trades: Vec<PackedTrade>,
    /// What the round was made of, except what is in it.
    pub inputs: Inputs,
    /// The round; `None` if no member was read at both ends.
    pub round: Option<Round>,
}

/// A trade without what follows from its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedTrade {
    /// Who gives the energy to whom, at what price.
    pub trade: NamedTrade,
    /// A remark for people.
    pub message: Option<String>,
}

/// The trades of a block, as far as they are unpacked: parties by their place.
#[derive(Debug)]
pub struct Trades {
    names: Names,
    rows: Vec<Row>,
    messages: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    seller: u32,
    buyer: u32,
    energy: u64,
    price: i64,
    /// The place of its message, from 1; 0 for none.
    message: u32,
}

/// Packs an interval.
pub fn encode_block(trades: &[StoredTrade], inputs: InputParts<'_>, round: Option<&Round>) -> Vec<u8> {
    let parties = trades.iter().flat_map(|trade| [&trade.seller, &trade.buyer]);
    let parties = parties.filter_map(NamedParty::member).map(MemberId::as_str);
    let readings = inputs.readings.iter().flat_map(|reading| [reading.meter.as_str(), reading.member.as_str()]);
    let positions = round.into_iter().flat_map(Round::positions).map(|position| position.member.as_str());
    // Readings and positions are in order, trades are not.
    let names = NameTable::of(readings.chain(positions).chain(parties));
    let mut packer = Packer::new(VERSION, 64 + 24 * names.len() + 8 * trades.len());
    names.write(&mut packer);
    write_trades(&mut packer, &names, trades);
    write_readings(&mut packer, &names, inputs);
    packer.bytes(&rare_inputs(inputs).encode_to_vec());
    packer.len(usize::from(round.is_some()));
    if let Some(round) = round {
        packer.bytes(&terms_record(round.terms()).encode_to_vec());
        write_positions(&mut packer, &names, round);
    }
    packer.finish()
}

impl Block {
    /// Packs the block of a community's interval.
    pub fn encode(self, community: &str, interval: Interval) -> Vec<u8> {
        let trades = stored_trades(community, interval, self.trades);
        encode_block(&trades, self.inputs.parts(), self.round.as_ref())
    }

    /// Unpacks a block.
    ///
    /// # Errors
    /// If the bytes are not a valid block.
    pub fn decode(bytes: &[u8]) -> Result<Block, InvalidRecord> {
        decode_block(bytes)
    }
}

/// Unpacks an interval.
///
/// # Errors
/// If the bytes are not a valid block.
pub fn decode_block(bytes: &[u8]) -> Result<Block, InvalidRecord> {
    let mut unpacker = Unpacker::new(bytes, VERSION)?;
    let trades = Trades::read(&mut unpacker)?;
    let members = Members::of(&trades.names);
    let packed = (0..trades.count()).map(|number| trades.packed(&members, number));
    let packed = packed.collect::<Result<_, InvalidRecord>>()?;
    let (readings, own) = read_readings(&mut unpacker, &trades.names, &members)?;
    let rare = InputsRecord::decode(unpacker.bytes()?).map_err(InvalidRecord::new)?;
    let inputs = decode_rare(rare, readings, own)?;
    let round = match unpacker.u64()? {
        0 => None,
        _ => {
            let terms = TermsRecord::decode(unpacker.bytes()?).map_err(InvalidRecord::new)?;
            let terms = decode_terms(terms)?;
            let positions = read_positions(&mut unpacker, &members, terms.tariff)?;
            Some(Round::new(terms, positions).map_err(InvalidRecord::new)?)
        }
    };
    unpacker.finish()?;
    Ok(Block { trades: packed, inputs, round })
}

/// Unpacks only the trades.
///
/// # Errors
/// If the bytes are not a valid block, as far as they are read.
pub fn decode_trades(bytes: &[u8]) -> Result<Trades, InvalidRecord> {
    Trades::read(&mut Unpacker::new(bytes, VERSION)?)
}

fn party_place(names: &NameTable<'_>, party: &NamedParty) -> u32 {
    match party {
        NamedParty::Grid => GRID,
        NamedParty::Operator => OPERATOR,
        NamedParty::Member(member) => names.place(member.as_str()) + FIRST_NAME,
    }
}

fn write_trades(packer: &mut Packer, names: &NameTable<'_>, trades: &[StoredTrade]) {
    packer.len(trades.len());
    trades.iter().for_each(|trade| packer.u32(party_place(names, &trade.seller)));
    trades.iter().for_each(|trade| packer.u32(party_place(names, &trade.buyer)));
    trades.iter().for_each(|trade| packer.u64(trade.energy.wh()));
    write_table(packer, trades.iter().map(|trade| trade.price.micro_eur()), Packer::i64);
    write_table(packer, trades.iter().map(|trade| trade.message.as_deref().unwrap_or("")), |packer, message| {
        packer.bytes(message.as_bytes());
    });
    // An empty message is not none.
    packer.sparse(trades.iter().map(|trade| (trade.message.as_deref() == Some("")).then_some(())), |_, ()| {});
}

/// Writes a column that has few different values: those, and the place of each row's. A single one takes no place.
fn write_table<T: Copy + Eq + std::hash::Hash>(
    packer: &mut Packer,
    column: impl Iterator<Item = T>,
    write: impl Fn(&mut Packer, T),
) {
    let mut places: std::collections::HashMap<T, u64> = std::collections::HashMap::new();
    let (mut values, mut rows) = (Vec::new(), Vec::new());
    // Most rows have the value of the one before.
    let mut latest: Option<(T, u64)> = None;
    for value in column {
        let place = match latest {
            Some((same, place)) if same == value => place,
            _ => *places.entry(value).or_insert_with(|| {
                values.push(value);
                values.len() as u64 - 1
            }),
        };
        latest = Some((value, place));
        rows.push(place);
    }
    packer.len(values.len());
    values.iter().for_each(|value| write(packer, *value));
    if values.len() > 1 {
        rows.into_iter().for_each(|place| packer.u64(place));
    }
}

/// Reads the values of such a column, and the place of each row's.
fn read_table<'b, T>(
    unpacker: &mut Unpacker<'b>,
    rows: usize,
    read: impl FnMut(&mut Unpacker<'b>) -> Result<T, InvalidRecord>,
) -> Result<(Vec<T>, Vec<u32>), InvalidRecord> {
    let count = unpacker.len()?;
    let values = unpacker.column(count, read)?;
    let places = if count > 1 { unpacker.column(rows, Unpacker::u32)? } else { vec![0; rows] };
    if places.iter().any(|place| *place as usize >= count) {
        return Err(InvalidRecord::new("a row has a value that is not there"));
    }
    Ok((values, places))
}

impl Trades {
    fn read(unpacker: &mut Unpacker<'_>) -> Result<Trades, InvalidRecord> {
        let names = Names::read(unpacker)?;
        let count = unpacker.len()?;
        let sellers = unpacker.column(count, Unpacker::u32)?;
        let buyers = unpacker.column(count, Unpacker::u32)?;
        let energies = unpacker.column(count, Unpacker::u64)?;
        let (prices, price_places) = read_table(unpacker, count, Unpacker::i64)?;
        let (messages, message_places) = read_table(unpacker, count, |unpacker| unpacker.text().map(str::to_owned))?;
        let mut is_empty = vec![false; count];
        for (index, ()) in unpacker.sparse(count, |_| Ok(()))? {
            is_empty.get_mut(index).into_iter().for_each(|empty| *empty = true);
        }
        let parties = sellers.iter().chain(&buyers).map(|party| party.saturating_sub(FIRST_NAME) as usize);
        if count > 0 && parties.max().is_some_and(|most| most > 0 && most >= names.len()) {
            return Err(InvalidRecord::new("a trade has a party that is not there"));
        }
        let mut rows = Vec::with_capacity(count);
        for (index, (seller, buyer)) in sellers.into_iter().zip(buyers).enumerate() {
            let place = message_places.get(index).copied().unwrap_or(0);
            let empty = messages.get(place as usize).is_none_or(String::is_empty);
            let is_none = empty && !is_empty.get(index).copied().unwrap_or(false);
            rows.push(Row {
                seller,
                buyer,
                energy: energies.get(index).copied().unwrap_or(0),
                price: price_places.get(index).and_then(|place| prices.get(*place as usize)).copied().unwrap_or(0),
                message: if is_none { 0 } else { place + 1 },
            });
        }
        Ok(Trades { names, rows, messages })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// About how many bytes of memory they take.
    pub fn memory_bytes(&self) -> usize {
        let texts: usize = self.messages.iter().map(|message| size_of::<String>() + message.len()).sum();
        size_of::<Trades>() + self.rows.len() * size_of::<Row>() + texts + self.names.memory_bytes()
    }

    /// Makes those trades of an interval that are wanted, by their number and the places of seller and buyer, in the state
    /// right after clearing.
    ///
    /// # Errors
    /// If a party's name is none.
    pub fn stored(
        &self,
        ids: TradeIds,
        interval: Interval,
        wanted: impl Fn(u64, u32, u32) -> bool,
    ) -> Result<Vec<StoredTrade>, InvalidRecord> {
        let members = Members::of(&self.names);
        let rows = self.rows.iter().enumerate().zip(0..);
        let rows = rows.filter(|((_, row), number)| wanted(*number, row.seller, row.buyer));
        let stored = rows.map(|((index, _), number)| {
            let PackedTrade { trade, message } = self.packed(&members, index)?;
            Ok(StoredTrade::with_id(ids, interval, number, trade, message))
        });
        stored.collect()
    }

    /// The place of a party by its stored name; `None` if it is in none of these trades' interval.
    pub fn party(&self, name: &str) -> Option<u32> {
        match name {
            "grid" => Some(GRID),
            "operator" => Some(OPERATOR),
            name => u32::try_from(self.names.place(name)?).ok().map(|place| place + FIRST_NAME),
        }
    }

    /// The places of the seller and the buyer of each trade, in order.
    pub fn parties(&self) -> impl Iterator<Item = (u32, u32)> {
        self.rows.iter().map(|row| (row.seller, row.buyer))
    }

    /// The stored name of a party by its place.
    pub fn name(&self, party: u32) -> &str {
        match party {
            GRID => "grid",
            OPERATOR => "operator",
            name => self.names.get((name - FIRST_NAME) as usize).unwrap_or_default(),
        }
    }

    /// Whether a trade is between members, so that it is paid.
    pub fn is_paid(&self, number: usize) -> bool {
        self.rows.get(number).is_some_and(|row| row.seller != GRID && row.buyer != GRID)
    }

    /// The trade with this number: seller, buyer, energy, price, and its message.
    pub fn get(&self, number: usize) -> Option<(&str, &str, Energy, Price, Option<&str>)> {
        let row = self.rows.get(number)?;
        let message = (row.message as usize).checked_sub(1).and_then(|place| self.messages.get(place));
        let (energy, price) = (Energy::from_wh(row.energy), Price::from_micro_eur(row.price));
        Some((self.name(row.seller), self.name(row.buyer), energy, price, message.map(String::as_str)))
    }

    fn packed(&self, members: &Members, number: usize) -> Result<PackedTrade, InvalidRecord> {
        let missing = || InvalidRecord::new(format!("there is no trade {number}"));
        let row = self.rows.get(number).ok_or_else(missing)?;
        let message = (row.message as usize).checked_sub(1).and_then(|place| self.messages.get(place));
        let (seller, buyer) = (members.party(row.seller)?, members.party(row.buyer)?);
        let (energy, price) = (Energy::from_wh(row.energy), Price::from_micro_eur(row.price));
        Ok(PackedTrade { trade: NamedTrade { seller, buyer, energy, price }, message: message.cloned() })
    }
}

/// The names of a block as members, each made when it is asked for first.
pub struct Members(Vec<Result<MemberId, String>>);

impl Members {
    fn of(names: &Names) -> Members {
        let member = |name: &str| MemberId::from_stored(name).map_err(|error| error.to_string());
        Members(names.iter().map(member).collect())
    }

    fn get(&self, place: usize) -> Result<MemberId, InvalidRecord> {
        match self.0.get(place) {
            Some(Ok(member)) => Ok(member.clone()),
            Some(Err(reason)) => Err(InvalidRecord::new(reason.clone())),
            None => Err(InvalidRecord::new("a member's name is not there")),
        }
    }

    fn party(&self, place: u32) -> Result<NamedParty, InvalidRecord> {
        match place {
            GRID => Ok(NamedParty::Grid),
            OPERATOR => Ok(NamedParty::Operator),
            place => self.get((place - FIRST_NAME) as usize).map(NamedParty::Member),
        }
    }
}

/// Makes the trades of a community's interval from its packed ones, in the state right after clearing.
pub fn stored_trades(community: &str, interval: Interval, trades: Vec<PackedTrade>) -> Vec<StoredTrade> {
    let ids = CommunityCode::of(community).ids(interval);
    let numbered = trades.into_iter().zip(0..);
    numbered
        .map(|(PackedTrade { trade, message }, number)| StoredTrade::with_id(ids, interval, number, trade, message))
        .collect()
}

fn write_readings(packer: &mut Packer, names: &NameTable<'_>, inputs: InputParts<'_>) {
    let InputParts { readings, rules, .. } = inputs;
    let own = rules.limits.as_ref().map(|limits| &limits.own);
    packer.len(readings.len());
    write_places(packer, readings.iter().map(|reading| names.place(reading.meter.as_str())));
    let other = |reading: &MeterReading| {
        (reading.member.as_str() != reading.meter.as_str()).then(|| names.place(reading.member.as_str()))
    };
    packer.sparse(readings.iter().map(other), Packer::u32);
    readings.iter().for_each(|reading| packer.u64(reading.registers.import_wh));
    readings.iter().for_each(|reading| packer.u64(reading.registers.export_wh));
    let power = |reading: &MeterReading| own.and_then(|own| own.get(&reading.meter)).map(|power| power.watts());
    packer.sparse(readings.iter().map(power), Packer::u64);
    packer.sparse(readings.iter().map(|reading| reading.anew.then_some(())), |_, ()| {});
}

/// Places that mostly rise by one.
fn write_places(packer: &mut Packer, places: impl Iterator<Item = u32>) {
    let mut next = 0;
    for place in places.map(i64::from) {
        packer.i64(place - next);
        next = place + 1;
    }
}

fn read_places(unpacker: &mut Unpacker<'_>, count: usize) -> Result<Vec<usize>, InvalidRecord> {
    let mut next = 0_i64;
    unpacker.column(count, |unpacker| {
        let place = next.checked_add(unpacker.i64()?);
        let place = place.and_then(|place| Some((usize::try_from(place).ok()?, place.checked_add(1)?)));
        let (place, after) = place.ok_or_else(|| InvalidRecord::new("a name's place is out of range"))?;
        next = after;
        Ok(place)
    })
}

type Own = std::collections::BTreeMap<MeterId, Power>;

fn read_readings(
    unpacker: &mut Unpacker<'_>,
    names: &Names,
    members: &Members,
) -> Result<(Vec<MeterReading>, Own), InvalidRecord> {
    let count = unpacker.len()?;
    let places = read_places(unpacker, count)?;
    let others = unpacker.sparse(count, Unpacker::u32)?;
    let imports = unpacker.column(count, Unpacker::u64)?;
    let exports = unpacker.column(count, Unpacker::u64)?;
    let mut readings = Vec::with_capacity(count);
    let mut others = others.into_iter().peekable();
    for (index, ((place, import_wh), export_wh)) in places.into_iter().zip(imports).zip(exports).enumerate() {
        let name = names.get(place).ok_or_else(|| InvalidRecord::new("a meter's name is not there"))?;
        let meter = MeterId::from_stored(name).map_err(InvalidRecord::new)?;
        let other = others.next_if(|(other, _)| *other == index).map(|(_, place)| place as usize);
        let member = members.get(other.unwrap_or(place))?;
        readings.push(MeterReading { meter, member, registers: Registers { import_wh, export_wh }, anew: false });
    }
    let mut own = Own::new();
    for (index, watts) in unpacker.sparse(count, Unpacker::u64)? {
        if let Some(reading) = readings.get(index) {
            own.insert(reading.meter.clone(), meters::decode_power(watts)?);
        }
    }
    for (index, ()) in unpacker.sparse(count, |_| Ok(()))? {
        readings.get_mut(index).into_iter().for_each(|reading| reading.anew = true);
    }
    Ok((readings, own))
}

fn write_positions(packer: &mut Packer, names: &NameTable<'_>, round: &Round) {
    let (positions, usual) = (round.positions(), round.terms().tariff);
    let unless = |value: Price, usual: Price| (value != usual).then_some(value.micro_eur());
    packer.len(positions.len());
    write_places(packer, positions.iter().map(|position| names.place(position.member.as_str())));
    positions.iter().for_each(|position| packer.u64(position.surplus.wh()));
    positions.iter().for_each(|position| packer.u64(position.deficit.wh()));
    packer.sparse(positions.iter().map(|one| unless(one.tariff.retail, usual.retail)), Packer::i64);
    packer.sparse(positions.iter().map(|one| unless(one.tariff.feed_in, usual.feed_in)), Packer::i64);
    packer.sparse(positions.iter().map(|one| unless(one.offer, one.tariff.feed_in)), Packer::i64);
    packer.sparse(positions.iter().map(|one| unless(one.bid, one.tariff.retail)), Packer::i64);
    packer.sparse(positions.iter().map(|one| (one.share != 0).then_some(one.share)), Packer::u32);
    packer.sparse(positions.iter().map(|one| (one.rank != 0).then_some(one.rank)), Packer::u32);
}

fn read_positions(
    unpacker: &mut Unpacker<'_>,
    members: &Members,
    usual: Tariff,
) -> Result<Vec<Position>, InvalidRecord> {
    let count = unpacker.len()?;
    let places = read_places(unpacker, count)?;
    let surpluses = unpacker.column(count, Unpacker::u64)?;
    let deficits = unpacker.column(count, Unpacker::u64)?;
    let mut positions = Vec::with_capacity(count);
    for ((place, surplus), deficit) in places.into_iter().zip(surpluses).zip(deficits) {
        positions.push(Position {
            member: members.get(place)?,
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(deficit),
            offer: usual.feed_in,
            bid: usual.retail,
            tariff: usual,
            share: 0,
            rank: 0,
        });
    }
    let mut set = |unpacker: &mut Unpacker<'_>, set: fn(&mut Position, Price)| {
        for (index, price) in unpacker.sparse(count, Unpacker::i64)? {
            positions.get_mut(index).into_iter().for_each(|position| set(position, Price::from_micro_eur(price)));
        }
        Ok(())
    };
    // What a member bids and is charged follows from its tariff where nothing else is said.
    set(unpacker, |position, price| (position.tariff.retail, position.bid) = (price, price))?;
    set(unpacker, |position, price| (position.tariff.feed_in, position.offer) = (price, price))?;
    set(unpacker, |position, price| position.offer = price)?;
    set(unpacker, |position, price| position.bid = price)?;
    let mut number = |unpacker: &mut Unpacker<'_>, set: fn(&mut Position, u32)| {
        for (index, number) in unpacker.sparse(count, Unpacker::u32)? {
            positions.get_mut(index).into_iter().for_each(|position| set(position, number));
        }
        Ok::<(), InvalidRecord>(())
    };
    number(unpacker, |position, share| position.share = share)?;
    number(unpacker, |position, rank| position.rank = rank)?;
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use books::Commit;
    use rec_market_tests::commits::{full, opening};
    use rec_market_tests::settled::interval;

    fn block_of(commit: &Commit) -> Vec<u8> {
        let cleared = &commit.cleared;
        let parts = InputParts {
            readings: &cleared.readings,
            rules: &cleared.rules,
            gaps: &cleared.gaps,
            opening: &cleared.opening,
            decided: &[],
        };
        let round = cleared.round.as_ref().map(|round| &**round.settlement.round());
        encode_block(&cleared.trades, parts, round)
    }

    #[test]
    fn an_interval_is_read_as_written() {
        for commit in [opening("aveiro", 3), full("aveiro", 4)] {
            let block = decode_block(&block_of(&commit)).unwrap();
            let cleared = &commit.cleared;
            assert_eq!(stored_trades("aveiro", cleared.interval, block.trades.clone()), cleared.trades);
            assert_eq!((&block.inputs.readings, &block.inputs.gaps), (&cleared.readings, &cleared.gaps));
            let round = cleared.round.as_ref().map(|round| &**round.settlement.round());
            assert_eq!(block.round.as_ref(), round);
            assert_eq!(block.clone().encode("aveiro", cleared.interval), block_of(&commit));
        }
    }

    #[test]
    fn trades_are_found_without_the_rest() {
        let commit = full("aveiro", 1);
        let trades = decode_trades(&block_of(&commit)).unwrap();
        assert_eq!(trades.count(), 4);
        let bob = trades.party("bob").unwrap();
        let ids = CommunityCode::of("aveiro").ids(interval(1));
        let bought = trades.stored(ids, interval(1), |_, _, buyer| buyer == bob).unwrap();
        assert_eq!(bought, commit.cleared.trades[..1]);
        assert_eq!((trades.party("grid"), trades.party("nobody")), (Some(GRID), None));
        let (seller, buyer, energy, price, message) = trades.get(3).unwrap();
        assert_eq!((seller, buyer, energy.wh(), price.micro_eur()), ("grid", "carla", 9, 171_000));
        assert_eq!(message, Some("Start timestamp: 2023-09-01T12:00:00Z"));
        assert_eq!((0..5).map(|number| trades.is_paid(number)).collect::<Vec<_>>(), [true, false, false, false, false]);
    }

    #[test]
    fn a_year_of_trades_takes_few_bytes() {
        let members: Vec<String> = (0..100).map(|number| format!("member-{number:03}")).collect();
        let lines = (0..100).map(|seller| {
            let price = if seller % 3 == 0 { 30_000 } else { 96_200 };
            let buyer = if seller % 3 == 0 { "grid".to_owned() } else { members[(seller * 7 + 1) % 100].clone() };
            format!("{} > {buyer} {} {price}", members[seller], 50 + seller * 11)
        });
        let commit = rec_market_tests::settled::settled(5, &lines.collect::<Vec<_>>());
        let bytes = block_of(&commit).len();
        // Names, the round's positions and all: a trade by itself takes five or six.
        assert!(bytes < 1_600, "{bytes}");
    }

    proptest! {
        #[test]
        fn trades_are_read_as_written(
            rows in prop::collection::vec(
                (0_usize..4, 0_usize..4, any::<u64>(), any::<i64>(), prop::option::of(".{0,5}")), 0..20,
            ),
        ) {
            let party = |place: usize| match place {
                0 => NamedParty::Grid,
                1 => NamedParty::Operator,
                place => NamedParty::Member(["a", "bob"][place - 2].parse().unwrap()),
            };
            let packed = rows.into_iter().map(|(seller, buyer, energy, price, message)| {
                let (energy, price) = (Energy::from_wh(energy), Price::from_micro_eur(price));
                PackedTrade { trade: NamedTrade { seller: party(seller), buyer: party(buyer), energy, price }, message }
            });
            let block = Block { trades: packed.collect(), ..Block::default() };
            prop_assert_eq!(Block::decode(&block.clone().encode("aveiro", interval(0))).unwrap(), block);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), place in any::<prop::sample::Index>()) {
            let mut packer = Packer::new(VERSION, 0);
            bytes.iter().for_each(|byte| packer.u32(u32::from(*byte)));
            let _ = decode_block(&packer.finish());
            // A block in which one number is another.
            let whole = block_of(&full("aveiro", 1));
            let mut packer = Packer::new(VERSION, 0);
            let changed = place.index(whole.len());
            let content = &whole[1..whole.len() - 8];
            packer.raw(&content.iter().enumerate().map(|(at, byte)| if at == changed { bytes.first().copied().unwrap_or(9) } else { *byte }).collect::<Vec<_>>());
            let _ = decode_block(&packer.finish());
        }
    }
}
