//! The languages, and which one somebody wants.

use crate::texts::Texts;
use crate::{de, en, es, fr, nl, pt};

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// English, which stands for all that are not here.
    #[default]
    En,
    /// Portuguese.
    Pt,
    /// German.
    De,
    /// French.
    Fr,
    /// Dutch.
    Nl,
    /// Spanish.
    Es,
}

/// The longest list of wanted languages that is read, in bytes.
const WANTED_BYTES_MAX: usize = 1024;

impl Language {
    /// Every language.
    pub const ALL: [Language; 6] = [Language::En, Language::Pt, Language::De, Language::Fr, Language::Nl, Language::Es];

    /// Returns its code (ISO 639-1), for `lang=`.
    pub fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Pt => "pt",
            Language::De => "de",
            Language::Fr => "fr",
            Language::Nl => "nl",
            Language::Es => "es",
        }
    }

    /// Returns what it calls itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Language::En => "English",
            Language::Pt => "Português",
            Language::De => "Deutsch",
            Language::Fr => "Français",
            Language::Nl => "Nederlands",
            Language::Es => "Español",
        }
    }

    /// Finds the language of a code, with or without a region: `pt`, `pt-BR`.
    pub fn of_code(code: &str) -> Option<Language> {
        let primary = code.split(['-', '_']).next()?;
        Language::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// Chooses the language that a browser wants most (RFC 9110, 12.5.4: `Accept-Language`); English if it wants none of them.
    pub fn wanted(accept: &str) -> Language {
        let mut best = (Language::En, 0);
        for part in accept.get(..WANTED_BYTES_MAX.min(accept.len())).unwrap_or_default().split(',') {
            let mut parts = part.split(';').map(str::trim);
            let Some(language) = parts.next().and_then(Language::of_code) else { continue };
            let weight = parts.find_map(|it| it.strip_prefix("q=")).map_or(Some(1000), thousandths).unwrap_or(0);
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// Returns its texts.
    pub fn texts(self) -> &'static Texts {
        match self {
            Language::En => &en::TEXTS,
            Language::Pt => &pt::TEXTS,
            Language::De => &de::TEXTS,
            Language::Fr => &fr::TEXTS,
            Language::Nl => &nl::TEXTS,
            Language::Es => &es::TEXTS,
        }
    }
}

/// A weight from 0 to 1 with up to three decimals, in thousandths.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    let decimals = match decimals.len() {
        0..=3 if decimals.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("{decimals:0<3}").parse::<u16>().ok()?
        }
        _ => return None,
    };
    Some((whole * 1000 + decimals).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_language_that_it_wants_most() {
        for (accept, expected) in [
            ("de-AT,de;q=0.9,en;q=0.8", Language::De),
            ("en;q=0.5, fr;q=0.7", Language::Fr),
            ("ja, nl;q=0.1", Language::Nl),
            ("pt_PT", Language::Pt),
            ("es;q=0", Language::En),
            ("es;q=2, fr;q=x", Language::En),
            ("*", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::wanted(accept), expected, "{accept}");
        }
    }
}
