//! Brings settled trades to Transactions: the outbox, read in order.
