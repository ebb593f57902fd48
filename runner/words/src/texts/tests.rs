//! What every language must have.

use std::collections::{BTreeMap, BTreeSet};

use crate::Language;

/// The names of a text's places, and how often each stands there.
fn places(text: &str) -> BTreeMap<&str, usize> {
    let mut places = BTreeMap::new();
    for (name, _) in text.split('{').skip(1).filter_map(|part| part.split_once('}')) {
        *places.entry(name).or_default() += 1;
    }
    places
}

/// Every text of a language that is not English, beside the English one.
fn translations() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let english = Language::En.texts().each();
    Language::ALL.into_iter().filter(|language| *language != Language::En).flat_map(move |language| {
        let pairs = language.texts().each().into_iter().zip(english.clone());
        pairs.map(move |((section, field, text), (.., english))| {
            (format!("{}: {section}.{field}", language.code()), text, english)
        })
    })
}

/// Fails with all that was found, one a line.
#[track_caller]
fn none(found: &[String]) {
    assert!(found.is_empty(), "{} texts:\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_language_lacks_a_text_a_form_or_a_place() {
    let mut found = Vec::new();
    for (section, field, text) in Language::En.texts().each() {
        if text.split('|').any(|form| form.trim().is_empty()) || text.split('|').count() > 2 {
            found.push(format!("en: {section}.{field} is empty or has more than two forms: {text}"));
        }
    }
    for (name, text, english) in translations() {
        // A language in which both forms are alike may have one for both.
        let forms = |text: &'static str| text.split_once('|').unwrap_or((text, text));
        let (own, expected) = (<[_; 2]>::from(forms(text)), <[_; 2]>::from(forms(english)));
        let is_same = |(own, expected): (&str, &str)| !own.trim().is_empty() && places(own) == places(expected);
        if text.split('|').count() > english.split('|').count() || !own.into_iter().zip(expected).all(is_same) {
            found.push(format!("{name} has other forms or places than in English: {text}"));
        }
    }
    none(&found);
}

#[test]
fn nothing_is_left_in_english() {
    /// What other languages have from English, or English from them.
    const SHARED: [&str; 14] = [
        "Week",
        "Later",
        "Gini",
        "Jain",
        "Gini {gini}, Jain {jain}",
        "Code",
        "Verdict",
        "Message",
        "surplus",
        "lot",
        "Had kWh",
        "Meter",
        "Engine",
        "µs per interval",
    ];
    /// What stands in English texts only.
    const ENGLISH: [&str; 10] = ["the", "and", "with", "from", "this", "are", "not", "you", "your", "which"];
    let mut found = Vec::new();
    for (name, text, english) in translations() {
        if text == english && has_words(text) && !SHARED.contains(&text) {
            found.push(format!("{name} is as in English: {text}"));
        }
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        let places = places(text);
        if ENGLISH.into_iter().any(|word| words.contains(word) && !places.contains_key(word)) {
            found.push(format!("{name} has English words: {text}"));
        }
    }
    none(&found);
}

/// Whether anything stands beside the places of a text but units and signs, which all languages share.
fn has_words(text: &str) -> bool {
    const UNITS: [&str; 11] = ["kWh", "Wh", "kW", "ct", "EUR", "µEUR", "nEUR", "JSON", "h", "min", "d"];
    let outside = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    let words = outside.flat_map(|part| part.split(|c: char| !c.is_alphabetic()));
    words.into_iter().any(|word| !word.is_empty() && !UNITS.contains(&word))
}

#[test]
fn signs_stand_as_each_language_has_them() {
    let mut found = Vec::new();
    for language in Language::ALL {
        for (section, field, text) in language.texts().each() {
            let before = |sign: char| text.split(sign).rev().skip(1).filter_map(|before| before.chars().last());
            let is_apart = |before| matches!(before, '\u{a0}' | '\u{202f}');
            let stands = |sign| before(sign).all(|it| is_apart(it) == (language == Language::Fr) && it != ' ');
            // What the command line prints, too, is as on every keyboard.
            let is_printed = language == Language::En && ["explain", "rules"].contains(&section);
            let is_typed = text.contains('"') || (text.contains('\'') && !is_printed);
            let signs_stand = [':', ';', '?', '!'].into_iter().all(stands);
            if !signs_stand || text.trim() != text || text.contains("  ") || is_typed {
                found.push(format!("{}: {section}.{field}: {text}", language.code()));
            }
        }
    }
    none(&found);
}
