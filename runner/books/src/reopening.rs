//! Trades that a person offers for payment again, and the records of that.

use std::collections::BTreeSet;

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;

use crate::error::StoreError;
use crate::payment::Reported;

/// A person's decision that trades are offered for payment again: each is `Created` as if nobody had ever reported on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reopening {
    /// The ids of the trades.
    pub trades: BTreeSet<TradeId>,
    /// When it is decided, to the second.
    pub at: Timestamp,
    /// Who decides it.
    pub by: String,
    /// Why, for people.
    pub why: String,
}

/// The record of a trade that was reopened. It is never changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// The trade's id.
    pub trade: TradeId,
    /// When it was decided, to the second.
    pub at: Timestamp,
    /// Who decided it.
    pub by: String,
    /// Why, for people.
    pub why: String,
    /// The trade's state before.
    pub from: State,
    /// The id of the payment that was reported before; `None` if none was.
    pub transaction_id: Option<String>,
    /// The trade's remark before, if it had one.
    pub message: Option<String>,
}

/// Why trades are not reopened.
#[derive(Debug, thiserror::Error)]
pub enum ReopenError {
    /// No trade has this id.
    #[error("there is no trade {0} (`rec-market trades --json` lists all with their ids)")]
    Unknown(TradeId),
    /// The trade is with the grid, so it is never paid.
    #[error("trade {0} is with the grid and is never paid (only trades between members can be reopened)")]
    Stateless(TradeId),
    /// The trade waits for payment anyway.
    #[error("trade {id} is {state} and is offered for payment anyway (only Sent, Paid and Error can be reopened)")]
    Open {
        /// The trade's id.
        id: TradeId,
        /// The trade's state.
        state: State,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Reopening {
    /// Returns the record for a trade with these stored values.
    ///
    /// # Errors
    /// If the trade has no state, or waits for payment anyway.
    pub fn record(&self, trade: TradeId, now: Reported<'_>) -> Result<Reopened, ReopenError> {
        let from = now.state.ok_or(ReopenError::Stateless(trade))?;
        if from.is_waiting() {
            return Err(ReopenError::Open { id: trade, state: from });
        }
        Ok(Reopened {
            trade,
            at: self.at,
            by: self.by.clone(),
            why: self.why.clone(),
            from,
            transaction_id: now.transaction_id.map(str::to_owned),
            message: now.message.map(str::to_owned),
        })
    }

    /// Returns the remark that the trades have from now on.
    pub fn message(&self) -> String {
        format!("reopened by {}: {}", self.by, self.why)
    }
}
