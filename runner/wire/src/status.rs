//! What went wrong in a call, as a person would tell it.

use tonic::Status;

/// A status in words: its code, its message, and what is behind it.
pub fn status_text(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(innermost);
    let message = status.message();
    match cause {
        Some(cause) if !message.contains(&cause) => format!("{:?}: {message}: {cause}", status.code()),
        _ => format!("{:?}: {message}", status.code()),
    }
}

/// The innermost reason of an error, which says what really happened.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
