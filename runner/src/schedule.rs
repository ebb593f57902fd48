//! When an interval is due, and when to look again.
