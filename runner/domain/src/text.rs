//! Text for people: what comes from outside made safe to print, and errors with their causes.
//!
//! Names, messages of peers and logs of algorithms may hold characters that nobody sees, and that hide, reorder or repeat
//! what stands around them. Whoever prints such text passes it through here; what is stored stays as it came.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether a character is not to be printed: a control character, a format character (those that set the direction of
/// text are among them), or a separator of lines or paragraphs.
pub fn is_unprintable(character: char) -> bool {
    // Nearly all text is of these, which takes no table.
    if (' '..='~').contains(&character) {
        return false;
    }
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// Whether a text may be a name: it is not empty, has only characters that are printed, and no space around it, so that no
/// two names look alike for what nobody sees.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains(is_unprintable)
}

/// Text on one line, with an escape such as `\u{202e}` or `\n` for each character that is not to be printed, so that nothing
/// vanishes silently.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_unprintable, |character, text| text.extend(character.escape_default()))
}

/// A word of a command, so that it can be pasted into a shell.
///
/// ```
/// use domain::text::shell_word;
/// assert_eq!(["uniform,a=1", "it's here", ""].map(shell_word), ["uniform,a=1", r"'it'\''s here'", "''"]);
/// ```
pub fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:@%+".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// As [`printable`], but line breaks and tabs stay: for whole outputs of ours, in which text from outside may be.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let is_escaped = |character| !matches!(character, '\n' | '\t') && is_unprintable(character);
    escaped(text, is_escaped, |character, text| text.extend(character.escape_default()))
}

/// A JSON text with JSON's own escape, such as `\u202e`, for each character that is not to be printed. It means the same:
/// outside of its strings, JSON has no such characters but line breaks, which stay.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |character| character != '\n' && is_unprintable(character);
    escaped(json, is_escaped, |character, text| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // OK because writing to a string does not fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    })
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(&is_escaped) else { return Cow::Borrowed(text) };
    let (plain, rest) = text.split_at(first);
    let mut safe = plain.to_owned();
    for character in rest.chars() {
        if is_escaped(character) { escape(character, &mut safe) } else { safe.push(character) }
    }
    Cow::Owned(safe)
}

/// An error and all its causes: `cannot read x: no such file`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // OK because writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_nobody_sees_is_printed_as_an_escape() {
        for (text, expected) in [
            ("m\u{202e}10", "m\\u{202e}10"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("a\u{ad}b", "a\\u{ad}b"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("\u{1b}[2J\u{9b}31m", "\\u{1b}[2J\\u{9b}31m"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn what_people_see_stays() {
        for text in ["", "m-01", "João, Çınar & 太陽 🌞", "a\u{a0}b", "\u{65}\u{301}", "\\u{202e}"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn line_breaks_stay_where_a_message_has_lines() {
        assert_eq!(printable_lines("one\n\ttwo\u{202e}\r"), "one\n\ttwo\\u{202e}\\r");
    }

    #[test]
    fn an_error_is_printed_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read {0}")]
        struct Unreadable(&'static str, #[source] std::num::ParseIntError);
        let cause = "x".parse::<u8>().unwrap_err();
        assert_eq!(chain(&Unreadable("a", cause)), "cannot read a: invalid digit found in string");
    }

    proptest! {
        #[test]
        fn prop_nothing_unprintable_is_left(text in ".*|[\u{0}-\u{2fff}]*|[\u{e0000}-\u{e007f}]*") {
            prop_assert!(!printable(&text).contains(is_unprintable));
            prop_assert!(!printable_json(&text).contains(|c| c != '\n' && is_unprintable(c)));
        }
    }
}
