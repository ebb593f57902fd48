//! Splits trades into requests of limited size.

use prost::Message as _;

use wire::rec_market_v1::Trade;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Trades in one request; at least 1.
    pub trades: usize,
    /// Bytes in one request; a larger trade is sent alone.
    pub bytes: usize,
}

impl Default for BatchLimits {
    /// The limits that `proto/rec_market_trade.proto` promises to receivers.
    fn default() -> BatchLimits {
        BatchLimits { trades: 500, bytes: 1 << 20 }
    }
}

/// Bytes of a trade in a request, with tag and length.
fn bytes(trade: &Trade) -> usize {
    const TAG: usize = 1;
    let trade = trade.encoded_len();
    TAG + prost::length_delimiter_len(trade) + trade
}

/// The trades of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// At least one, in order.
    pub trades: Vec<Trade>,
    /// Bytes of the request.
    pub bytes: usize,
}

impl Batch {
    pub(super) fn of(trades: Vec<Trade>) -> Batch {
        let bytes = trades.iter().map(bytes).sum();
        Batch { trades, bytes }
    }

    /// The first and the second half.
    ///
    /// # Errors
    /// Returns the batch itself if it has only one trade.
    pub fn halves(mut self) -> Result<[Batch; 2], Batch> {
        if self.trades.len() < 2 {
            return Err(self);
        }
        let second = self.trades.split_off(self.trades.len() / 2);
        Ok([Batch::of(self.trades), Batch::of(second)])
    }
}

/// Packs trades into batches, in order.
pub fn batches(trades: impl IntoIterator<Item = Trade>, limits: BatchLimits) -> Vec<Batch> {
    let mut packed: Vec<Batch> = Vec::new();
    for trade in trades {
        let bytes = bytes(&trade);
        let open = packed
            .last_mut()
            .filter(|batch| batch.trades.len() < limits.trades && batch.bytes.saturating_add(bytes) <= limits.bytes);
        match open {
            Some(batch) => {
                batch.bytes += bytes;
                batch.trades.push(trade);
            }
            None => packed.push(Batch { trades: vec![trade], bytes }),
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::rec_market_v1::DeliverTradesRequest;

    fn trade(number: usize, message: usize) -> Trade {
        Trade { id: format!("{number:024}"), message: "x".repeat(message), ..Trade::default() }
    }

    fn counts(batches: &[Batch]) -> Vec<usize> {
        batches.iter().map(|batch| batch.trades.len()).collect()
    }

    #[test]
    fn batches_are_within_both_limits_and_in_order() {
        let limits = BatchLimits { trades: 3, bytes: 1000 };
        let packed = batches((0..7).map(|number| trade(number, 10)), limits);
        assert_eq!(counts(&packed), [3, 3, 1]);
        let packed = batches([10, 880, 2000, 10, 10].into_iter().enumerate().map(|(i, long)| trade(i, long)), limits);
        assert_eq!(counts(&packed), [2, 1, 2]);
        let ids: Vec<_> = packed.iter().flat_map(|batch| &batch.trades).map(|trade| trade.id.clone()).collect();
        assert!(ids.is_sorted());
        for batch in packed {
            let request = DeliverTradesRequest { trades: batch.trades };
            assert_eq!(batch.bytes, request.encoded_len());
        }
    }

    #[test]
    fn halves_end_at_one_trade() {
        let batch = Batch::of((0..3).map(|number| trade(number, 0)).collect());
        let [first, second] = batch.halves().unwrap();
        assert_eq!(counts(&[first.clone(), second.clone()]), [1, 2]);
        assert_eq!(first.clone().halves(), Err(first));
        assert_eq!(counts(&second.halves().unwrap()), [1, 1]);
    }
}
