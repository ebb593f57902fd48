use proptest::prelude::*;

use super::*;

/// The boundary `number` quarter-hours after 2024-05-12T12:00:00Z.
fn boundary(number: u64) -> Boundary {
    Boundary::from_seconds(1_715_515_200 + 900 * number).unwrap()
}

fn registers((import_wh, export_wh): (u64, u64)) -> Registers {
    Registers { import_wh, export_wh }
}

fn rules(watts: u64, exchanges: &[Exchange]) -> MeterRules {
    let limits = MeterLimits { usual: Power::from_watts(watts).unwrap(), own: BTreeMap::new() };
    MeterRules { limits: Some(limits), exchanges: [(meter(), exchanges.to_vec())].into(), ..MeterRules::default() }
}

fn meter() -> MeterId {
    "bob".parse().unwrap()
}

/// An exchange so many seconds after 12:00.
fn exchange(second: i64, last: (u64, u64), first: (u64, u64)) -> Exchange {
    let at = boundary(0).timestamp() + jiff::SignedDuration::from_secs(second);
    Exchange { at, last: registers(last), first: registers(first) }
}

/// Judges import registers in successive quarter-hours, `None` where the meter is not read. Each reading becomes what it counts,
/// the number of the quarter-hour since when, and the codes of its findings.
fn judged(rules: &MeterRules, reads: &[Option<(u64, u64)>]) -> (Vec<String>, LastRead) {
    let mut lines = Vec::new();
    let mut last: Option<LastRead> = None;
    for (number, read) in (0..).zip(reads) {
        let Some(read) = *read else { continue };
        let now = ReadAt { boundary: boundary(number), registers: registers(read) };
        let Some(before) = last else {
            last = Some(LastRead::good(now));
            continue;
        };
        let Judged { last: after, counted, findings } = rules.judge(&meter(), &before, now);
        let counted = counted.map_or("-".to_owned(), |(since, rise)| {
            let since = (since.seconds() - boundary(0).seconds()) / 900;
            let export = if rise.export_wh > 0 { format!("/{}", rise.export_wh) } else { String::new() };
            format!("{}{export} since {since}", rise.import_wh)
        });
        let codes: Vec<String> = findings.iter().map(|finding| format!(" {}", finding.code())).collect();
        lines.push(format!("{counted}{}", codes.concat()));
        last = Some(after);
    }
    (lines, last.unwrap())
}

#[track_caller]
fn check(watts: u64, exchanges: &[Exchange], reads: &[u64], expected: &[&str]) -> LastRead {
    let reads: Vec<_> = reads.iter().map(|import| Some((*import, 0))).collect();
    let (lines, last) = judged(&rules(watts, exchanges), &reads);
    assert_eq!(lines, expected);
    last
}

const MEGAWATT: u64 = 1_000_000;

#[test]
fn a_reading_that_falls_or_jumps_once_was_a_glitch() {
    let zero = [7_272_000, 7_272_100, 0, 7_272_300, 7_272_400];
    check(MEGAWATT, &[], &zero, &["100 since 0", "- fell", "200 since 1 glitch", "100 since 3"]);
    let most = [1000, 1100, u64::from(u32::MAX), 1300, 1400];
    check(MEGAWATT, &[], &most, &["100 since 0", "- jumped", "200 since 1 glitch", "100 since 3"]);
    // Both in turn, each of which follows neither the good reading nor the other.
    let both = [1000, 1100, 0, u64::from(u32::MAX), 1400, 1500];
    check(MEGAWATT, &[], &both, &["100 since 0", "- fell", "- jumped", "300 since 1 glitch glitch", "100 since 4"]);
    // From small registers, where whatever comes next would also follow the false reading.
    check(MEGAWATT, &[], &[1000, 0, 1200], &["- fell", "200 since 0 glitch"]);
}

#[test]
fn after_a_fall_the_meter_restarts() {
    check(MEGAWATT, &[], &[5000, 3, 13, 20], &["- fell", "10 since 1 restarted", "7 since 2"]);
    // A counter of 32 bits goes over: which of it was energy only an exchange can say.
    let over = [4_294_967_200, 50, 150];
    check(MEGAWATT, &[], &over, &["- fell", "100 since 1 restarted"]);
    // Another false reading comes before the one that decides.
    check(MEGAWATT, &[], &[900_000, 3, 700_000, 23], &["- fell", "- fell", "20 since 1 glitch restarted"]);
    check(MEGAWATT, &[], &[900_000, 700, 3, 23], &["- fell", "- fell", "20 since 2 restarted"]);
}

#[test]
fn after_a_jump_a_person_decides() {
    let reads = [1000, 1100, 4_001_200, 4_001_300, 4_001_400, 4_001_500];
    let last = check(20_000, &[], &reads, &["100 since 0", "- jumped", "-", "-", "-"]);
    let first = boundary(2);
    let restarted = decide(&last, &MeterDecision::Restart { first }, &[]).unwrap();
    assert_eq!((restarted.since, restarted.rise), (first, registers((300, 0))));
    let accepted = decide(&last, &MeterDecision::Accept { first }, &[]).unwrap();
    assert_eq!((accepted.since, accepted.rise), (boundary(1), registers((4_000_400, 0))));
    let now = LastRead::good(ReadAt { boundary: boundary(5), registers: registers((4_001_500, 0)) });
    assert_eq!((restarted.last, accepted.last), (now, now));
    // What was decided about another jump comes to nothing.
    assert_eq!(decide(&last, &MeterDecision::Accept { first: boundary(1) }, &[]), None);
    // If it goes back by itself, it was a long glitch.
    let reads = [1000, 4_001_200, 4_001_300, 1300];
    check(20_000, &[], &reads, &["- jumped", "-", "300 since 0 glitch"]);
    // However long it takes until the power would allow it, it is not taken for energy.
    let reads: Vec<u64> = [1000].into_iter().chain((0..100).map(|step| 300_000 + step)).collect();
    let (lines, _) = judged(&rules(20_000, &[]), &reads.iter().map(|read| Some((*read, 0))).collect::<Vec<_>>());
    assert!(lines[1..].iter().all(|line| line == "-"), "{lines:?}");
}

#[test]
fn what_follows_neither_is_disputed_in_turn() {
    // A false 0 within a jump that stays, and the jump goes on.
    let last =
        check(20_000, &[], &[1000, 4_000_000, 4_000_100, 0, 4_000_300], &["- jumped", "-", "- fell", "- glitch"]);
    let restarted = decide(&last, &MeterDecision::Restart { first: boundary(1) }, &[]).unwrap();
    assert_eq!(restarted.rise, registers((300, 0)));
    // A second jump that stays: what both showed is not lost.
    let reads = [1000, 4_000_000, 4_000_100, 9_000_000, 9_000_050];
    let last = check(20_000, &[], &reads, &["- jumped", "-", "- jumped", "-"]);
    let restarted = decide(&last, &MeterDecision::Restart { first: boundary(3) }, &[]).unwrap();
    assert_eq!(restarted.rise, registers((150, 0)));
    // A person decides while the latest reading follows nothing: that one is disputed from then on.
    let last = check(20_000, &[], &[1000, 4_000_000, 4_000_100, 0], &["- jumped", "-", "- fell"]);
    let accepted = decide(&last, &MeterDecision::Accept { first: boundary(1) }, &[]).unwrap();
    assert_eq!(accepted.rise, registers((3_999_100, 0)));
    assert_eq!(accepted.last.dispute.unwrap().run.first.registers, Registers::ZERO);
}

#[test]
fn both_registers_are_judged_together() {
    let rules = rules(20_000, &[]);
    let lines = |reads: &[(u64, u64)]| judged(&rules, &reads.iter().copied().map(Some).collect::<Vec<_>>()).0;
    // One is wrong while the other counts on.
    assert_eq!(lines(&[(1000, 0), (0, 500), (1200, 900)]), ["- fell", "200/900 since 0 glitch"]);
    // One falls and the other jumps: an exchange of the meter.
    assert_eq!(lines(&[(9000, 10), (3, 80_000), (13, 80_007)]), ["- fell", "10/7 since 1 restarted"]);
    // One jumps back, the other goes on from the jump: nobody knows.
    assert_eq!(lines(&[(0, 0), (90_000, 90_000), (100, 90_100)]), ["- jumped", "- jumped"]);
    let (_, last) = judged(&rules, &[Some((0, 0)), Some((90_000, 7))]);
    let Some(Dispute { run, stray: None }) = last.dispute else { panic!("{last:?}") };
    assert_eq!(run.first.registers, registers((90_000, 7)));
}

#[test]
fn power_allows_just_so_much_for_the_time_between() {
    check(20_000, &[], &[0, 5000, 10_001], &["5000 since 0", "- jumped"]);
    let (lines, _) = judged(&rules(20_000, &[]), &[Some((0, 0)), None, Some((10_000, 0)), None, Some((20_001, 0))]);
    assert_eq!(lines, ["10000 since 0", "- jumped"]);
    // A watt is less than a watt-hour in a quarter-hour.
    check(1, &[], &[0, 1, 3], &["1 since 0", "- jumped"]);
    let own = [(meter(), Power::from_watts(40_000).unwrap())].into();
    let limits = MeterLimits { usual: Power::from_watts(20_000).unwrap(), own };
    let rules = MeterRules { limits: Some(limits), ..MeterRules::default() };
    assert_eq!(judged(&rules, &[Some((0, 0)), Some((10_000, 0))]).0, ["10000 since 0"]);
}

#[test]
fn a_declared_exchange_loses_nothing() {
    let declared = [exchange(930, (90_150, 0), (430, 0))];
    let reads = [90_000, 90_100, 500, 620];
    check(MEGAWATT, &declared, &reads, &["100 since 0", "120 since 1 exchanged", "120 since 2"]);
    // Declared while the fall is disputed.
    let last = check(MEGAWATT, &[], &reads[..3], &["100 since 0", "- fell"]);
    let decision = MeterDecision::Exchange { exchange: declared[0], crossed: None };
    let effect = decide(&last, &decision, &declared).unwrap();
    assert_eq!((effect.since, effect.rise), (boundary(1), registers((120, 0))));
    assert_eq!(effect.last.read().registers, registers((500, 0)));
    // One that is still to come decides nothing.
    let later = MeterDecision::Exchange { exchange: exchange(9000, (1, 1), (1, 1)), crossed: None };
    assert_eq!(decide(&last, &later, &declared), None);
    // Declared after the meter restarted.
    let read = |number, import| ReadAt { boundary: boundary(number), registers: registers((import, 0)) };
    let crossed = Crossed { before: read(1, 90_100), after: read(2, 500), counted: Registers::ZERO };
    let decision = MeterDecision::Exchange { exchange: declared[0], crossed: Some(crossed) };
    let effect = decide(&LastRead::good(read(3, 620)), &decision, &declared).unwrap();
    assert_eq!(
        (effect.since, effect.rise, effect.last),
        (boundary(1), registers((120, 0)), LastRead::good(read(3, 620)))
    );
    let too_much = Crossed { counted: registers((121, 0)), ..crossed };
    assert_eq!(too_much.missing(&declared[0]), None);
    // Two exchanges between two readings, and one that does not fit.
    let twice = [declared[0], exchange(940, (450, 0), (7, 0))];
    check(MEGAWATT, &twice, &[90_000, 90_100, 27], &["100 since 0", "90 since 1 exchanged exchanged"]);
    check(MEGAWATT, &declared, &[90_000, 90_100, 400, 620], &["100 since 0", "- fell", "240 since 1 glitch exchanged"]);
}

#[test]
fn messages_have_both_numbers_and_the_way_out() {
    let last = |exchanges: &[Exchange], reads: &[u64]| {
        let reads: Vec<ReadAt> = (0..)
            .zip(reads)
            .map(|(number, import)| ReadAt { boundary: boundary(number), registers: registers((*import, 0)) })
            .collect();
        let mut last = LastRead::good(reads[0]);
        let mut findings = Vec::new();
        for read in &reads[1..] {
            Judged { last, findings, .. } = rules(20_000, exchanges).judge(&meter(), &last, *read);
        }
        findings.last().unwrap().to_string()
    };
    assert_eq!(
        last(&[], &[7000, 0]),
        "Active import fell from 7000 Wh to 0 Wh; nothing is settled until its next reading decides (if the meter was \
         exchanged: rec-market meter exchange)"
    );
    assert_eq!(
        last(&[], &[7000, 12_001]),
        "Active import jumped from 7000 Wh to 12001 Wh, at most 5000 Wh more are possible since 2024-05-12T12:00:00Z with \
         power_max 20kW; nothing is settled until it is decided (rec-market meter accept, restart or exchange)"
    );
    assert!(
        last(&[], &[7000, 0, 7]).starts_with("it counts from import 0 Wh, export 0 Wh at 2024-05-12T12:15:00Z, after")
    );
    assert!(
        last(&[exchange(930, (9, 0), (0, 0))], &[1, 5, 7])
            .starts_with("exchanged at 2024-05-12T12:15:30Z: the old meter ended at import 9 Wh")
    );
}

/// How a meter's registers move, and what it shows instead, if anything.
type Step = ((u64, u64), Option<(u64, u64)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_register = || prop_oneof![Just(0), Just(u64::from(u32::MAX)), 0..2_000_000_u64];
    let shown = proptest::option::weighted(0.3, (any_register(), any_register()));
    proptest::collection::vec(((0..5000_u64, 0..5000_u64), shown), 1..40)
}

proptest! {
    /// Whatever a meter shows now and then, if it is right in between, it is settled what its registers moved by.
    #[test]
    fn prop_single_false_readings_lose_nothing(steps in steps()) {
        let rules = rules(20_000, &[]);
        let mut register = (1_000_000_u64, 500_000_u64);
        let mut last = LastRead::good(ReadAt { boundary: boundary(0), registers: registers(register) });
        let (first, mut settled, mut was_false) = (register, (0, 0), true);
        for (number, ((import, export), shown)) in (1..).zip(steps) {
            register = (register.0 + import, register.1 + export);
            // One false reading at a time, and a false one is one that does not follow the last. One so little above the meter
            // that its next reading may reach it is not told from a true one: that is a person's to decide.
            let is_told = |shown: u64, true_wh: u64| shown <= true_wh || shown > true_wh + 5000;
            let shown = shown.filter(|shown| is_told(shown.0, register.0) && is_told(shown.1, register.1));
            let shown = shown.filter(|_| !was_false);
            let now = ReadAt { boundary: boundary(number), registers: registers(shown.unwrap_or(register)) };
            let judged = rules.judge(&meter(), &last, now);
            let follows = judged.counted.is_some();
            if shown.is_some() && follows {
                // It could be true, so that nobody can tell.
                was_false = true;
                continue;
            }
            was_false = shown.is_some();
            prop_assert!(was_false || follows, "{last:?} {now:?}");
            if let Some((_, rise)) = judged.counted {
                settled = (settled.0 + rise.import_wh, settled.1 + rise.export_wh);
            }
            last = judged.last;
        }
        let good = last.read().registers;
        prop_assert_eq!(settled, (good.import_wh - first.0, good.export_wh - first.1));
    }

    /// Nothing is ever settled that is more than the power allows, whatever the meter shows, and nothing overflows.
    #[test]
    fn prop_no_more_is_settled_than_power_allows(
        reads in proptest::collection::vec(prop_oneof![0..20_000_u64, any::<u64>()], 2..60)
    ) {
        let rules = rules(20_000, &[]);
        let mut last = LastRead::good(ReadAt { boundary: boundary(0), registers: registers((reads[0], reads[0])) });
        for (number, read) in (1..).zip(&reads[1..]) {
            let now = ReadAt { boundary: boundary(number), registers: registers((*read, 0)) };
            let judged = rules.judge(&meter(), &last, now);
            if let Some((since, rise)) = judged.counted {
                let seconds = now.boundary.seconds() - since.seconds();
                prop_assert!(u128::from(rise.import_wh) <= Power::from_watts(20_000).unwrap().energy_in(seconds));
                prop_assert_eq!(judged.last, LastRead::good(now));
            } else {
                prop_assert_eq!(judged.last.read(), last.read());
                prop_assert_eq!(judged.last.latest(), now);
            }
            for decision in [MeterDecision::Accept { first: now.boundary }, MeterDecision::Restart { first: now.boundary }] {
                decide(&judged.last, &decision, &[]);
            }
            last = judged.last;
        }
    }
}
