//! Times on the platform's wire: RFC 3339 with an offset, from the year 1 to the end of the year 9999.

use jiff::{Timestamp, civil};

/// 0001-01-01T00:00:00Z in Unix seconds; the platform cannot write earlier years.
const YEAR_1: i64 = -62_135_596_800;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Instant {
    /// A time that can be stored.
    At(Timestamp),
    /// A time at the end of the year 9999, after all times that can be stored.
    AfterAll,
}

impl Instant {
    /// Parses RFC 3339 and nothing else; none if it is something else, or before the year 1.
    pub(super) fn parse(text: &str) -> Option<Instant> {
        if !is_rfc_3339(text) {
            return None;
        }
        match text.parse::<Timestamp>() {
            Ok(at) => (at.as_second() >= YEAR_1).then_some(Instant::At(at)),
            // A date and time that exist, but are out of range for a timestamp.
            Err(_) => {
                let at = text.get(..19)?.parse::<civil::DateTime>().ok()?;
                (at.year() == 9999 && has_offset(text)).then_some(Instant::AfterAll)
            }
        }
    }
}

/// Whether a text has the form `YYYY-MM-DDTHH:MM:SS`, perhaps a fraction, and `Z` or `±HH:MM`.
fn is_rfc_3339(text: &str) -> bool {
    let Some((time, rest)) = text.split_at_checked(19) else { return false };
    let form = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                b'Z' => matches!(byte, b'Z' | b'z'),
                b'+' => matches!(byte, b'+' | b'-'),
                other => byte == other,
            })
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    form(time, "0000-00-00T00:00:00") && (form(offset, "Z") || form(offset, "+00:00"))
}

/// Whether the offset of a time in that form has valid hours and minutes.
fn has_offset(text: &str) -> bool {
    text.ends_with(['Z', 'z'])
        || text.rsplit_once(['+', '-']).is_some_and(|(_, offset)| offset.parse::<civil::Time>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        match Instant::parse(text) {
            Some(Instant::At(at)) => at.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn rfc_3339_with_any_offset_is_a_time() {
        assert_eq!(at("2023-09-01T12:15:00Z"), "2023-09-01T12:15:00Z");
        assert_eq!(at("2023-09-01t13:15:00+01:00"), "2023-09-01T12:15:00Z");
        assert_eq!(at("2023-09-01 06:45:00.250-05:30"), "2023-09-01T12:15:00.25Z");
        assert_eq!(at("2023-09-01T12:15:00-00:00"), "2023-09-01T12:15:00Z");
    }

    #[test]
    fn years_1_and_9999_are_valid_and_year_0_is_not() {
        assert_eq!(at("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z");
        assert_eq!(at("9999-12-30T22:00:00Z"), "9999-12-30T22:00:00Z");
        assert_eq!(at("9999-12-31T23:59:59Z"), "Some(AfterAll)");
        assert_eq!(at("9999-12-31T23:59:59.5-12:00"), "Some(AfterAll)");
        for none in ["0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "10000-01-01T00:00:00Z"] {
            assert_eq!(at(none), "None", "{none}");
        }
        assert!(Instant::At(Timestamp::MAX) < Instant::AfterAll);
    }

    #[test]
    fn anything_else_is_refused() {
        let none = [
            "",
            "now",
            "2023-09-01",
            "2023-09-01T12:15:00",
            "2023-09-01T12:15Z",
            "20230901T121500Z",
            "2023-09-01T12:15:00+01",
            "2023-09-01T12:15:00Z[UTC]",
            "2023-09-01T12:15:00.Z",
            "2023-13-01T12:15:00Z",
            "2023-02-29T12:15:00Z",
            "2023-09-01T24:15:00Z",
            "2023-09-01T12:15:00+99:00",
            "9999-12-31T23:59:59-99:00",
            "9999-13-31T23:59:59Z",
            " 2023-09-01T12:15:00Z",
            "2023-09-0１T12:15:00Z",
            "1693570500",
        ];
        for none in none {
            assert_eq!(at(none), "None", "{none}");
        }
    }
}
