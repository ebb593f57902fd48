//! Files of sharing coefficients.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use domain::MemberId;

/// Parts per million of the whole.
const WHOLE: u32 = 1_000_000;

/// Reads a member and its share a line: `ann;0,333333` or `ann,0.333333`, with at most six decimals.
pub(super) fn read(file: &Path) -> anyhow::Result<BTreeMap<MemberId, u32>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read {} (name a file with a member and its share a line)", file.display()))?;
    parse(&text).with_context(|| file.display().to_string())
}

fn parse(text: &str) -> anyhow::Result<BTreeMap<MemberId, u32>> {
    let mut shares = BTreeMap::new();
    let lines = (1_u32..).zip(text.trim_start_matches('\u{feff}').lines());
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let (member, share) = pair(line).with_context(|| {
            format!("line {number}, {line:?}, is no member and share (such as ann;0,333333 or ann,0.333333)")
        })?;
        let member: MemberId = member.parse().with_context(|| format!("line {number}"))?;
        if shares.insert(member.clone(), share).is_some() {
            bail!("line {number}: {member} has a share already (remove one of them)");
        }
    }
    let sum: u64 = shares.values().map(|share| u64::from(*share)).sum();
    if sum > u64::from(WHOLE) {
        bail!("the shares are {sum} parts per million together (they must not be more than {WHOLE})");
    }
    if shares.is_empty() {
        bail!("there is no share in it (one member and its share a line is expected)");
    }
    Ok(shares)
}

fn pair(line: &str) -> Option<(&str, u32)> {
    let (member, share) = line.split_once(';').or_else(|| line.split_once('\t')).or_else(|| line.split_once(','))?;
    Some((member.trim().trim_matches('"'), ppm(share.trim().trim_matches('"'))?))
}

/// A number from 0 to 1 with at most six decimals, in parts per million.
fn ppm(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 6 || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let decimals: u32 = format!("{decimals:0<6}").parse().ok()?;
    whole.checked_mul(WHOLE)?.checked_add(decimals).filter(|share| *share <= WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(text: &str) -> Result<Vec<(String, u32)>, String> {
        let shares = parse(text).map_err(|error| format!("{error:#}"))?;
        Ok(shares.into_iter().map(|(member, share)| (member.to_string(), share)).collect())
    }

    #[test]
    fn a_share_is_a_member_and_a_number_to_one() {
        let both = Ok(vec![("ann".to_owned(), 333_333), ("ben".to_owned(), 500_000)]);
        assert_eq!(shares("\u{feff}ann;0,333333\r\n\nben;0,5\n"), both);
        assert_eq!(shares("ben,0.5\nann,0.333333"), both);
        assert_eq!(shares("ann\t1"), Ok(vec![("ann".to_owned(), 1_000_000)]));
    }

    #[test]
    fn what_is_no_share_is_told_with_its_line() {
        for (text, says) in [
            ("ann", "line 1, \"ann\", is no member and share"),
            ("ann;0,3\nben;x", "line 2"),
            ("ann;0,3333333", "line 1"),
            ("ann;1,1", "line 1"),
            ("ann;-0,1", "line 1"),
            ("ann;0,6\nben;0,6", "1200000 parts per million together"),
            ("ann;0,1\nann;0,1", "ann has a share already"),
            ("", "no share in it"),
            ("grid;0,1", "line 1"),
        ] {
            let error = shares(text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
