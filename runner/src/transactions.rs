//! The Transactions service: a client that pushes trades, and a service of our own for demo and tests.
