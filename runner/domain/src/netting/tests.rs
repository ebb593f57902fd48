use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::disputes::MeterLimits;
use crate::interval::IntervalLength;
use crate::ownership::{Tenure, Unlisted};
use crate::power::Power;
use crate::reading::REGISTER_WH_MAX;

const START: u64 = 1_693_569_600;

/// The boundary `number` quarter-hours after 2023-09-01T12:00:00Z.
fn boundary(number: u64) -> Boundary {
    Boundary::from_seconds(START + 900 * number).unwrap()
}

fn readings(rows: &[(&str, u64, u64)]) -> BoundaryReadings {
    let registers = |import_wh, export_wh| Registers { import_wh, export_wh };
    rows.iter().map(|(meter, import, export)| (meter.parse().unwrap(), registers(*import, *export))).collect()
}

fn rules() -> MeterRules {
    let limits = MeterLimits { usual: Power::USUAL, own: BTreeMap::new() };
    MeterRules { limits: Some(limits), ..MeterRules::default() }
}

/// A boundary's number, and the meters read there: name, import and export in Wh.
type Row<'a> = (u64, &'a [(&'a str, u64, u64)]);

/// Nets one boundary after the other; returns the results as lines of text.
fn run(basis: Basis, ownership: &Ownership, boundaries: &[Row<'_>]) -> Vec<String> {
    run_by(&rules(), basis, ownership, boundaries)
}

fn run_by(rules: &MeterRules, basis: Basis, ownership: &Ownership, boundaries: &[Row<'_>]) -> Vec<String> {
    let mut last = LastReads::new();
    let mut lines = Vec::new();
    for (number, rows) in boundaries {
        let interval = boundary(*number).interval(IntervalLength::QUARTER_HOUR).unwrap();
        let netting = net(interval, basis, ownership, &last, &readings(rows), rules);
        for (member, balance) in netting.balances {
            lines.push(format!("{number} {member} +{} -{}", balance.surplus.wh(), balance.deficit.wh()));
        }
        for gap in netting.gaps {
            let Balance { surplus, deficit } = gap.balance;
            lines.push(format!("{number} {} gap since {} +{} -{}", gap.member, gap.since, surplus.wh(), deficit.wh()));
        }
        for event in netting.events {
            lines.push(format!("{number} {} {}", event.meter, event.kind.code()));
        }
        last.extend(netting.read);
    }
    lines
}

#[test]
fn every_basis_can_be_printed_and_parsed() {
    for basis in Basis::ALL {
        assert_eq!(basis.to_string().parse(), Ok(basis));
    }
    let error = "Net".parse::<Basis>().unwrap_err();
    assert_eq!(error.to_string(), "\"Net\" is not a basis (it must be \"net\" or \"gross\")");
}

#[test]
fn the_first_reading_of_a_meter_settles_nothing() {
    let lines = run(
        Basis::Net,
        &Ownership::default(),
        &[(1, &[("a", 1000, 0)]), (2, &[("a", 1200, 50), ("b", 7, 7)]), (3, &[("a", 1200, 90), ("b", 7, 7)])],
    );
    assert_eq!(lines, ["2 a +0 -150", "3 a +40 -0", "3 b +0 -0"]);
}

#[test]
fn gross_keeps_both_directions() {
    let lines = run(
        Basis::Gross,
        &Ownership::default(),
        &[(1, &[("a", 1000, 0)]), (2, &[("a", 1200, 50)]), (4, &[("a", 1300, 60)])],
    );
    assert_eq!(lines, ["2 a +50 -200", "4 a gap since 2023-09-01T12:30:00Z +10 -100", "4 a gap"]);
}

#[test]
fn the_meters_of_a_member_form_one_position() {
    let ownership = Ownership::new(["a", "b"].map(|meter| (meter.parse().unwrap(), "school".parse().unwrap())));
    let lines = run(
        Basis::Net,
        &ownership,
        &[
            (1, &[("a", 0, 0), ("b", 0, 0), ("c", 0, 0)]),
            (2, &[("a", 100, 0), ("b", 0, 30), ("c", 1, 0)]),
            // One of the two was not read; the other trades as usual.
            (3, &[("a", 150, 0), ("c", 1, 5)]),
            (4, &[("a", 150, 0), ("b", 10, 30), ("c", 1, 5)]),
        ],
    );
    assert_eq!(
        lines,
        [
            "2 c +0 -1",
            "2 school +0 -70",
            "3 c +5 -0",
            "3 school +0 -50",
            "4 c +0 -0",
            "4 school +0 -0",
            "4 school gap since 2023-09-01T12:30:00Z +0 -10",
            "4 b gap",
        ]
    );
}

#[test]
fn meters_may_return_from_gaps_of_different_length_at_once() {
    let lines = run(
        Basis::Net,
        &Ownership::default(),
        &[
            (1, &[("a", 0, 0), ("b", 0, 0), ("c", 0, 0)]),
            (2, &[("b", 10, 0), ("c", 1, 0)]),
            (3, &[("c", 2, 0)]),
            (4, &[("a", 5, 105), ("b", 40, 0), ("c", 3, 0)]),
        ],
    );
    assert_eq!(
        lines,
        [
            "2 b +0 -10",
            "2 c +0 -1",
            "3 c +0 -1",
            "4 c +0 -1",
            "4 a gap since 2023-09-01T12:15:00Z +100 -0",
            "4 b gap since 2023-09-01T12:30:00Z +0 -30",
            "4 a gap",
            "4 b gap",
        ]
    );
}

#[test]
fn a_falling_register_settles_nothing_and_the_next_reading_counts_from_it() {
    let lines = run(
        Basis::Net,
        &Ownership::default(),
        &[
            (1, &[("a", 5000, 100)]),
            (2, &[("a", 3, 120)]),
            (3, &[("a", 13, 120)]),
            // Both registers fall during a gap.
            (5, &[("a", 1, 1)]),
            (6, &[("a", 2, 1)]),
        ],
    );
    assert_eq!(lines, ["2 a fell", "3 a +0 -10", "3 a restarted", "5 a fell", "6 a +0 -1", "6 a restarted"]);
}

#[test]
fn a_glitch_is_a_gap_that_its_next_reading_settles() {
    let lines = run(
        Basis::Net,
        &Ownership::default(),
        &[
            (1, &[("a", 9_000_000, 0), ("b", 0, 0)]),
            (2, &[("a", 0, 0), ("b", 0, 5)]),
            (3, &[("a", 9_000_200, 0), ("b", 0, 10)]),
            (4, &[("a", 9_000_300, 0)]),
        ],
    );
    let gap = "3 a gap since 2023-09-01T12:15:00Z +0 -200";
    assert_eq!(lines, ["2 b +5 -0", "2 a fell", "3 b +5 -0", gap, "3 a glitch", "4 a +0 -100"]);
}

#[test]
fn before_there_were_disputes_every_reading_counted() {
    let lines = run_by(
        &MeterRules::default(),
        Basis::Net,
        &Ownership::default(),
        &[(1, &[("a", 5000, 0)]), (2, &[("a", 3, 0)]), (3, &[("a", 9_000_003, 0)]), (4, &[("a", 9_000_004, 0)])],
    );
    assert_eq!(lines, ["3 a +0 -9000000", "4 a +0 -1"]);
}

#[test]
fn a_meter_with_a_reserved_name_needs_an_owner() {
    let rows: [Row<'_>; 2] = [(1, &[("100", 0, 0), ("a", 0, 0)]), (2, &[("100", 9, 0), ("a", 1, 0)])];
    assert_eq!(run(Basis::Net, &Ownership::default(), &rows), ["1 100 no-member", "2 a +0 -1", "2 100 no-member"]);
    let owned = Ownership::new([("100".parse().unwrap(), "flat-100".parse().unwrap())]);
    assert_eq!(run(Basis::Net, &owned, &rows), ["2 a +0 -1", "2 flat-100 +0 -9"]);
}

/// Meter `m`: Anna's from 12:00 and Ben's from 12:30 on, or in between nobody's.
fn handed_over(anna_until: u64) -> Ownership {
    let tenure = |member: &str, from: Timestamp, until: Timestamp| {
        ("m".parse().unwrap(), Tenure { member: member.parse().unwrap(), from, until })
    };
    let (end, begin) = (boundary(anna_until).timestamp(), boundary(2).timestamp());
    let tenures = [tenure("anna", boundary(0).timestamp(), end), tenure("ben", begin, Timestamp::MAX)];
    Ownership::over_time(tenures, Unlisted::Join, HashSet::new())
}

#[test]
fn each_member_has_what_a_meter_moved_in_its_time() {
    let rows: [Row<'_>; 5] = [
        (0, &[("m", 100, 0)]),
        (1, &[("m", 110, 0)]),
        (2, &[("m", 130, 0)]),
        (3, &[("m", 160, 0)]),
        (4, &[("m", 200, 0)]),
    ];
    let lines = run(Basis::Net, &handed_over(2), &rows);
    assert_eq!(lines, ["1 anna +0 -10", "2 anna +0 -20", "3 ben +0 -30", "4 ben +0 -40"]);
    // In between it is nobody's; Ben counts from the registers at his beginning.
    let lines = run(Basis::Net, &handed_over(1), &rows);
    assert_eq!(lines, ["1 anna +0 -10", "2 m changed-hands", "3 ben +0 -30", "4 ben +0 -40"]);
    // Before Anna's time it was nobody's; she counts from the registers at her beginning.
    let late = Ownership::over_time(
        [("m".parse().unwrap(), Tenure { from: boundary(2).timestamp(), ..Tenure::forever("anna".parse().unwrap()) })],
        Unlisted::Join,
        HashSet::new(),
    );
    assert_eq!(run(Basis::Net, &late, &rows), ["0 m outside", "1 m outside", "3 anna +0 -30", "4 anna +0 -40"]);
}

#[test]
fn a_gap_is_of_whoever_had_the_meter_all_the_time() {
    let with = |rows: &[Row<'_>]| run(Basis::Net, &handed_over(2), rows);
    // Read at the change: before it Anna's, after it Ben's.
    let lines = with(&[(0, &[("m", 0, 0)]), (2, &[("m", 10, 0)]), (5, &[("m", 40, 0)])]);
    let (annas, bens) = (boundary(0), boundary(2));
    let expected = [
        format!("2 anna gap since {annas} +0 -10"),
        "2 m gap".to_owned(),
        format!("5 ben gap since {bens} +0 -30"),
        "5 m gap".to_owned(),
    ];
    assert_eq!(lines, expected);
    // Not read at the change: nobody can tell whose it is. Ben counts from the next reading.
    let lines = with(&[(1, &[("m", 0, 0)]), (3, &[("m", 30, 0)]), (4, &[("m", 35, 0)])]);
    assert_eq!(lines, ["3 m changed-hands", "4 ben +0 -5"]);
    // Nothing moved, or another meter came with the new member.
    assert_eq!(with(&[(1, &[("m", 7, 7)]), (3, &[("m", 7, 7)])]), [""; 0]);
    assert_eq!(
        with(&[(1, &[("m", 7, 7)]), (3, &[("m", 0, 9)]), (4, &[("m", 1, 9)])]),
        ["3 m changed-hands", "4 ben +0 -1"]
    );
}

#[test]
fn what_is_lost_when_a_meter_changes_hands_is_told_with_all_numbers() {
    let interval = boundary(3).interval(IntervalLength::QUARTER_HOUR).unwrap();
    let last = [(
        "m".parse().unwrap(),
        LastRead { boundary: boundary(1), registers: Registers { import_wh: 5, export_wh: 6 }, dispute: None },
    )];
    let read = readings(&[("m", 35, 7)]);
    let netting = net(interval, Basis::Net, &handed_over(2), &last.clone().into(), &read, &rules());
    assert_eq!(
        netting.events[0].kind.to_string(),
        "not read between 2023-09-01T12:15:00Z and 2023-09-01T12:30:00Z, when it came to its member; import of 30 Wh and \
         export of 1 Wh since then are nobody's; nothing settled, counting from there"
    );
    assert!(matches!(&netting.readings[..], [reading] if reading.anew && reading.member.as_str() == "ben"));
    // The audit has only what is stored: that the meter counts for Ben from here.
    let bens =
        ("m".parse().unwrap(), Tenure { from: interval.end().timestamp(), ..Tenure::forever("ben".parse().unwrap()) });
    let again = Ownership::over_time([bens], Unlisted::Join, HashSet::new());
    let audited = net(interval, Basis::Net, &again, &last.into(), &read, &rules());
    assert_eq!(
        (audited.balances, audited.gaps, audited.readings, audited.read),
        (netting.balances, netting.gaps, netting.readings, netting.read)
    );
}

#[test]
fn balances_too_large_for_a_store_settle_nothing() {
    let ownership = Ownership::new(["a", "b"].map(|meter| (meter.parse().unwrap(), "firm".parse().unwrap())));
    // As in intervals from before there were disputes: no power allows so much in a quarter-hour.
    let lines = run_by(
        &MeterRules::default(),
        Basis::Gross,
        &ownership,
        &[
            (1, &[("a", 0, 0), ("b", 0, 0)]),
            (2, &[("a", REGISTER_WH_MAX, 0), ("b", 1, 0)]),
            (3, &[("a", REGISTER_WH_MAX, 0), ("b", 3, 0)]),
        ],
    );
    assert_eq!(lines, ["2 a too-large", "2 b too-large", "3 firm +0 -2"]);
}

#[test]
fn a_boundary_that_is_already_settled_changes_nothing() {
    let interval = boundary(1).interval(IntervalLength::QUARTER_HOUR).unwrap();
    let meters = readings(&[("a", 5, 5)]);
    let first = net(interval, Basis::Net, &Ownership::default(), &LastReads::new(), &meters, &rules());
    let again = net(interval, Basis::Net, &Ownership::default(), &first.read, &meters, &rules());
    assert_eq!(again, Netting::default());
}

/// What each of three meters does from boundary to boundary: `Some` rise of import and export, or `None` if not read.
fn steps() -> impl Strategy<Value = Vec<Vec<Option<(u64, u64)>>>> {
    let step = proptest::option::weighted(0.8, (0..5000_u64, 0..5000_u64));
    proptest::collection::vec(proptest::collection::vec(step, 3), 1..30)
}

proptest! {
    /// Whichever boundaries a meter misses, the settled energy is the change of its registers.
    #[test]
    fn prop_energy_telescopes(steps in steps(), gross in any::<bool>()) {
        let basis = if gross { Basis::Gross } else { Basis::Net };
        let names = ["a", "b", "c"];
        let mut registers = [(10_u64, 20_u64); 3];
        let mut first: [Option<(u64, u64)>; 3] = [None; 3];
        let mut settled = [(0_i128, 0_i128); 3];
        let mut last = LastReads::new();
        for (number, meters) in steps.iter().enumerate() {
            let mut rows = Vec::new();
            for (meter, step) in meters.iter().enumerate() {
                // The registers rise even if the meter is not read.
                let (import, export) = step.unwrap_or((11, 7));
                registers[meter].0 += import;
                registers[meter].1 += export;
                if step.is_some() {
                    first[meter].get_or_insert(registers[meter]);
                    rows.push((names[meter], registers[meter].0, registers[meter].1));
                }
            }
            let interval = boundary(number as u64 + 1).interval(IntervalLength::QUARTER_HOUR).unwrap();
            let netting = net(interval, basis, &Ownership::default(), &last, &readings(&rows), &rules());
            let gaps = netting.gaps.iter().map(|gap| (&gap.member, gap.balance));
            for (member, balance) in netting.balances.iter().map(|(member, balance)| (member, *balance)).chain(gaps) {
                let meter = names.iter().position(|name| *name == member.as_str()).unwrap();
                settled[meter].0 += i128::from(balance.deficit.wh());
                settled[meter].1 += i128::from(balance.surplus.wh());
            }
            last.extend(netting.read);
        }
        for meter in 0..3 {
            let Some(first) = first[meter] else { continue };
            let now = last[&names[meter].parse::<MeterId>().unwrap()].registers;
            let (import, export) = (i128::from(now.import_wh - first.0), i128::from(now.export_wh - first.1));
            if gross {
                prop_assert_eq!(settled[meter], (import, export));
            } else {
                prop_assert_eq!(settled[meter].0 - settled[meter].1, import - export);
            }
        }
    }
}
