//! The key `wallet` of a member.

use domain::{MemberId, MeterId};

use super::problems::Problems;
use super::read::Field;

/// The key `wallet` of the member at this path, which has these meters.
pub(super) fn check(
    wallet: Field<String>,
    path: &str,
    name: &str,
    meters: &[MeterId],
    problems: &Problems<'_>,
) -> Option<MeterId> {
    let (wallet, at) = wallet.placed()?;
    let tell = |rule: String| problems.at(at, format!("{path}.wallet is {wallet:?}, but {rule}"));
    let meter = wallet.parse::<MeterId>().map_err(|error| tell(format!("a meter is expected: {error}"))).ok()?;
    let is_own = if meters.is_empty() { meter.as_str() == name } else { meters.contains(&meter) };
    if !is_own {
        let own: Vec<&str> = if meters.is_empty() { vec![name] } else { meters.iter().map(MeterId::as_str).collect() };
        tell(format!("one of its meters is expected ({})", own.join(", ")));
        return None;
    }
    if MemberId::from_meter(&meter).is_err() {
        tell("on the wire that means the grid or the operator (name another of its meters)".to_owned());
        return None;
    }
    Some(meter)
}
