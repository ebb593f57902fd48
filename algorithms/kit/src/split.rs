use alloc::{format, string::String, vec, vec::Vec};
use core::ops::SubAssign;

/// Splits `total` in proportion to `weights`, to the last unit, by the largest remainder method (Hamilton's method).
///
/// Part i is ⌊total·wᵢ/Σw⌋; the units left over go one each to the largest remainders, ties to the earlier weight. The
/// parts always add up to `total`, each differs from its exact share by less than 1, and a weight of 0 gets nothing.
/// The arithmetic is exact for all values and for up to 2³² weights.
///
/// # Errors
///
/// If all weights are 0 but `total` is not; or if `total` is above both the sum of the weights and 2⁶⁴ − 1, so that a
/// part might not fit.
///
/// ```
/// use market_kit::split;
///
/// assert_eq!(split(100, &[1, 1, 1]), Ok(vec![34, 33, 33]));
/// assert_eq!(split(10, &[600_000, 0, 250_000, 150_000]), Ok(vec![6, 0, 3, 1]));
/// assert_eq!(split(2 * u128::from(u64::MAX), &[u64::MAX; 4]).unwrap().len(), 4);
/// assert_eq!(split(1, &[0, 0]).unwrap_err(), "1 cannot be split: all weights are 0");
/// ```
pub fn split(total: u128, weights: &[u64]) -> Result<Vec<u64>, String> {
    let sum = sum(weights);
    if sum == 0 && total > 0 {
        return Err(format!("{total} cannot be split: all weights are 0"));
    }
    if total > sum.max(u64::MAX.into()) {
        return Err(format!(
            "{total} cannot be split: it is above both {sum}, the sum of the weights, and {}",
            u64::MAX
        ));
    }
    Ok(parts(0, total, weights, sum))
}

/// Splits `total` like [`split`](split()), but of equal remainders the one at or after `first` comes first, counting
/// around the circle of the weights: with [`turn`](crate::turn) as `first`, nobody is favoured by its name over a month.
///
/// `total` may be the energy of a whole community: a part above 2⁶⁴ − 1 becomes 2⁶⁴ − 1, which is more than any member can
/// take. If all weights are 0, all parts are 0. `total` must be below 2⁹⁶, which 2³² positions cannot exceed.
///
/// ```
/// use market_kit::split_from;
///
/// assert_eq!(split_from(0, 100, &[1, 1, 1]), [34, 33, 33]);
/// assert_eq!(split_from(2, 100, &[1, 1, 1]), [33, 33, 34]);
/// assert_eq!(split_from(2, 100, &[0, 0, 0]), [0, 0, 0]);
/// ```
#[must_use]
pub fn split_from(first: usize, total: u128, weights: &[u64]) -> Vec<u64> {
    parts(if first < weights.len() { first } else { 0 }, total, weights, sum(weights))
}

/// Sums energies or weights; the sum fits for up to 2⁶⁴ of them.
pub(crate) fn sum(values: &[u64]) -> u128 {
    values.iter().map(|&value| u128::from(value)).sum()
}

/// Splits `total`, which must be below 2⁹⁶, ties to whoever comes first from the weight `first` on. A part that does not fit
/// 64 bits becomes the largest number that does.
pub(crate) fn parts(first: usize, total: u128, weights: &[u64], sum: u128) -> Vec<u64> {
    if sum == 0 || total == 0 {
        return vec![0; weights.len()];
    }
    let fits = |total: u64, sum| {
        // No weight is more than the sum.
        let largest = || weights.iter().copied().max().unwrap_or(0);
        total.checked_mul(sum).is_some() || total.checked_mul(largest()).is_some()
    };
    match (u64::try_from(total), u64::try_from(sum)) {
        // 64 bits suffice for communities of ordinary size, and a division of 128 bits takes about ten times as long.
        (Ok(total), Ok(sum)) if fits(total, sum) => {
            largest_remainder(first, total, weights, |weight| {
                // A division takes longer than to see that there is none.
                if weight == 0 {
                    return (0, 0);
                }
                let product = total * weight;
                let part = product / sum;
                (part, product - part * sum)
            })
        }
        _ => largest_remainder(first, total, weights, |weight| divide(total, weight, sum)),
    }
}

/// Divides with numbers of either size.
fn largest_remainder<T, R>(first: usize, total: T, weights: &[u64], divide: impl Fn(u64) -> (T, R)) -> Vec<u64>
where
    T: Copy + SubAssign + TryInto<u64> + TryInto<usize>,
    R: Ord + Copy,
{
    let mut left_over = total;
    let divided = weights.iter().map(|&weight| {
        let (part, remainder) = divide(weight);
        left_over -= part;
        (part.try_into().unwrap_or(u64::MAX), remainder)
    });
    let (mut parts, remainders): (Vec<u64>, Vec<R>) = divided.unzip();
    // OK because each part is rounded down by less than 1, so fewer units are left over than there are parts.
    let left_over = left_over.try_into().unwrap_or(usize::MAX);
    if left_over > 0 {
        hand_out(first, left_over, &mut parts, &remainders);
    }
    parts
}

/// Adds one to each of the `units` parts with the largest remainders, ties to whoever comes first from the part `first` on.
fn hand_out<R: Ord + Copy>(first: usize, units: usize, parts: &mut [u64], remainders: &[R]) {
    // Selecting the smallest remainder that still gets a unit takes linear time, unlike sorting.
    let mut ranked = remainders.to_vec();
    let (above, &mut least, _) = ranked.select_nth_unstable_by(units - 1, |a, b| b.cmp(a));
    let mut ties = units - above.iter().filter(|&&remainder| remainder > least).count();
    let mut serve = |parts: &mut [u64], remainders: &[R]| {
        for (part, &remainder) in parts.iter_mut().zip(remainders) {
            if remainder > least {
                *part = part.saturating_add(1);
            } else if remainder == least && ties > 0 {
                *part = part.saturating_add(1);
                ties -= 1;
            }
        }
    };
    serve(&mut parts[first..], &remainders[first..]);
    serve(&mut parts[..first], &remainders[..first]);
}

/// Returns ⌊total·weight/sum⌋ and the remainder, for `total` and `sum` below 2⁹⁶ and a weight that is part of the sum.
fn divide(total: u128, weight: u64, sum: u128) -> (u128, u128) {
    if let Some(product) = total.checked_mul(weight.into()) {
        let part = product / sum;
        return (part, product - part * sum);
    }
    // The product has up to 160 bits: long division in two digits of 32 bits, so that nothing exceeds 96 + 32 bits.
    let upper = total * u128::from(weight >> 32);
    let carried = (upper % sum) << 32;
    let lower = total * u128::from(weight & 0xffff_ffff);
    let part = ((upper / sum) << 32) + carried / sum + lower / sum;
    let remainder = carried % sum + lower % sum;
    if remainder < sum { (part, remainder) } else { (part + 1, remainder - sum) }
}
