//! What the engine has off, told by its name: a component that uses it is not broken.

use crate::error::{LoadError, quoted};

/// Parts of the engine's messages, for which it has no types, and what they are about. Guests in tests/guests detect if the
/// messages change.
const OFF: [(&str, &str); 22] = [
    ("gc types are disabled", "garbage collection"),
    ("gc proposal must be enabled", "garbage collection"),
    ("gc support is not enabled", "garbage collection"),
    ("gc` feature", "garbage collection"),
    ("component model gc feature", "garbage collection"),
    ("exceptions proposal not enabled", "exceptions"),
    ("exceptions support is not enabled", "exceptions"),
    ("shared-everything-threads", "threads"),
    ("component model threading feature", "threads"),
    ("threads must be enabled", "threads"),
    ("threads support is not enabled", "threads"),
    ("memory64 must be enabled", "64-bit memories"),
    ("relaxed SIMD support is not enabled", "relaxed SIMD"),
    ("custom page sizes proposal must be enabled", "pages of other sizes"),
    ("component model async", "asynchronous functions"),
    ("component model more async builtins", "asynchronous functions"),
    ("component model error-context feature", "error contexts"),
    ("component model `value`s is not enabled", "values of the component model"),
    ("function references support is not enabled", "typed function references"),
    ("stack switching support is not enabled", "stack switching"),
    ("continuation types when gc types are disabled", "stack switching"),
    ("wide arithmetic support is not enabled", "wide arithmetic"),
];

/// The error for a component that the engine does not read, for this reason.
pub(crate) fn unread(reason: &str) -> LoadError {
    let off = OFF.iter().find(|(part, _)| reason.contains(part));
    match off {
        Some((_, feature)) => LoadError::FeatureOff { feature, reason: quoted(reason) },
        None => LoadError::Malformed(quoted(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_is_named_and_the_rest_is_broken() {
        let of = |reason| unread(reason).to_string();
        let text = of("cannot define struct types when gc types are disabled (at offset 0x1f)");
        assert!(text.starts_with("the component uses garbage collection, which this engine has off"), "{text}");
        assert!(text.contains("at offset 0x1f"), "{text}");
        assert!(matches!(unread("unexpected end-of-file (at offset 0x8)"), LoadError::Malformed(_)));
    }
}
