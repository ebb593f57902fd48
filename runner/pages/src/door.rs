//! Where people come in: the form for a token, and pages that say that they are in, or out.

use maud::{Markup, html};

use crate::look::Look;

/// The form for a token, which is sent to the page in whose place it stands. `said` is what else there is to say.
pub fn sign_in(look: &Look, title: &str, said: Option<&str>) -> Markup {
    let door = &look.texts().door;
    html! {
        h1 { (title) }
        @if let Some(said) = said { p role="status" { (said) } }
        form method="post" {
            // Keepers of passwords want a name beside each. This one is not sent.
            input type="text" autocomplete="username" value="rec-market" hidden;
            p {
                label for="token" { (door.token) } " "
                input type="password" id="token" name="token" required autocomplete="current-password"
                    aria-describedby="token-is";
            }
            p id="token-is" { (door.token_is) }
            p { button { (door.sign_in) } }
        }
        p { (door.or_link) }
    }
}

/// Whoever has a link is in; `to` is the address of the member's page.
pub fn welcome(look: &Look, to: &str) -> Markup {
    let door = &look.texts().door;
    html! {
        h1 { (door.welcome_title) }
        p { a href=(to) { (door.welcome) } }
    }
}

/// The question whether somebody wants to leave.
pub fn sign_out(look: &Look) -> Markup {
    let frame = &look.texts().frame;
    html! {
        h1 { (frame.sign_out) }
        form method="post" action=(action(look, "/logout")) { p { button { (frame.sign_out) } } }
    }
}

/// A page that only says something.
pub fn said(title: &str, text: &str) -> Markup {
    html! {
        h1 { (title) }
        p { (text) }
    }
}

/// The path of a form, in the language that was asked for.
fn action(look: &Look, path: &str) -> String {
    if look.keeps_language { format!("{path}?lang={}", look.language.code()) } else { path.to_owned() }
}
