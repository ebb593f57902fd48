//! What the host keeps for one run, in the engine's store: what the meter counts and what the guest writes.

use crate::error::shortened;
use crate::limits::Meter;

/// The host's data for one run.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) meter: Meter,
    pub(crate) log: Log,
}

/// Maximum size of a run's log, in bytes: enough for a panic message and its location.
const LOG_BYTES_MAX: usize = 4 << 10;

/// The beginning of what a run wrote to stdout and stderr.
#[derive(Debug, Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    dropped: u64,
}

impl Log {
    /// Returns how many more bytes fit.
    pub(crate) fn room(&self) -> usize {
        LOG_BYTES_MAX.saturating_sub(self.bytes.len())
    }

    /// Appends bytes, and counts those that were dropped after them.
    pub(crate) fn write(&mut self, bytes: &[u8], dropped: usize) {
        self.bytes.extend_from_slice(bytes);
        self.dropped = self.dropped.saturating_add(dropped as u64);
    }

    /// Returns the log as printable text, with a note on how much was dropped.
    pub(crate) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<_> = text.trim_end().lines().map(|line| shortened(line, LOG_BYTES_MAX)).collect();
        let mut text = lines.join("\n");
        if self.dropped > 0 {
            text.push_str(&format!(" … ({} bytes more)", self.dropped));
        }
        text
    }
}
