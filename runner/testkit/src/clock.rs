//! A clock that is set by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rec_market::clock::{Clock, SystemClock};

/// A clock that stands still until a test moves it. Clones show the same time.
#[derive(Clone)]
pub struct HandClock(Arc<Mutex<Timestamp>>);

impl HandClock {
    /// A clock that shows this time.
    pub fn at(time: &str) -> HandClock {
        HandClock(Arc::new(Mutex::new(time.parse().unwrap())))
    }

    /// A clock that is right at first, because certificates hold today.
    pub fn right() -> HandClock {
        HandClock(Arc::new(Mutex::new(SystemClock.now())))
    }

    pub fn set(&self, time: &str) {
        *self.0.lock().unwrap() = time.parse().unwrap();
    }

    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
