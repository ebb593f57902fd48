//! Tells who may do what, and warns of what is open to everybody in a network.

use books::ANYONE_HERE;

use crate::config::{CallerConfig, Config, Right, Role, ViewerConfig};

/// Logs who has which right.
pub(super) fn tell(callers: &[CallerConfig]) {
    for right in Right::ALL {
        let who: Vec<String> = callers.iter().filter(|caller| caller.may(right)).map(known_by).collect();
        let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
        tracing::info!(%right, callers = who, "who may do what");
    }
    for caller in callers {
        let networks: Vec<String> = caller.foreign_networks().map(ToString::to_string).collect();
        if networks.is_empty() {
            continue;
        }
        for (right, what) in caller.roles.iter().filter_map(|right| Some((right, danger(*right)?))) {
            let networks = networks.join(", ");
            tracing::warn!(%right, caller = caller.name, networks, "everybody who calls from there may {what} (a certificate or token_file instead of from would say who)");
        }
    }
}

/// Logs who may look at the pages.
pub(super) fn tell_viewers(config: &Config) {
    if config.listen.web.is_none() {
        return;
    }
    for role in Role::ALL {
        let of_role = |viewer: &&ViewerConfig| viewer.role == role;
        let mut who: Vec<String> = config.viewers.iter().filter(of_role).map(seen_by).collect();
        who.extend((role == Role::Manager && config.web.open).then(|| ANYONE_HERE.to_owned()));
        who.extend((role == Role::Member).then(|| "whoever has a link".to_owned()));
        let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
        tracing::info!(%role, viewers = who, "who may look");
    }
}

/// A viewer, and how it is known.
fn seen_by(viewer: &ViewerConfig) -> String {
    let token = viewer.token_file.as_ref().map(|_| "by its token".to_owned());
    let user = viewer.user.as_ref().map(|user| format!("as user {user} of the proxy"));
    let group = viewer.group.as_ref().map(|group| format!("in group {group} of the proxy"));
    let ways: Vec<String> = [token, user, group].into_iter().flatten().collect();
    let place = viewer.community.as_ref().map(|community| format!(", community {community}")).unwrap_or_default();
    format!("{} ({}{place})", viewer.name, ways.join(", or "))
}

/// A caller, and how it is known.
fn known_by(caller: &CallerConfig) -> String {
    let networks: Vec<String> = caller.from.iter().map(ToString::to_string).collect();
    let network = (!networks.is_empty()).then(|| format!("from {}", networks.join(" or ")));
    let certificate = caller.certificate.as_ref().map(|name| format!("by the certificate {name}"));
    let token = caller.token_file.as_ref().map(|_| "by its token".to_owned());
    let ways: Vec<String> = [network, certificate, token].into_iter().flatten().collect();
    format!("{} ({})", caller.name, ways.join(", or "))
}

/// What somebody may do with a right who should not have it; none if it changes nothing.
fn danger(right: Right) -> Option<&'static str> {
    match right {
        Right::Read | Right::Inspect => None,
        Right::Prices => Some("set every member's prices"),
        Right::Settle => Some("claim every trade and report it paid"),
        Right::Administer => Some("replace the algorithms"),
    }
}
