//! Failed calls, as errors and as text for people.

use std::borrow::Cow;
use std::time::Duration;

use domain::text::printable;
use tonic::Status;

/// A call without a response.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The peer, or the way to it, answered with a status. The text names the innermost cause.
    #[error("{}", status_text(.0))]
    Status(Box<Status>),
    /// Nothing arrived in time.
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    /// There is no connection.
    #[error("{}", innermost(.0))]
    Connection(tonic::transport::Error),
}

impl From<Status> for CallError {
    fn from(status: Status) -> CallError {
        CallError::Status(Box::new(status))
    }
}

/// What a peer says of a call that failed, on one line and without characters that nobody sees.
pub fn message(status: &Status) -> Cow<'_, str> {
    printable(status.message())
}

/// Describes a status: its code, its message, and the innermost cause if the message does not include it.
pub fn status_text(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(innermost);
    let message = message(status);
    match cause {
        Some(cause) if !message.contains(&cause) => format!("{:?}: {message}: {cause}", status.code()),
        _ => format!("{:?}: {message}", status.code()),
    }
}

/// Returns the message of an error's innermost source, which names the actual cause.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_peer_is_one_line_that_people_can_read() {
        let status = Status::internal("no\n2023-09-01 INFO all is well\u{1b}[2J\u{202e}");
        assert_eq!(status_text(&status), "Internal: no\\n2023-09-01 INFO all is well\\u{1b}[2J\\u{202e}");
    }
}
