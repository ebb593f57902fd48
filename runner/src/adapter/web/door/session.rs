//! The session's cookie: the only one that the pages set.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use domain::Digest;

use crate::token::Token;

/// The cookie's name where browsers reach us over TLS: with this prefix they take it from this host only, over TLS, and for all
/// of its paths.
const SECURE_NAME: &str = "__Host-session";
const PLAIN_NAME: &str = "session";

fn name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_NAME } else { PLAIN_NAME }
}

/// The secret that a browser has, if it has one of ours.
pub(super) fn shown(headers: &HeaderMap, is_secure: bool) -> Option<Token> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    let cookies = lists.flat_map(|list| list.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let mut ours = cookies.filter(|(known, _)| *known == name(is_secure)).map(|(_, value)| value);
    ours.find_map(Token::parse)
}

/// Gives a browser this secret. Script cannot read it, and no other site's page can have it sent.
pub(super) fn given(secret: &Token, lasts: Duration, is_secure: bool) -> Option<HeaderValue> {
    cookie(secret.as_str(), lasts, is_secure)
}

/// Takes it away.
pub(super) fn taken(is_secure: bool) -> Option<HeaderValue> {
    cookie("", Duration::ZERO, is_secure)
}

fn cookie(value: &str, lasts: Duration, is_secure: bool) -> Option<HeaderValue> {
    let (name, secure) = (name(is_secure), if is_secure { "; Secure" } else { "" });
    let text = format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lasts.as_secs());
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// What a session is bound to: its own secret and the token by which it was begun. From what is kept, nobody can try tokens.
pub(super) fn bound(secret: &Token, token: &Digest) -> Digest {
    Digest::of(&[secret.as_str().as_bytes(), token.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_host_alone() {
        let secret = Token::parse(&"a1".repeat(16)).unwrap();
        let given =
            |is_secure| given(&secret, Duration::from_secs(60), is_secure).unwrap().to_str().unwrap().to_owned();
        let value = "a1".repeat(16);
        let secure = format!("__Host-session={value}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(given(true), secure);
        assert_eq!(given(false), format!("session={value}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"));
        assert!(taken(true).unwrap().to_str().unwrap().starts_with("__Host-session=; Path=/; Max-Age=0; "));
    }

    #[test]
    fn a_secret_is_found_among_other_cookies() {
        let secret = "a1".repeat(16);
        let of = |lists: &[&str], is_secure| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::COOKIE, HeaderValue::from_str(list).unwrap());
            }
            shown(&headers, is_secure).map(|token| token.as_str().to_owned())
        };
        let (plain, secure) = (format!("session={secret}"), format!("a=b;  __Host-session={secret}; c"));
        assert_eq!(of(&[&plain], false), Some(secret.clone()));
        assert_eq!(of(&["a=b", &secure], true), Some(secret.clone()));
        // Over TLS, one that could come from another host does not count.
        assert_eq!(of(&[&plain], true), None);
        assert_eq!(of(&[&secure], false), None);
        for wrong in ["", "session", "session=", "session=x", &format!("xsession={secret}"), &format!("{plain}0")] {
            assert_eq!(of(&[wrong], false), None, "{wrong}");
        }
    }

    #[test]
    fn a_session_is_bound_to_secret_and_token() {
        let [one, other] = ["a1", "b2"].map(|pair| Token::parse(&pair.repeat(16)).unwrap());
        let all = [bound(&one, &other.digest()), bound(&other, &other.digest()), bound(&one, &one.digest())];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
    }
}
