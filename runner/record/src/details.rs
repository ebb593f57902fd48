//! Details of a day, packed: what was settled in each interval, and who sold how much to whom.

use books::statement::Flow;
use books::{Cleared, IntervalSums, Pair, Sales, Told};
use domain::{Amount, Boundary, Interval, NamedParty, Price};

use super::names::{NameTable, Names};
use super::pack::{Packer, Unpacker};
use super::{InvalidRecord, decode_interval, decode_party};

/// The version of the layout.
const VERSION: u8 = 1;

/// Packs details of the day that begins with this interval's start.
pub fn encode_told(first: Boundary, told: Option<&Told>) -> Vec<u8> {
    let intervals = told.map_or(0, |told| told.intervals.len());
    let flows = told.and_then(|told| told.sales.as_ref()).map_or(0, |sales| sales.flows.len());
    let mut packer = Packer::new(VERSION, 32 + 24 * intervals + 10 * flows);
    packer.u64(told.is_some().into());
    let Some(told) = told else { return packer.finish() };
    packer.len(intervals);
    let (mut end, mut length) = (first.seconds(), 0_i64);
    for sums in &told.intervals {
        let (interval, seconds) = (sums.interval, i64::from(sums.interval.length().seconds()));
        // Mostly the one before has just ended, and is as long.
        packer.u64(interval.start().seconds().saturating_sub(end));
        packer.i64(seconds - length);
        (end, length) = (interval.end().seconds(), seconds);
        packer.u64(sums.gaps);
        write_cleared(&mut packer, sums.cleared.as_ref());
    }
    packer.u64(told.sales.is_some().into());
    if let Some(sales) = &told.sales {
        write_sales(&mut packer, sales);
    }
    packer.finish()
}

fn write_cleared(packer: &mut Packer, cleared: Option<&Cleared>) {
    let Some(Cleared { fed_in_wh, needed_wh, shared, prices }) = cleared else { return packer.u64(0) };
    packer.u64(if prices.is_some() { 2 } else { 1 });
    packer.u128(*fed_in_wh);
    packer.u128(*needed_wh);
    packer.u128(shared.wh);
    packer.i128(shared.amount.nano_eur());
    if let Some((lowest, highest)) = prices {
        packer.i64(lowest.micro_eur());
        packer.i128(i128::from(highest.micro_eur()) - i128::from(lowest.micro_eur()));
    }
}

fn write_sales(packer: &mut Packer, sales: &Sales) {
    let names = NameTable::of(sales.parties.iter().map(NamedParty::as_str));
    names.write(packer);
    packer.len(sales.flows.len());
    let count = sales.parties.len() as u64;
    let mut next = 0;
    for (pair, flow) in &sales.flows {
        // OK because places are below the count, and there are at most two parties for each pair that is kept.
        let place = u64::from(pair.seller).saturating_mul(count).saturating_add(pair.buyer.into());
        packer.u64(place.saturating_sub(next));
        packer.u128(flow.wh);
        packer.i128(flow.amount.nano_eur());
        next = place.saturating_add(1);
    }
}

/// Unpacks details of the day that begins with this interval's start; `None` if there was nothing to tell.
///
/// # Errors
/// If the bytes are not valid details.
pub fn decode_told(first: Boundary, bytes: &[u8]) -> Result<Option<Told>, InvalidRecord> {
    let mut unpacker = Unpacker::new(bytes, VERSION)?;
    if unpacker.u64()? == 0 {
        unpacker.finish()?;
        return Ok(None);
    }
    let count = unpacker.len()?;
    let (mut end, mut length) = (first.seconds(), 0_i64);
    let intervals = unpacker.column(count, |unpacker| {
        let interval = read_interval(unpacker, end, length)?;
        (end, length) = (interval.end().seconds(), interval.length().seconds().into());
        Ok(IntervalSums { interval, gaps: unpacker.u64()?, cleared: read_cleared(unpacker)? })
    })?;
    let sales = if unpacker.u64()? == 0 { None } else { Some(read_sales(&mut unpacker)?) };
    unpacker.finish()?;
    Ok(Some(Told { intervals, sales }))
}

/// Reads an interval after one that ended then and had this length.
fn read_interval(unpacker: &mut Unpacker<'_>, end: u64, length: i64) -> Result<Interval, InvalidRecord> {
    let start = unpacker.u64()?.checked_add(end);
    let length = unpacker.i64()?.checked_add(length).and_then(|seconds| u32::try_from(seconds).ok());
    let (Some(start), Some(length)) = (start, length) else {
        return Err(InvalidRecord::new("an interval is at no time that there is"));
    };
    decode_interval(start, length)
}

fn read_cleared(unpacker: &mut Unpacker<'_>) -> Result<Option<Cleared>, InvalidRecord> {
    let kind = unpacker.u64()?;
    if kind == 0 {
        return Ok(None);
    }
    let (fed_in_wh, needed_wh) = (unpacker.u128()?, unpacker.u128()?);
    let shared = read_flow(unpacker)?;
    let prices = if kind == 1 { None } else { Some(read_prices(unpacker)?) };
    Ok(Some(Cleared { fed_in_wh, needed_wh, shared, prices }))
}

fn read_flow(unpacker: &mut Unpacker<'_>) -> Result<Flow, InvalidRecord> {
    Ok(Flow { wh: unpacker.u128()?, amount: Amount::from_nano_eur(unpacker.i128()?) })
}

fn read_prices(unpacker: &mut Unpacker<'_>) -> Result<(Price, Price), InvalidRecord> {
    let lowest = unpacker.i64()?;
    let highest = unpacker.i128()?.checked_add(lowest.into()).and_then(|price| i64::try_from(price).ok());
    let highest = highest.ok_or_else(|| InvalidRecord::new("a price has more than 64 bits"))?;
    Ok((Price::from_micro_eur(lowest), Price::from_micro_eur(highest)))
}

fn read_sales(unpacker: &mut Unpacker<'_>) -> Result<Sales, InvalidRecord> {
    let names = Names::read(unpacker)?;
    let parties = names.iter().map(decode_party).collect::<Result<Vec<_>, _>>()?;
    let count = parties.len() as u64;
    let flows = unpacker.len()?;
    let mut next = 0_u64;
    let flows = unpacker.column(flows, |unpacker| {
        let place = unpacker.u64()?.checked_add(next);
        let place = place.filter(|place| *place < count.saturating_mul(count));
        let place = place.ok_or_else(|| InvalidRecord::new("a sale is of nobody"))?;
        next = place + 1;
        // OK because a place is below the square of the number of parties, and nobody has more of them than 2³².
        let part = |part: Option<u64>| part.and_then(|part| u32::try_from(part).ok()).unwrap_or(u32::MAX);
        let (seller, buyer) = (part(place.checked_div(count)), part(place.checked_rem(count)));
        Ok((Pair { seller, buyer }, read_flow(unpacker)?))
    })?;
    Ok(Sales { parties, flows })
}

#[cfg(test)]
mod tests {
    use domain::IntervalLength;
    use proptest::prelude::*;

    use super::*;

    fn first() -> Boundary {
        Boundary::from_seconds(1_693_569_600).unwrap()
    }

    prop_compose! {
        fn cleared()(
            fed_in_wh in any::<u64>(), needed_wh in 0_u64..5000, wh in 0_u64..5000, nano_eur in any::<i64>(),
            prices in prop::option::of((any::<i64>(), any::<i64>())),
        ) -> Cleared {
            let price = Price::from_micro_eur;
            Cleared {
                fed_in_wh: fed_in_wh.into(),
                needed_wh: needed_wh.into(),
                shared: Flow { wh: wh.into(), amount: Amount::from_nano_eur(nano_eur.into()) },
                prices: prices.map(|(a, b)| (price(a.min(b)), price(a.max(b)))),
            }
        }
    }

    prop_compose! {
        fn told()(
            steps in prop::collection::vec((0_u64..3, 1_u32..5, 0_u64..3, prop::option::of(cleared())), 0..40),
            sales in prop::option::of(prop::collection::btree_map((0_u32..6, 0_u32..6), (any::<u64>(), any::<i64>()), 0..30)),
        ) -> Told {
            let mut at = first().seconds();
            let mut interval = |pause: u64, length: u32| {
                let start = Boundary::from_seconds(at + 900 * pause).unwrap();
                let interval = Interval::starting(start, IntervalLength::from_seconds(300 * length).unwrap()).unwrap();
                at = interval.end().seconds();
                interval
            };
            let intervals = steps.into_iter().map(|(pause, length, gaps, cleared)| {
                IntervalSums { interval: interval(pause, length), cleared, gaps }
            });
            let parties = ["a", "b", "bob", "ä", "operator", "z"].map(|name| decode_party(name).unwrap());
            let mut parties = parties.to_vec();
            parties.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            let flow = |((seller, buyer), (wh, nano_eur)): ((u32, u32), (u64, i64))| {
                let amount = Amount::from_nano_eur(nano_eur.into());
                (Pair { seller, buyer }, Flow { wh: wh.into(), amount })
            };
            let intervals = intervals.collect();
            let sales = sales.map(|flows| Sales { parties, flows: flows.into_iter().map(flow).collect() });
            Told { intervals, sales }
        }
    }

    proptest! {
        #[test]
        fn details_are_read_as_written(told in told()) {
            let bytes = encode_told(first(), Some(&told));
            prop_assert_eq!(decode_told(first(), &bytes).unwrap(), Some(told));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut packer = Packer::new(VERSION, 0);
            packer.raw(&bytes);
            let _ = decode_told(first(), &packer.finish());
        }
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(decode_told(first(), &encode_told(first(), None)).unwrap(), None);
    }

    #[test]
    fn a_year_of_a_hundred_members_takes_less_than_ten_megabytes() {
        // A third of them sells to all others in proportion, which is the most pairs that there usually are.
        let cleared = Cleared {
            fed_in_wh: 18_345,
            needed_wh: 23_456,
            shared: Flow { wh: 18_345, amount: Amount::from_nano_eur(18_345 * 96_200) },
            prices: Some((Price::from_micro_eur(91_234), Price::from_micro_eur(101_234))),
        };
        let interval = |number: u64| {
            let start = Boundary::from_seconds(first().seconds() + 900 * number).unwrap();
            Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap()
        };
        let sums = |number| IntervalSums { interval: interval(number), cleared: Some(cleared), gaps: 0 };
        let parties = (0..100).map(|number| decode_party(&format!("es-sms-{number:03}")).unwrap()).collect();
        let flow = |seller: u32, buyer: u32| {
            let flow = Flow { wh: 345, amount: Amount::from_nano_eur(345 * 96_213) };
            (Pair { seller, buyer }, flow)
        };
        let flows = (0..33).flat_map(|seller| (33..100).map(move |buyer| flow(seller, buyer))).collect();
        let told = Told { intervals: (0..96).map(sums).collect(), sales: Some(Sales { parties, flows }) };
        let bytes = encode_told(first(), Some(&told)).len();
        assert!(bytes * 366 < 10_000_000, "{bytes} bytes a day");
    }
}
