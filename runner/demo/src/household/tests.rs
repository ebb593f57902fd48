use super::*;

use std::ops::RangeInclusive;

use domain::reading::Register;

/// 2023-01-01 at midnight of Central European standard time.
const NEW_YEAR: u64 = 1_672_527_600;

fn plan(seed: u64, members: usize, days: u16) -> Plan {
    Plan { seed, members, start: Boundary::from_seconds(NEW_YEAR).unwrap(), days }
}

fn values(meter: &RecordedMeter, register: Register) -> Vec<u64> {
    (0..).map_while(|row| meter.wh(register, row)).collect()
}

/// The increase of a register from the first reading to the last, in Wh.
fn rise(meter: &RecordedMeter, register: Register) -> u64 {
    let values = values(meter, register);
    values.last().unwrap() - values.first().unwrap()
}

#[test]
fn yearly_energy_of_every_member_is_plausible() {
    let use_of_kind_kwh = |kind: Kind| -> RangeInclusive<u64> {
        match kind {
            Kind::Shop => 5_500..=9_500,
            Kind::School => 8_000..=14_000,
            _ => 1_500..=6_000,
        }
    };
    for seed in 0..4 {
        let community = generate(plan(seed, 48, 365)).unwrap();
        for household in &community.households {
            let consumed_kwh = household.consumed.wh() / 1_000;
            assert!(use_of_kind_kwh(household.kind).contains(&consumed_kwh), "{household:?}");
            if household.pv_w > 0 {
                assert!((3_000..=10_000).contains(&household.pv_w), "{household:?}");
                let kwh_per_kw = household.produced.wh() / u64::from(household.pv_w);
                assert!((900..=1_100).contains(&kwh_per_kw), "{kwh_per_kw} kWh/kWp: {household:?}");
            } else {
                assert_eq!(household.produced, Energy::ZERO);
            }
        }
        assert_eq!(community.households.iter().filter(|household| household.pv_w > 0).count(), 24);
    }
}

#[test]
fn registers_match_consumption_and_generation() {
    let community = generate(plan(1, 16, 28)).unwrap();
    assert_eq!(community.households.len(), community.recorded.meters().len());
    for (household, meter) in community.households.iter().zip(community.recorded.meters()) {
        assert_eq!(&household.meter, meter.id());
        assert_eq!(meter.times().len(), 28 * 96 + 1);
        let import = values(meter, Register::Import);
        assert!(import.is_sorted() && values(meter, Register::Export).is_sorted());
        let net = rise(meter, Register::Import) + household.produced.wh();
        assert_eq!(net, rise(meter, Register::Export) + household.consumed.wh(), "{household:?}");
    }
}

#[test]
fn a_twentieth_of_self_consumption_is_metered_in_both_directions() {
    let mut registers = Registers { import_wh: vec![10], export_wh: vec![20] };
    for (consumed_wh, produced_wh) in [(1_000, 400), (100, 100), (9, 2_000), (0, 5), (10, 10)] {
        registers.count(consumed_wh, produced_wh);
    }
    assert_eq!(registers.import_wh, [10, 630, 635, 635, 635, 636]);
    assert_eq!(registers.export_wh, [20, 40, 45, 2_036, 2_041, 2_042]);
}

#[test]
fn the_same_plan_gives_the_same_community_on_every_machine() {
    let community = generate(plan(42, 3, 2)).unwrap();
    assert_eq!(community, generate(plan(42, 3, 2)).unwrap());
    let summary: Vec<String> = community
        .households
        .iter()
        .zip(community.recorded.meters())
        .map(|(household, meter)| {
            let Household { meter: name, kind, pv_w, consumed, produced } = household;
            let last = |register| values(meter, register).last().copied().unwrap();
            let (import_wh, export_wh) = (last(Register::Import), last(Register::Export));
            format!("{name}, {kind}, {pv_w} W: used {consumed}, gave {produced}; {import_wh}, {export_wh}")
        })
        .collect();
    // Recorded on one machine. Other machines and other versions of fastrand must agree.
    assert_eq!(
        summary,
        [
            "maple-01, family, 3800 W: used 23829 Wh, gave 11574 Wh; 1872964, 5369814",
            "maple-02, couple, 0 W: used 12358 Wh, gave 0 Wh; 11101819, 0",
            "maple-03, single, 0 W: used 10738 Wh, gave 0 Wh; 8341234, 0",
        ]
    );
}

#[test]
fn adding_members_or_days_leaves_the_others_unchanged() {
    let small = generate(plan(3, 5, 2)).unwrap();
    let large = generate(plan(3, 9, 3)).unwrap();
    for meter in small.recorded.meters() {
        let same = large.recorded.meter(meter.id().as_str()).unwrap();
        for register in [Register::Import, Register::Export] {
            let (few, many) = (values(meter, register), values(same, register));
            assert_eq!(few, many[..few.len()]);
        }
    }
    assert_ne!(generate(plan(4, 5, 2)).unwrap(), small);
}

#[test]
fn names_are_unique_addresses() {
    let community = generate(plan(0, 400, 1)).unwrap();
    let names: Vec<&str> = community.households.iter().map(|household| household.meter.as_str()).collect();
    assert!(names.is_sorted_by(|a, b| a < b));
    for name in ["maple-01", "maple-12", "station-12", "maple-13", "shop-01", "school-25"] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn the_community_has_surplus_and_deficit_at_the_same_time() {
    let mut plan = plan(5, 16, 28);
    plan.start = Boundary::from_seconds(1_693_526_400 - 3_600).unwrap(); // September
    let community = generate(plan).unwrap();
    let both = (0..28 * 96).filter(|row| {
        let net = |meter: &RecordedMeter| {
            let change = |register| meter.wh(register, row + 1).unwrap() - meter.wh(register, *row).unwrap();
            change(Register::Export).cmp(&change(Register::Import))
        };
        let nets: Vec<_> = community.recorded.meters().iter().map(net).collect();
        nets.iter().any(|net| net.is_gt()) && nets.iter().any(|net| net.is_lt())
    });
    let both = both.count();
    assert!((28 * 96 / 4..28 * 96 / 2).contains(&both), "{both} of {} quarter-hours", 28 * 96);
}

#[test]
fn invalid_plans_are_refused() {
    let refuse = |plan| generate(plan).unwrap_err().to_string();
    assert_eq!(refuse(plan(0, 0, 1)), "0 members over 1 days make no readings (at least one of each)");
    assert_eq!(refuse(plan(0, 1, 0)), "1 members over 0 days make no readings (at least one of each)");
    let late = |seconds| Plan { start: Boundary::from_seconds(seconds).unwrap(), ..plan(0, 1, 1) };
    assert_eq!(
        refuse(late(NEW_YEAR + 60)),
        "2022-12-31T23:01:00Z is not on a quarter-hour (start at :00, :15, :30 or :45)"
    );
    assert_eq!(
        refuse(late(253_402_207_200 / 900 * 900)),
        "1 days from 9999-12-30T22:00:00Z end after the year 9999 (start earlier)"
    );
}
