//! Text for people about failed calls.

use tonic::Status;

/// Describes a status: its code, its message, and the innermost cause if the message does not include it.
pub fn status_text(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(innermost);
    let message = status.message();
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
