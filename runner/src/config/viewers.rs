//! `[[viewer]]`: who may look at the pages, at what, and how each is known.

use std::collections::HashSet;
use std::path::PathBuf;

use books::Role;
use domain::MemberId;
use domain::ownership::Unlisted;

use super::problems::Problems;
use super::read::Field;
use super::schema::Viewer;
use super::{CommunityConfig, Config};

/// Somebody who may look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewerConfig {
    /// Who that is, for the records.
    pub name: String,
    /// What it may look at.
    pub role: Role,
    /// In which community; none for all. A member's is always named.
    pub community: Option<String>,
    /// The member that it is, if its role is that.
    pub member: Option<MemberId>,
    /// Whoever brings the token in this file is this viewer.
    pub token_file: Option<PathBuf>,
    /// Whom the proxy calls so is this viewer.
    pub user: Option<String>,
    /// Whom the proxy puts into this group is this viewer, unless another one has the person's own name.
    pub group: Option<String>,
}

/// Everybody who may look. What they are in is checked where all communities are right: none is missing then for another
/// reason.
pub(super) fn check(
    viewers: Field<Vec<Field<Viewer>>>,
    communities: Option<&[CommunityConfig]>,
    has_proxy: bool,
    problems: &Problems<'_>,
) -> Vec<ViewerConfig> {
    let known: Option<HashSet<&str>> =
        communities.map(|communities| communities.iter().map(|one| &*one.name).collect());
    let mut checked: Vec<ViewerConfig> = Vec::new();
    for (table, at) in viewers.value.unwrap_or_default().into_iter().filter_map(Field::placed) {
        let community_at = table.community.at;
        let Some(viewer) = viewer(table, at, has_proxy, problems) else { continue };
        for other in &checked {
            tell_twins(other, &viewer, at, problems);
        }
        if let (Some(known), Some(name)) = (&known, &viewer.community)
            && !known.contains(&**name)
        {
            let way_out = "name one of the file's [[community]], as it is written there";
            let message = format!("viewer {:?} is of community {name:?}, which there is not ({way_out})", viewer.name);
            problems.at(community_at.unwrap_or(at), message);
        }
        checked.push(viewer);
    }
    checked
}

/// Tells what two viewers have that can only be one's.
fn tell_twins(one: &ViewerConfig, other: &ViewerConfig, at: usize, problems: &Problems<'_>) {
    if one.name == other.name {
        problems.at(at, format!("two viewers are called {:?} (each needs a name of its own)", one.name));
        return;
    }
    for (key, is_same) in [
        ("token_file", one.token_file.is_some() && one.token_file == other.token_file),
        ("user", one.user.is_some() && one.user == other.user),
        ("group", one.group.is_some() && one.group == other.group),
    ] {
        if is_same {
            let (one, other) = (&one.name, &other.name);
            let message = format!("viewers {one:?} and {other:?} have the same {key} (each needs its own)");
            problems.at(at, message);
        }
    }
}

fn viewer(table: Viewer, at: usize, has_proxy: bool, problems: &Problems<'_>) -> Option<ViewerConfig> {
    let Viewer { name, role, community, member, token_file, user, group } = table;
    if name.at.is_none() {
        problems.at(at, "a viewer has no name (add name = \"…\"; the records of visits show it)");
    }
    if role.at.is_none() {
        let known = Role::ALL.map(|role| format!("{:?}", role.to_string())).join(", ");
        problems.at(at, format!("a viewer has no role (add role = \"…\", one of {known})"));
    }
    if token_file.at.or(user.at).or(group.at).is_none() {
        let ways = "nobody could be known as it: add token_file, or user or group of the proxy";
        problems.at(at, format!("a viewer has neither a token_file, nor a user, nor a group ({ways})"));
    }
    for (key, of_proxy) in [("user", user.at), ("group", group.at)] {
        if let Some(at) = of_proxy.filter(|_| !has_proxy) {
            let way_out = "set proxy under [web], or give the viewer a token_file";
            problems.at(at, format!("viewer.{key} is set, but web.proxy is not, which would name it ({way_out})"));
        }
    }
    match role.value.as_ref().map(|role| role.0) {
        Some(Role::Member) if member.at.is_none() || community.at.is_none() => {
            let way_out = "add community = \"…\" and member = \"…\"";
            problems.at(at, format!("a viewer of role member is of no member of a community ({way_out})"));
        }
        Some(role @ (Role::Manager | Role::Board)) => {
            if let Some(at) = member.at {
                let way_out = "leave it out, or set role = \"member\"";
                problems.at(at, format!("viewer.member is set, but the role is {role} ({way_out})"));
            }
        }
        Some(Role::Member) | None => {}
    }
    let way_out = "a file with a secret text of 16 characters or more, such as `openssl rand -hex 32` makes";
    let token_file = token_file.placed();
    let token_file = token_file.map(|(file, at)| problems.file("viewer.token_file", &file, at, way_out));
    let (name, role) = (name.get()?, role.get()?);
    let (community, member, user, group) = (community.get(), member.get(), user.get(), group.get());
    Some(ViewerConfig { name, role, community, member, token_file, user, group })
}

/// What of the pages and who may look at them is probably not meant.
pub(super) fn remarks(config: &Config) -> Vec<String> {
    let (web, viewers) = (&config.web, &config.viewers);
    let mut remarks = Vec::new();
    match config.listen.web {
        None if web.tls.is_some() || web.open || web.proxy.is_some() || !viewers.is_empty() => {
            remarks.push("listen_web is \"\": nobody can look, whatever [web] and [[viewer]] say".to_owned());
        }
        Some(address) if !address.ip().to_canonical().is_loopback() && viewers.is_empty() => {
            remarks.push(format!(
                "listen_web is {address}, but there is no [[viewer]]: only members with a link may look"
            ));
        }
        _ => {}
    }
    let of_proxy = |viewer: &ViewerConfig| viewer.user.is_some() || viewer.group.is_some();
    if web.proxy.is_some() && !viewers.iter().any(of_proxy) {
        remarks.push("web.proxy is set, but no [[viewer]] has a user or a group: it makes nobody known".to_owned());
    }
    for viewer in viewers {
        let (Some(name), Some(member)) = (&viewer.community, &viewer.member) else { continue };
        let Some(community) = config.community(name) else { continue };
        if community.unlisted == Unlisted::Ignore && !community.members.contains_key(member) {
            let viewer = &viewer.name;
            remarks
                .push(format!("viewer {viewer:?}: community {name} lists no member {member}: is it called otherwise?"));
        }
    }
    remarks
}
