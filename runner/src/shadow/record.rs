//! How sums are written down, for the store.

use domain::Boundary;
use prost::Message;

use super::{Cost, Difference, Position, Sums};

/// Sums that say something impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what came of a candidate cannot be read: {0} (start it again)")]
pub struct InvalidSums(String);

#[derive(Clone, PartialEq, Message)]
struct SumsRecord {
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

/// Two halves of each number: protobuf has none of 128 bits.
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

/// The upper and the lower half.
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

impl Sums {
    /// Writes them.
    pub fn encode(&self) -> Vec<u8> {
        let Cost { fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max } = self.cost;
        let members = self.members.iter().map(|(member, difference)| MemberRecord {
            member: member.as_str().to_owned(),
            settled: Some(difference.settled.into()),
            candidate: Some(difference.candidate.into()),
        });
        let problems = self.problems.iter();
        let problems = problems.map(|(start, reason)| ProblemRecord { start: start.seconds(), reason: reason.clone() });
        let record = SumsRecord {
            intervals: self.intervals,
            failed: self.failed,
            rejected: self.rejected,
            cost: vec![fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max],
            members: members.collect(),
            problems: problems.collect(),
        };
        record.encode_to_vec()
    }

    /// Reads them.
    ///
    /// # Errors
    /// If the bytes are no sums.
    pub fn decode(bytes: &[u8]) -> Result<Sums, InvalidSums> {
        let record = SumsRecord::decode(bytes).map_err(|error| InvalidSums(error.to_string()))?;
        let [fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max] = record.cost[..]
        else {
            return Err(InvalidSums(format!("it has {} costs", record.cost.len())));
        };
        let member = |record: MemberRecord| {
            let member = record.member.parse().map_err(|error| InvalidSums(format!("{error}")))?;
            let (settled, candidate) = (record.settled.unwrap_or_default(), record.candidate.unwrap_or_default());
            Ok((member, Difference { settled: settled.into(), candidate: candidate.into() }))
        };
        let problem = |record: ProblemRecord| {
            let start = Boundary::from_seconds(record.start);
            Ok((start.ok_or_else(|| InvalidSums(format!("no interval starts at {}", record.start)))?, record.reason))
        };
        Ok(Sums {
            intervals: record.intervals,
            failed: record.failed,
            rejected: record.rejected,
            cost: Cost { fuel, fuel_max, settled_fuel, peak_memory_bytes_max, duration_us, duration_us_max },
            members: record.members.into_iter().map(member).collect::<Result<_, _>>()?,
            problems: record.problems.into_iter().map(problem).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in any::<[i128; 4]>(), counts in any::<[u64; 9]>(), reason in ".*") {
            let [local_wh, balance, other_wh, other] = numbers;
            let [intervals, failed, rejected, fuel, fuel_max, settled_fuel, memory, time, time_max] = counts;
            let difference = Difference {
                settled: Position { local_wh, balance },
                candidate: Position { local_wh: other_wh, balance: other },
            };
            let sums = Sums {
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
            prop_assert_eq!(Sums::decode(&sums.encode()), Ok(sums));
        }
    }

    #[test]
    fn what_is_no_sum_is_refused() {
        assert!(Sums::decode(b"\xff").is_err());
        assert!(Sums::decode(b"").is_err());
        let wrong = SumsRecord {
            cost: vec![0; 6],
            problems: vec![ProblemRecord { start: u64::MAX, reason: String::new() }],
            ..SumsRecord::default()
        };
        assert!(Sums::decode(&wrong.encode_to_vec()).is_err());
    }
}
