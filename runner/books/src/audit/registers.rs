//! How far registers moved, as the audit reckons it: on its own, and not as the netting that it verifies.

use domain::disputes::{Exchange, LastRead, ReadAt};
use domain::reading::Register;

/// The readings from which a meter can count, in the order in which they are tried: the last good one, then disputed ones.
pub(super) fn bases(last: &LastRead) -> impl Iterator<Item = ReadAt> {
    let disputed = last.dispute.into_iter().flat_map(|dispute| [Some(dispute.run.latest), dispute.stray]);
    [last.read()].into_iter().chain(disputed.flatten())
}

/// The change of both registers, over exchanges; `None` if one of them fell.
pub(super) fn change(from: ReadAt, to: ReadAt, exchanges: &[Exchange]) -> Option<(i128, i128)> {
    let between =
        |exchange: &&Exchange| from.boundary.timestamp() < exchange.at && exchange.at <= to.boundary.timestamp();
    let of = |register: Register| {
        let (mut sum, mut base) = (0_i128, i128::from(from.registers.of(register)));
        for Exchange { last, first, .. } in exchanges.iter().filter(between) {
            let old = i128::from(last.of(register)) - base;
            (sum, base) = (sum + old, i128::from(first.of(register)));
            if old < 0 {
                return None;
            }
        }
        let new = i128::from(to.registers.of(register)) - base;
        (new >= 0).then_some(sum + new)
    };
    Some((of(Register::Import)?, of(Register::Export)?))
}
