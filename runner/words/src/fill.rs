//! Texts with places for figures and names.

use std::fmt::{Display, Write as _};

/// Fills the places of a text: `{name}` becomes the value of that name. What has no value stays, so that it is seen.
///
/// ```
/// assert_eq!(words::fill("{a} of {b}", &[("a", &1), ("b", &"x")]), "1 of x");
/// ```
pub fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, behind)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (value, behind))
        });
        match value {
            Some((value, behind)) => {
                // Writing to a string cannot fail.
                let _ = write!(filled, "{value}");
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_filled_again_and_what_is_unknown_stays() {
        assert_eq!(fill("{a}{b} {c} {", &[("a", &"{b}"), ("b", &2)]), "{b}2 {c} {");
    }
}
