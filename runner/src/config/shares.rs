//! Sharing coefficients of a file, given to the members whose meters it names.

use std::collections::BTreeMap;

use readings::{Content, FILE_BYTES_MAX, Input, Options, read_file};

use super::problems::Problems;
use super::read::Field;
use super::schema::{Is, Member};

/// The key `shares` of a community: gives each meter's share to the member that lists it. One that no member lists is a member
/// of its own.
pub(super) fn give(key: Field<String>, members: &mut BTreeMap<String, Field<Member>>, problems: &Problems<'_>) {
    let Some((file, at)) = key.placed() else { return };
    let path = problems.file("community.shares", &file, at, "a file with a line CUPS;0,333333 for each metering point");
    let tell = |what: String| problems.at(at, format!("community.shares: {what}"));
    let bytes = match std::fs::metadata(&path) {
        // That there is none is told already.
        Err(_) => return,
        Ok(data) if data.len() > FILE_BYTES_MAX as u64 => return tell(format!("{file} is too large")),
        Ok(_) => std::fs::read(&path),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return tell(format!("{file} cannot be read: {error}")),
    };
    let shares = match read_file(&Input { name: file.clone(), bytes }, &Options::default()) {
        Ok(read) => match read.content {
            Content::Shares(shares) => shares,
            Content::Meters(_) => return tell(format!("{file} holds readings ({}), no shares", read.about.title)),
        },
        Err(refused) => return tell(refused.to_string()),
    };
    let mut given: BTreeMap<String, u32> = BTreeMap::new();
    let alone = |meter: &str| {
        let meters = vec![Field { value: Some(meter.to_owned()), at: Some(at) }];
        let member = Member { meters: Field { value: Some(meters), at: Some(at) }, ..Member::default() };
        Field { value: Some(member), at: Some(at) }
    };
    for (meter, share) in shares.0 {
        let listed =
            members.iter().find(|(name, member)| lists(name, member, meter.as_str())).map(|(name, _)| name.clone());
        let member = listed.unwrap_or_else(|| meter.to_string());
        *given.entry(member).or_default() += share;
    }
    for (name, share) in given {
        let member = members.entry(name.clone()).or_insert_with(|| alone(&name));
        let Some(member) = &mut member.value else { continue };
        if member.share.at.is_some() {
            tell(format!("member {name} has a share of its own, too (leave one of them out)"));
        } else {
            member.share = Field { value: Some(Is(share)), at: Some(at) };
        }
    }
}

/// Whether a member has a meter, by its list or by its name.
fn lists(name: &str, member: &Field<Member>, meter: &str) -> bool {
    let listed = member.value.as_ref().and_then(|member| member.meters.value.as_ref());
    match listed {
        Some(meters) => meters.iter().any(|listed| listed.value.as_deref() == Some(meter)),
        None => name == meter,
    }
}
