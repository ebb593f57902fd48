//! The languages, and which one somebody wants.

use crate::forms::Forms;
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

    /// Chooses the language that a browser wants most (RFC 9110, 12.5.4: `Accept-Language`), of several the one that it names
    /// first; English if it wants none of them. An entry that cannot be read counts for nothing, and so does one that begins
    /// beyond what is read of a very long list.
    pub fn wanted(accept: &str) -> Language {
        let mut best = (Language::En, 0);
        let mut at = 0;
        for part in accept.split(',') {
            if at >= WANTED_BYTES_MAX {
                break;
            }
            at += part.len() + 1;
            let mut parts = part.split(';').map(str::trim);
            let Some(language) = parts.next().and_then(Language::of_code) else { continue };
            let weight = match parts.next() {
                None => Some(1000),
                Some(weight) => weight
                    .strip_prefix(['q', 'Q'])
                    .and_then(|it| thousandths(it.trim_start().strip_prefix('=')?.trim_start())),
            };
            if let Some(weight) = weight.filter(|weight| *weight > best.1) {
                best = (language, weight);
            }
        }
        best.0
    }

    /// How it writes numbers, money and dates.
    pub(crate) fn forms(self) -> &'static Forms {
        match self {
            Language::En => &en::FORMS,
            Language::Pt => &pt::FORMS,
            Language::De => &de::FORMS,
            Language::Fr => &fr::FORMS,
            Language::Nl => &nl::FORMS,
            Language::Es => &es::FORMS,
        }
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
    let whole = match whole {
        "0" => 0,
        "1" => 1000,
        _ => return None,
    };
    let decimals = match decimals.len() {
        0..=3 if decimals.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("{decimals:0<3}").parse::<u16>().ok()?
        }
        _ => return None,
    };
    Some(whole + decimals).filter(|weight| *weight <= 1000)
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
            ("fr, de", Language::Fr),
            ("fr;q=0.9, de;q=0.901", Language::De),
            ("DE-at ; Q = 0.5", Language::De),
            ("de;q=1.000", Language::De),
            ("nld, deu, es-419", Language::Es),
        ] {
            assert_eq!(Language::wanted(accept), expected, "{accept}");
        }
    }

    #[test]
    fn what_cannot_be_read_counts_for_nothing() {
        for wrong in [
            "de;q=1.001",
            "de;q=0.1234",
            "de;q=+1",
            "de;q=-1",
            "de;q=.5",
            "de;q=0.5x",
            "de;q=",
            "de;q",
            "de;x=1",
            "de;;q=1",
            "de;q=1e0",
            "de;q=1\u{661}",
            "d\u{435}",
            "-de",
            "*-de",
            "\u{202e}de",
            ";q=1",
            ",,,;;;==",
            "de de",
            "dé",
        ] {
            assert_eq!(Language::wanted(wrong), Language::En, "{wrong:?}");
            assert_eq!(Language::wanted(&format!("{wrong},nl;q=0.001")), Language::Nl, "{wrong:?}");
        }
        let long = |entries| "é,".repeat(entries) + "de";
        assert_eq!([Language::wanted(&long(300)), Language::wanted(&long(400))], [Language::De, Language::En]);
    }

    #[test]
    fn a_code_may_have_a_region_and_names_nothing_else() {
        for (code, expected) in [
            ("pt", Some(Language::Pt)),
            ("pt-BR", Some(Language::Pt)),
            ("FR", Some(Language::Fr)),
            ("nl_BE", Some(Language::Nl)),
            ("p", None),
            ("ptx", None),
            ("", None),
            ("de/../x", None),
        ] {
            assert_eq!(Language::of_code(code), expected, "{code}");
        }
    }
}
