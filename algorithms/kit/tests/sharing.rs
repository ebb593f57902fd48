//! Laws of the building blocks of sharing keys, on energies from both ends of their range.

use market_kit::{Book, Injection, Offer, Party, Round, cascade, split, split_from, testing};
use proptest::{collection::vec, prelude::*};

/// Energies of every size, with 0, ties and the largest there is.
fn energy() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, 0..5_000_u64, any::<u64>(), Just(u64::MAX)]
}

fn sum(values: &[u64]) -> u128 {
    values.iter().map(|&value| u128::from(value)).sum()
}

fn round_of(members: &[(u64, u64)]) -> Round {
    let mut round = testing::round([]);
    for &(surplus, deficit) in members {
        round.positions.extend(testing::round([("m", surplus, deficit)]).positions);
    }
    round
}

/// Gives and takes of the same sum: what is above the smaller sum is cut from the end.
fn level(members: &[(u64, u64)]) -> (Vec<u64>, Vec<u64>) {
    let (mut gives, mut takes): (Vec<u64>, Vec<u64>) = members.iter().copied().unzip();
    let most = sum(&gives).min(sum(&takes));
    for side in [&mut gives, &mut takes] {
        let mut left = most;
        for energy in side.iter_mut() {
            *energy = u64::try_from(left).unwrap_or(u64::MAX).min(*energy);
            left -= u128::from(*energy);
        }
    }
    (gives, takes)
}

/// As the rule says it: one split for each injector.
fn injection_by_injector(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64], offer: Offer) -> Injection {
    let mut wanted = vec![0_u128; deficits.len()];
    let mut gives = vec![0; surpluses.len()];
    for (injector, &surplus) in surpluses.iter().enumerate() {
        let mut weights = shares.to_vec();
        let offered = match offer {
            Offer::Fixed(total) => u128::from(surplus) * u128::from(total) / 1_000_000,
            Offer::Relative => {
                weights[injector] = 0;
                surplus.into()
            }
        };
        for (member, part) in split_from(first, offered, &weights).into_iter().enumerate() {
            if member != injector {
                wanted[member] += u128::from(part);
                gives[injector] += part;
            }
        }
    }
    let takes: Vec<u64> = wanted
        .iter()
        .zip(deficits)
        .map(|(&wanted, &deficit)| u64::try_from(wanted).unwrap_or(u64::MAX).min(deficit))
        .collect();
    let back = cascade(first, sum(&gives) - sum(&takes), surpluses, &gives);
    gives.iter_mut().zip(back).for_each(|(give, back)| *give -= back);
    Injection { gives, takes }
}

/// As the rule says it: the relative key on what is left, without the shares of those whose deficit is covered.
fn repeated_by_injector(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64]) -> (Injection, usize) {
    let mut sum = Injection { gives: vec![0; surpluses.len()], takes: vec![0; deficits.len()] };
    for passes in 0.. {
        let less = |all: &[u64], gone: &[u64]| all.iter().zip(gone).map(|(all, gone)| all - gone).collect::<Vec<u64>>();
        let (surpluses, deficits) = (less(surpluses, &sum.gives), less(deficits, &sum.takes));
        let open: Vec<u64> =
            shares.iter().zip(&deficits).map(|(&share, &deficit)| if deficit > 0 { share } else { 0 }).collect();
        let pass = injection_by_injector(first, &surpluses, &deficits, &open, Offer::Relative);
        if pass.takes.iter().all(|&take| take == 0) {
            return (sum, passes);
        }
        for (sum, more) in [(&mut sum.gives, pass.gives), (&mut sum.takes, pass.takes)] {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
    unreachable!()
}

/// Shares with many that are equal, and some of every size.
fn share() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, 0..80_000_u64, Just(25_000)]
}

proptest! {
    #[test]
    fn prop_holders_of_the_same_share_may_be_counted_together(
        members in vec((energy(), energy(), share()), 1..12),
        first in 0..12_usize,
        fixed in any::<bool>(),
    ) {
        let surpluses: Vec<u64> = members.iter().map(|member| member.0).collect();
        let deficits: Vec<u64> = members.iter().map(|member| member.1).collect();
        let shares: Vec<u64> = members.iter().map(|member| member.2).collect();
        let offer = if fixed { Offer::Fixed(shares.iter().sum()) } else { Offer::Relative };
        let first = first % members.len();
        let expected = injection_by_injector(first, &surpluses, &deficits, &shares, offer);
        prop_assert_eq!(Injection::of(first, &surpluses, &deficits, &shares, offer), expected);
    }

    #[test]
    fn prop_passes_are_those_of_the_rule(
        members in vec((energy(), energy(), share()), 1..12),
        first in 0..12_usize,
        is_net in any::<bool>(),
        are_alike in any::<bool>(),
    ) {
        let surpluses: Vec<u64> = members.iter().map(|member| member.0).collect();
        // On a net basis nobody has both; where all have the same share, there is one group.
        let deficit = |member: &(u64, u64, u64)| if is_net && member.0 > 0 { 0 } else { member.1 };
        let deficits: Vec<u64> = members.iter().map(deficit).collect();
        let shares: Vec<u64> = members.iter().map(|member| if are_alike { 80_000 } else { member.2 }).collect();
        let first = first % members.len();
        let expected = repeated_by_injector(first, &surpluses, &deficits, &shares);
        prop_assert_eq!(Injection::repeated(first, &surpluses, &deficits, &shares), expected);
    }

    #[test]
    fn prop_a_turned_split_is_the_split_of_turned_weights(
        weights in vec(energy(), 1..20),
        turn in 0..20_usize,
        thousandths in 0..=1000_u128,
    ) {
        let first = turn % weights.len();
        let total = sum(&weights) / 1000 * thousandths;
        prop_assume!(sum(&weights) > 0);
        let mut turned = weights.clone();
        turned.rotate_left(first);
        let mut parts = split(total, &turned).unwrap();
        parts.rotate_right(first);
        prop_assert_eq!(split_from(first, total, &weights), parts);
    }

    #[test]
    fn prop_a_cascade_gives_all_that_somebody_with_a_weight_can_take(
        members in vec((energy(), energy()), 1..20),
        total in energy(),
        first in 0..20_usize,
    ) {
        let (weights, caps): (Vec<u64>, Vec<u64>) = members.iter().copied().unzip();
        let got = cascade(first % weights.len(), total.into(), &weights, &caps);
        let room: u128 = members.iter().filter(|member| member.0 > 0).map(|member| u128::from(member.1)).sum();
        prop_assert_eq!(sum(&got), u128::from(total).min(room));
        for ((got, weight), cap) in got.iter().zip(weights).zip(caps) {
            prop_assert!(*got <= cap && (weight > 0 || *got == 0));
        }
    }

    #[test]
    fn prop_pairing_shares_all_but_what_one_member_has_on_both_sides(members in vec((energy(), energy()), 1..12)) {
        let round = round_of(&members);
        let (gives, takes) = level(&members);
        let total = sum(&gives);
        let most = gives.iter().zip(&takes).map(|(&give, &take)| u128::from(give) + u128::from(take)).max().unwrap();
        let mut book = Book::new(&round);
        book.pair(gives, takes, 50_000);
        let trades = book.rest();
        let shared = trades.iter().filter(|trade| trade.seller != Party::Grid && trade.buyer != Party::Grid);
        let shared: u128 = shared.map(|trade| u128::from(trade.energy)).sum();
        prop_assert_eq!(shared, total - most.saturating_sub(total));
        prop_assert_eq!(testing::check(&round, &trades), Ok(()));
    }

    #[test]
    fn prop_nobody_gets_back_more_than_it_offered(
        members in vec((energy(), energy(), 0..80_000_u64), 1..12),
        first in 0..12_usize,
        fixed in any::<bool>(),
    ) {
        let surpluses: Vec<u64> = members.iter().map(|member| member.0).collect();
        let deficits: Vec<u64> = members.iter().map(|member| member.1).collect();
        let shares: Vec<u64> = members.iter().map(|member| member.2).collect();
        let total_share = shares.iter().sum();
        let offer = if fixed { Offer::Fixed(total_share) } else { Offer::Relative };
        let Injection { gives, takes } = Injection::of(first % members.len(), &surpluses, &deficits, &shares, offer);
        prop_assert_eq!(sum(&gives), sum(&takes));
        prop_assert!(gives.iter().zip(&surpluses).all(|(give, surplus)| give <= surplus));
        prop_assert!(takes.iter().zip(&deficits).all(|(take, deficit)| take <= deficit));
        if fixed {
            let within = |(give, surplus): (&u64, &u64)| {
                u128::from(*give) * 1_000_000 <= u128::from(*surplus) * u128::from(total_share)
            };
            prop_assert!(gives.iter().zip(&surpluses).all(within));
        }
    }
}
