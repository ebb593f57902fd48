//! Requests of a bearable size, and smaller ones.

use prost::Message as _;

use crate::proto::rec_market_v1::Trade;

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Trades in one request; at least 1.
    pub trades: usize,
    /// Bytes in one request; a trade that is larger goes alone.
    pub bytes: usize,
}

impl Default for Batch {
    /// What `proto/rec_market_trade.proto` promises to receivers.
    fn default() -> Batch {
        Batch { trades: 500, bytes: 1 << 20 }
    }
}

/// Bytes that a trade takes in a request: itself, its tag and its length.
fn bytes(trade: &Trade) -> usize {
    const TAG: usize = 1;
    let trade = trade.encoded_len();
    TAG + prost::length_delimiter_len(trade) + trade
}

/// Trades that go together.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// The trades, in order; at least one.
    pub trades: Vec<Trade>,
    /// Bytes of the request.
    pub bytes: usize,
}

impl Parcel {
    fn of(trades: Vec<Trade>) -> Parcel {
        let bytes = trades.iter().map(bytes).sum();
        Parcel { trades, bytes }
    }

    /// The first half and the second.
    ///
    /// # Errors
    /// If there is only one trade in it: the parcel itself.
    pub fn halves(mut self) -> Result<[Parcel; 2], Parcel> {
        if self.trades.len() < 2 {
            return Err(self);
        }
        let second = self.trades.split_off(self.trades.len() / 2);
        Ok([Parcel::of(self.trades), Parcel::of(second)])
    }
}

/// Packs trades in their order.
pub fn pack(trades: impl IntoIterator<Item = Trade>, batch: Batch) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    for trade in trades {
        let bytes = bytes(&trade);
        let open = parcels
            .last_mut()
            .filter(|parcel| parcel.trades.len() < batch.trades && parcel.bytes.saturating_add(bytes) <= batch.bytes);
        match open {
            Some(parcel) => {
                parcel.bytes += bytes;
                parcel.trades.push(trade);
            }
            None => parcels.push(Parcel { trades: vec![trade], bytes }),
        }
    }
    parcels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rec_market_v1::DeliverTradesRequest;

    fn trade(number: usize, message: usize) -> Trade {
        Trade { id: format!("{number:024}"), message: "x".repeat(message), ..Trade::default() }
    }

    fn counts(parcels: &[Parcel]) -> Vec<usize> {
        parcels.iter().map(|parcel| parcel.trades.len()).collect()
    }

    #[test]
    fn parcels_are_within_both_limits_and_in_order() {
        let batch = Batch { trades: 3, bytes: 1000 };
        let parcels = pack((0..7).map(|number| trade(number, 10)), batch);
        assert_eq!(counts(&parcels), [3, 3, 1]);
        let parcels = pack([10, 880, 2000, 10, 10].into_iter().enumerate().map(|(i, long)| trade(i, long)), batch);
        assert_eq!(counts(&parcels), [2, 1, 2]);
        let ids: Vec<_> = parcels.iter().flat_map(|parcel| &parcel.trades).map(|trade| trade.id.clone()).collect();
        assert!(ids.is_sorted());
        for parcel in parcels {
            let request = DeliverTradesRequest { trades: parcel.trades };
            assert_eq!(parcel.bytes, request.encoded_len());
        }
    }

    #[test]
    fn halves_end_at_one_trade() {
        let parcel = Parcel::of((0..3).map(|number| trade(number, 0)).collect());
        let [first, second] = parcel.halves().unwrap();
        assert_eq!(counts(&[first.clone(), second.clone()]), [1, 2]);
        assert_eq!(first.clone().halves(), Err(first));
        assert_eq!(counts(&second.halves().unwrap()), [1, 1]);
    }
}
