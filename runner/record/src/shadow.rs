//! The stored form of shadow totals.

use books::ShadowTotals;
use books::shadow::{Cost, Difference, Position};
use domain::MemberId;
use prost::Message;

use super::{InvalidRecord, decode_boundary};

#[derive(Clone, PartialEq, Message)]
struct TotalsRecord {
    #[prost(uint64, tag = "1")]
    intervals: u64,
    #[prost(uint64, tag = "2")]
    failed: u64,
    #[prost(uint64, tag = "3")]
    rejected: u64,
    #[prost(uint64, repeated, tag = "4")]
    cost: Vec<u64>,
    #[prost(message, repeated, tag = "5")]
    members: Vec<MemberRecord>,
    #[prost(message, repeated, tag = "6")]
    problems: Vec<ProblemRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct MemberRecord {
    #[prost(string, tag = "1")]
    member: String,
    #[prost(message, optional, tag = "2")]
    settled: Option<PositionRecord>,
    #[prost(message, optional, tag = "3")]
    candidate: Option<PositionRecord>,
}

/// Each 128-bit number in two halves, since protobuf has no type for it.
#[derive(Clone, PartialEq, Message)]
struct PositionRecord {
    #[prost(sint64, tag = "1")]
    local_high: i64,
    #[prost(uint64, tag = "2")]
    local_low: u64,
    #[prost(sint64, tag = "3")]
    balance_high: i64,
    #[prost(uint64, tag = "4")]
    balance_low: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ProblemRecord {
    #[prost(uint64, tag = "1")]
    start: u64,
    #[prost(string, tag = "2")]
    reason: String,
}

/// Splits a number into its upper and its lower half.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "OK because each half is 64 bits of it")]
fn halves(number: i128) -> (i64, u64) {
    ((number >> 64) as i64, number as u64)
}

fn whole(high: i64, low: u64) -> i128 {
    (i128::from(high) << 64) | i128::from(low)
}

impl From<Position> for PositionRecord {
    fn from(position: Position) -> PositionRecord {
        let ((local_high, local_low), (balance_high, balance_low)) =
            (halves(position.local_wh), halves(position.balance));
        PositionRecord { local_high, local_low, balance_high, balance_low }
    }
}

impl From<PositionRecord> for Position {
    fn from(record: PositionRecord) -> Position {
        Position {
            local_wh: whole(record.local_high, record.local_low),
            balance: whole(record.balance_high, record.balance_low),
        }
    }
}

/// Packs the totals of a shadow.
pub fn encode_shadow_totals(totals: &ShadowTotals) -> Vec<u8> {
    let Cost { fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max } = totals.cost;
    let members = totals.members.iter().map(|(member, difference)| MemberRecord {
        member: member.as_str().to_owned(),
        settled: Some(difference.settled.into()),
        candidate: Some(difference.candidate.into()),
    });
    let problems = totals.problems.iter();
    let problems = problems.map(|(start, reason)| ProblemRecord { start: start.seconds(), reason: reason.clone() });
    let record = TotalsRecord {
        intervals: totals.intervals,
        failed: totals.failed,
        rejected: totals.rejected,
        cost: vec![fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max],
        members: members.collect(),
        problems: problems.collect(),
    };
    record.encode_to_vec()
}

/// Decodes shadow totals.
///
/// # Errors
/// If the bytes are not valid totals.
pub fn decode_shadow_totals(bytes: &[u8]) -> Result<ShadowTotals, InvalidRecord> {
    let record = TotalsRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let [fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max] = record.cost[..] else {
        return Err(InvalidRecord::new(format!("shadow totals have {} costs instead of 6", record.cost.len())));
    };
    let member = |record: MemberRecord| {
        let member = MemberId::from_stored(&record.member).map_err(InvalidRecord::new)?;
        let side =
            |side: Option<PositionRecord>| side.ok_or_else(|| InvalidRecord::new("a member's totals have one side"));
        let (settled, candidate) = (side(record.settled)?.into(), side(record.candidate)?.into());
        Ok((member, Difference { settled, candidate }))
    };
    let problem = |record: ProblemRecord| Ok((decode_boundary(record.start)?, record.reason));
    Ok(ShadowTotals {
        intervals: record.intervals,
        failed: record.failed,
        rejected: record.rejected,
        cost: Cost { fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max },
        members: record.members.into_iter().map(member).collect::<Result<_, InvalidRecord>>()?,
        problems: record.problems.into_iter().map(problem).collect::<Result<_, InvalidRecord>>()?,
    })
}

#[cfg(test)]
mod tests {
    use domain::Boundary;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn totals_are_decoded_as_encoded(numbers in any::<[i128; 4]>(), counts in any::<[u64; 9]>(), reason in ".*") {
            let [local_wh, balance, other_wh, other] = numbers;
            let [intervals, failed, rejected, fuel, fuel_max, settled_fuel, memory, time, time_max] = counts;
            let difference = Difference {
                settled: Position { local_wh, balance },
                candidate: Position { local_wh: other_wh, balance: other },
            };
            let totals = ShadowTotals {
                intervals,
                failed,
                rejected,
                cost: Cost {
                    fuel, fuel_max, settled_fuel,
                    peak_memory_bytes_max: memory, duration_us: time, duration_us_max: time_max,
                },
                members: [("m01".parse().unwrap(), difference)].into(),
                problems: vec![(Boundary::from_seconds(1_693_569_600).unwrap(), reason)],
            };
            prop_assert_eq!(decode_shadow_totals(&encode_shadow_totals(&totals)).unwrap(), totals);
        }
    }

    #[test]
    fn invalid_totals_are_refused() {
        assert!(decode_shadow_totals(b"\xff").is_err());
        assert!(decode_shadow_totals(b"").is_err());
        let wrong = TotalsRecord {
            cost: vec![0; 6],
            problems: vec![ProblemRecord { start: u64::MAX, reason: String::new() }],
            ..TotalsRecord::default()
        };
        assert!(decode_shadow_totals(&wrong.encode_to_vec()).is_err());
        // One side alone would read as if the candidate moved nothing.
        let member =
            MemberRecord { member: "m01".to_owned(), settled: Some(PositionRecord::default()), candidate: None };
        let one_sided = TotalsRecord { cost: vec![0; 6], members: vec![member], ..TotalsRecord::default() };
        assert!(decode_shadow_totals(&one_sided.encode_to_vec()).is_err());
    }
}
