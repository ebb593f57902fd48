//! `serve`: everything that runs for years, put together.
