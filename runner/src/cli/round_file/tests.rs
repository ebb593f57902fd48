//! Round files and their WAVE form.

use super::*;

const START: &str = "2023-09-01T12:00:00Z";

fn with(fields: &str, positions: &str) -> Result<Round, String> {
    let text = format!(r#"{{"community": "c", "start": "{START}", {fields} "positions": [{positions}]}}"#);
    parse(&text).map_err(|error| error.to_string())
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let round = with("", r#"{"member": "b", "surplus": 1, "retail": 5}, {"member": "a", "deficit": 18446744073709551615}, {"member": "c"}"#).unwrap();
    assert_eq!(round.terms().tariff.retail.micro_eur(), 162_400);
    let [a, b, c] = round.positions() else { panic!("three positions") };
    assert_eq!(
        [a, b, c].map(|position| (position.surplus.wh(), position.deficit.wh())),
        [(0, u64::MAX), (1, 0), (0, 0)]
    );
    assert_eq!((a.member.as_str(), a.deficit.wh(), a.bid.micro_eur()), ("a", u64::MAX, 162_400));
    assert_eq!((b.member.as_str(), b.bid.micro_eur(), b.offer.micro_eur()), ("b", 5, 30_000));
}

#[test]
fn every_mistake_names_what_is_wrong() {
    let cases = [
        (
            "",
            r#"{"member": "a", "surplus": -1, "deficit": 0}"#,
            r#"`-1`, expected a whole number from 0 to 18446744073709551615"#,
        ),
        ("", r#"{"member": "a", "surplus": -1, "deficit": 0}"#, r#"[{"member": "a", "surplus": -1`"#),
        ("", r#"{"member": "a", "surplus": 18446744073709551616, "deficit": 0}"#, "to 18446744073709551615"),
        ("", r#"{"member": "a", "surplus": 1.5, "deficit": 0}"#, "`1.5`, expected a whole number"),
        ("", r#"{"member": "a", "surplus": 1e3, "deficit": 0}"#, "expected a whole number"),
        ("", r#"{"member": "a", "surplus": 1, "deficit": "0"}"#, "expected a whole number"),
        ("", r#"{"member": "a", "surplus": 1, "deficit": 0, "share": -1}"#, "from 0 to 4294967295"),
        ("", r#"{"member": "a", "surplus": 1, "deficit": 0, "bid": 9223372036854775808}"#, "to 9223372036854775807"),
        ("", r#"{"member": "a", "surplus": 1, "deficit": 0, "colour": 1}"#, "colour"),
        ("", r#"{"member": "a", "surplus": 1, "deficit": null}"#, "expected a whole number"),
        ("", "null", "expected a position"),
        ("", r#"{"member": "grid", "surplus": 1, "deficit": 0}"#, "grid"),
        (
            "",
            r#"{"member": "a", "surplus": 1, "deficit": 0}, {"member": "a", "surplus": 1, "deficit": 0}"#,
            "member a has two positions",
        ),
        (r#""duration": 5,"#, "", "5s"),
        (r#""price_floor": 2, "price_ceiling": 1,"#, "", "above price ceiling"),
        (r#""settings": {"price": 1},"#, "", "expected a string"),
        (r#""settings": {"price": "1", "price": "2"},"#, "", "setting \"price\" is given twice"),
        (r#""settings": ["price"],"#, "", "expected settings"),
        (r#""seed": 1, "seed": 1,"#, "", "duplicate field"),
    ];
    for (fields, positions, expected) in cases {
        let error = with(fields, positions).unwrap_err();
        assert!(error.contains(expected), "{fields} {positions}: {error}");
    }
    for start in ["", "noon", "1969-12-31T23:59:59Z", "2023-09-01T12:00:00.5Z", "9999-12-30T22:00:00Z"] {
        let text = format!(r#"{{"community": "c", "start": "{start}", "positions": []}}"#);
        assert!(matches!(parse(&text), Err(InvalidRoundFile::Start(_))), "{start}");
    }
}

#[test]
fn a_text_that_does_not_begin_like_a_round_is_refused() {
    for (text, expected) in [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("\u{feff}{}", "byte order mark"),
        ("[]", "begins with \"[]\""),
        ("community: aveiro and so on", "begins with \"community: aveiro an\""),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_mistake_is_shown_with_the_text_before_it() {
    let name = "é".repeat(60);
    let error = with("", &format!(r#"{{"member": "{name}", "surplus": -1, "deficit": 0}}"#)).unwrap_err();
    // 60 characters, whatever their size.
    let shown = format!(r#"after `{}", "surplus": -1`"#, "é".repeat(60 - r#"", "surplus": -1"#.len()));
    assert!(error.ends_with(&shown), "{error}");
    assert_eq!(before("é", 1, 1), "");
    assert_eq!(before("one\ntwo", 2, 2), "tw");
    assert_eq!(before("one", 7, 7), "");
    assert_eq!(before("o\u{1b}e", 1, 3), "o\\u{1b}e");
}

#[test]
fn wave_quotes_what_a_shell_word_cannot_hold() {
    let round =
        parse(&format!(r#"{{"community": "a\"b\\c\n", "start": "{START}", "price_floor": -5, "positions": []}}"#))
            .unwrap();
    let wave = to_wave(&round);
    assert!(wave.starts_with(r#"{community: "a\"b\\c\u{a}", start: 1693569600,"#), "{wave}");
    assert!(wave.contains("price-floor: some(-5), price-ceiling: none"), "{wave}");
}

#[test]
fn a_round_that_is_written_is_read_as_the_same() {
    let fields = r#""duration": 3600, "retail": -5, "feed_in": -9, "seed": 18446744073709551615, "settings": {"b": "1", "a": "\"2\n"},
        "price_floor": -9223372036854775808, "price_ceiling": 9223372036854775807,"#;
    let positions = r#"{"member": "é\"", "surplus": 18446744073709551615, "deficit": 1, "offer": -9223372036854775808,
        "bid": 7, "retail": 8, "feed_in": 9, "share": 4294967295, "rank": 3}, {"member": "a", "surplus": 0, "deficit": 0}"#;
    for round in [with(fields, positions), with("", "")] {
        let round = round.unwrap();
        assert_eq!(parse(&to_json(&round).to_string()).unwrap(), round);
    }
}
