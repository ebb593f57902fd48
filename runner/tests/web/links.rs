//! Every link on every page leads to a page, in the language in which one reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::headers::is_strict;
use crate::served::Served;

/// Pages of one kind that are looked at: their links are alike.
const OF_A_KIND: usize = 3;
const LANGUAGES: [&str; 6] = ["en", "pt", "de", "fr", "nl", "es"];

/// The addresses to which a page links.
fn links(page: &str) -> impl Iterator<Item = String> + '_ {
    let hrefs =
        page.split(" href=\"").skip(1).chain(page.split(" src=\"").skip(1)).chain(page.split(" action=\"").skip(1));
    hrefs.filter_map(|rest| rest.split_once('"')).map(|(link, _)| link.replace("&amp;", "&"))
}

/// What kind of page an address leads to: neither the names in it matter, nor which day or month it is.
fn kind(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let parts: Vec<&str> = path.split('/').collect();
    let path = match parts[..] {
        ["", "c", _, page @ ("i" | "m"), _] => format!("/c/_/{page}/_"),
        _ => path.to_owned(),
    };
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some(("period", period)) => format!("period={}", period.replace(|letter: char| letter.is_ascii_digit(), "9")),
        _ => parameter.split('=').next().unwrap_or_default().to_owned(),
    };
    let keys: BTreeSet<String> = query.split('&').map(parameter).collect();
    format!("{path}?{}", keys.into_iter().collect::<Vec<_>>().join("&"))
}

#[test]
fn every_link_leads_to_a_page() {
    let served = Served::small();
    let (mut queue, mut known) = (VecDeque::from(["/".to_owned()]), BTreeSet::from(["/".to_owned()]));
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut looked_at = 0;
    while let Some(address) = queue.pop_front() {
        let count = kinds.entry(kind(&address)).or_default();
        *count += 1;
        if *count > OF_A_KIND {
            continue;
        }
        let answer = served.get(&address);
        is_strict(&address, &answer);
        // A form that changes something is not for those who only look.
        assert!(matches!(answer.status, 200 | 405), "{address}: {}", answer.status);
        looked_at += 1;
        if answer.header("content-type").is_none_or(|kind| !kind.starts_with("text/html")) {
            continue;
        }
        for link in links(answer.text()) {
            if let Some(id) = link.strip_prefix('#') {
                let id = format!(" id=\"{id}\"");
                assert!(answer.text().contains(&id), "{address} has no {link}");
                continue;
            }
            assert!(link.starts_with('/') && !link.starts_with("//"), "{address} links to {link}");
            let link = link.split('#').next().unwrap().to_owned();
            if known.insert(link.clone()) {
                queue.push_back(link);
            }
        }
    }
    println!("{looked_at} pages of {} kinds", kinds.len());
    for kind in [
        "/c/aveiro?period",
        "/c/_/m/_?period",
        "/c/_/i/_?",
        "/c/aveiro/compare?",
        "/c/aveiro/algorithms?",
        "/c/aveiro/events?",
    ] {
        assert!(kinds.keys().any(|known| known.starts_with(kind)), "nothing links to {kind}: {kinds:?}");
    }
}

#[test]
fn pages_are_in_the_language_that_the_browser_or_the_address_asks_for() {
    let served = Served::small();
    let language = |answer: &crate::http::Answer| {
        let (_, rest) = answer.text().split_once("<html lang=\"").unwrap();
        rest[..2].to_owned()
    };
    let mut texts = BTreeSet::new();
    for code in LANGUAGES {
        let wished = served.get_with("/c/aveiro", &[("accept-language", &format!("{code}-XX, en;q=0.5"))]).is(200);
        assert_eq!(language(&wished), code);
        let asked = served.get_with(&format!("/c/aveiro?lang={code}"), &[("accept-language", "xx")]).is(200);
        assert_eq!(language(&asked), code);
        // Links lead on in the language that the address asked for, and only then.
        let keeps = |page: &str| page.matches(&format!("lang={code}\"")).count() > 1;
        assert!(keeps(asked.text()) && !keeps(wished.text()), "{code}");
        texts.insert(asked.text().split_once("<main").unwrap().1.to_owned());
    }
    assert_eq!(texts.len(), LANGUAGES.len(), "no two languages say the same");
    for (wish, code) in [("tlh", "en"), ("", "en"), ("de;q=0, fr;q=0.1", "fr"), ("pt-BR", "pt"), ("x;;q=,,", "en")] {
        assert_eq!(language(&served.get_with("/", &[("accept-language", wish)])), code, "{wish}");
    }
    assert_eq!(language(&served.get("/?lang=xx")), "en");
}
