//! The frame of the pages in a browser: head, navigation, the page's own part, and the languages.

use domain::text::printable;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use words::{Language, fill};

use crate::frame::{GENERATOR, patterns};
use crate::look::Look;
use crate::place::{Form, Part, Place};

/// The whole page. `refresh` asks the browser to load it again after so many seconds.
pub fn page(look: &Look, title: &str, body: &Markup, refresh: Option<u32>) -> Markup {
    let texts = look.texts();
    html! {
        (DOCTYPE)
        html lang=(look.language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                (PreEscaped(GENERATOR))
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (printable(title)) }
                link rel="icon" type="image/svg+xml" href=(look.assets.icon);
                link rel="stylesheet" href=(look.assets.style);
                script src=(look.assets.script) defer {}
            }
            body {
                (patterns())
                a class="skip" href="#content" { (texts.frame.skip) }
                (navigation(look))
                main id="content" tabindex="-1" { (body) }
                (foot(look))
            }
        }
    }
}

fn navigation(look: &Look) -> Markup {
    let frame = &look.texts().frame;
    let community = look.place.as_ref().and_then(Place::community);
    let named = [
        (Part::Overview, frame.community),
        (Part::Compare, frame.compare),
        (Part::Algorithms, frame.algorithms),
        (Part::Events, frame.events),
    ];
    let here = |place: &Place| (look.place.as_ref() == Some(place)).then_some("page");
    html! {
        header class="site" {
            nav {
                ul {
                    @if look.opens_home {
                        li { a href=(look.href(&Place::Home, &[])) aria-current=[here(&Place::Home)] { (frame.home) } }
                    }
                    @if let Some(community) = community {
                        @for (part, name) in named.into_iter().filter(|(part, _)| look.opens(part)) {
                            @let place = Place::of(community, part);
                            li { a href=(look.href(&place, &[])) aria-current=[here(&place)] { (name) } }
                        }
                    }
                }
            }
        }
    }
}

fn foot(look: &Look) -> Markup {
    let frame = &look.texts().frame;
    html! {
        footer class="site" {
            @if let Some(place) = look.place.as_ref() {
                p { a href=(with_query(&place.href(Form::Json), &look.query)) { (frame.as_json) } }
            }
            @if let Some(viewer) = &look.viewer {
                p {
                    (fill(frame.signed_in_as, &[("name", &printable(viewer))])) " "
                    @if look.may_sign_out {
                        form class="inline" method="post" action="/logout" { button { (frame.sign_out) } }
                    }
                }
            }
            (languages(look))
        }
    }
}

/// The other languages, each in its own words.
fn languages(look: &Look) -> Markup {
    let path = look.place.as_ref().map_or_else(|| "/".to_owned(), |place| place.href(Form::Page));
    let address = |language: Language| {
        let query = match &*look.query {
            "" => format!("lang={}", language.code()),
            query => format!("{query}&lang={}", language.code()),
        };
        with_query(&path, &query)
    };
    html! {
        nav class="languages" aria-label=(look.texts().frame.language) {
            ul {
                @for language in Language::ALL {
                    li {
                        a href=(address(language)) lang=(language.code()) hreflang=(language.code())
                            aria-current=[(language == look.language).then_some("true")] { (language.own_name()) }
                    }
                }
            }
        }
    }
}

fn with_query(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
