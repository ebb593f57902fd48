//! Text for people about failed calls.

use std::borrow::Cow;

use domain::text::printable;
use tonic::Status;

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
