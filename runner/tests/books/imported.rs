//! Communities whose readings are in the store: from files, in whatever order these come.

use std::time::Duration;

use testkit::*;

fn market() -> Market {
    Market::new(&community("aveiro", "store", ""))
}

/// A table of quarter-hours from 12:00 on: what `a` feeds in and `b` draws, in Wh; a dash is missing.
fn table(from: u32, quarters: &[(&str, &str)]) -> String {
    let kwh = |wh: &str| if wh == "-" { String::new() } else { format!("{wh}e-3") };
    let row = |(number, (a, b)): (u32, &(&str, &str))| {
        let minutes = 720 + number * 15;
        format!("2023-09-01T{:02}:{:02}:00Z,{},{}\n", minutes / 60, minutes % 60, kwh(a), kwh(b))
    };
    let rows: String = (from..).zip(quarters).map(row).collect();
    format!("time,a:export,b:import\n{rows}")
}

#[track_caller]
fn import(market: &Market, file: &str, content: &str, more: &[&str]) -> Ran {
    market.file(file, content);
    market.run(&[&["readings", "import", file, "--step", "15m"], more].concat())
}

#[test]
fn what_is_imported_is_settled_audited_and_replayed_like_any_readings() {
    let market = market();
    let imported = import(&market, "one", &table(0, &[("100", "30"), ("50", "80.5"), ("0", "0.5")]), &[]).ends_with(0);
    assert_eq!(imported.out, "2 meters: 6 new values, 0 were there already, 0 rows left out\n");
    let expected = [
        "12:00 a > b 30 at 96200, Created",
        "12:00 a > grid 70 at 30000",
        "12:15 a > b 50 at 96200, Created",
        // 80.5 and 0.5 Wh: only sums are rounded.
        "12:15 grid > b 31 at 162400",
    ];
    assert_eq!(market.books(), expected);
    market.run(&["replay", "--interval", &date("12:15")]).ends_with(0);
    let again = import(&market, "two", &table(1, &[("50", "80.5"), ("0", "0.5"), ("9", "4")]), &[]).ends_with(0);
    assert_eq!(again.out, "2 meters: 2 new values, 4 were there already, 0 rows left out\n");
    assert_eq!(market.books()[4..], ["12:45 a > b 4 at 96200, Created", "12:45 a > grid 5 at 30000"]);
}

#[test]
fn the_order_of_files_makes_no_difference() {
    let quarters = [("100", "30.4"), ("50", "80.4"), ("7", "0.4"), ("20", "20.4")];
    let books = |order: [u32; 4]| {
        let market = market();
        for number in order {
            let quarter = quarters[usize::try_from(number).unwrap()];
            import(&market, "file", &table(number, &[quarter]), &[]).ends_with(0);
        }
        market.books()
    };
    let expected = books([0, 1, 2, 3]);
    assert_eq!(expected.len(), 7);
    assert_eq!(books([3, 1, 0, 2]), expected);
    assert_eq!(books([2, 3, 1, 0]), expected);
}

#[test]
fn a_missing_quarter_hour_is_an_event_and_its_value_is_traded_with_the_grid_when_it_comes() {
    let market = market();
    import(&market, "one", &table(0, &[("100", "30"), ("100", "-"), ("100", "50")]), &[]).ends_with(0);
    let before = [
        "12:00 a > b 30 at 96200, Created",
        "12:00 a > grid 70 at 30000",
        "12:15 a > grid 100 at 30000",
        // As usual.
        "12:30 a > b 50 at 96200, Created",
        "12:30 a > grid 50 at 30000",
    ];
    assert_eq!(market.books(), before);
    let missing = "12:15 b missing: its energy since 2023-09-01T12:15:00Z is not known; not settled (what comes later is \
        settled with the grid)";
    assert_eq!(market.events(), [missing]);
    import(&market, "late", &table(1, &[("100", "40")]), &[]).ends_with(0);
    let books = market.books();
    let late = "12:30 grid > b 40 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)";
    assert_eq!(books.iter().filter(|line| !before.contains(&line.as_str())).collect::<Vec<_>>(), [late]);
    assert_eq!(market.books(), books);
    assert!(market.events().iter().any(|event| event.contains("b late: what was missing since 2023-09-01T12:15:00Z")));
    market.run(&["replay", "--interval", &date("12:30")]).ends_with(0);
    // It goes on as if nothing had been.
    import(&market, "more", &table(3, &[("10", "4")]), &[]).ends_with(0);
    assert_eq!(market.books()[6..], ["12:45 a > b 4 at 96200, Created", "12:45 a > grid 6 at 30000"]);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn an_hour_of_which_a_quarter_is_missing_is_missing() {
    let market = Market::new(&community("aveiro", "store", "interval = \"1h\"\n"));
    let quarters = [("1", "1"), ("1", "-"), ("1", "1"), ("1", "1"), ("1", "1"), ("1", "1"), ("1", "1"), ("1", "1")];
    import(&market, "one", &table(0, &quarters), &[]).ends_with(0);
    let expected = [
        "12:00 a > grid 4 at 30000",
        // What is known of it is not lost.
        "12:00 grid > b 3 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)",
        "13:00 a > b 4 at 96200, Created",
    ];
    assert_eq!(market.books(), expected);
    assert!(market.events()[0].starts_with("12:00 b missing: its energy since 2023-09-01T12:00:00Z"));
}

#[test]
fn a_meter_whose_file_comes_after_all_was_settled_is_traded_with_the_grid() {
    let market = market();
    import(&market, "one", &table(0, &[("100", "30"), ("100", "20")]), &[]).ends_with(0);
    market.books();
    let file = "time,c:import\n2023-09-01T12:00:00Z,0.007\n2023-09-01T12:15:00Z,0.005\n";
    import(&market, "c", file, &[]).ends_with(0);
    let late = "12:15 grid > c 12 at 162400 (Start timestamp: 2023-09-01T12:00:00Z)";
    assert!(market.books().iter().any(|line| line == late), "{:?}", market.trades());
    import(&market, "more", &table(2, &[("10", "4")]), &[]).ends_with(0);
    import(&market, "c2", "time,c:import\n2023-09-01T12:30:00Z,0.006\n", &[]).ends_with(0);
    assert_eq!(market.books().len(), 7);
}

#[test]
fn a_value_that_contradicts_is_refused_with_both_and_nothing_is_kept() {
    let market = market();
    import(&market, "one", &table(0, &[("100", "30")]), &[]).ends_with(0);
    let both = ["meter b has import 0.030 kWh at 2023-09-01T12:00:00Z, and import 0.031 kWh contradicts it"];
    import(&market, "two", &table(0, &[("100", "31"), ("1", "2")]), &[]).refused(1, &both);
    assert_eq!(market.query::<i64>("SELECT count(*) FROM meter_day"), 2);
    let again = import(&market, "one", &table(0, &[("100", "30")]), &[]).ends_with(0);
    assert_eq!(again.out, "2 meters: 0 new values, 2 were there already, 0 rows left out\n");
    Market::new(&community("aveiro", "http://localhost:1", ""))
        .run(&["readings", "import", "x"])
        .refused(2, &["no community takes its readings from the store"]);
}

#[test]
fn rows_that_are_left_out_are_events() {
    let market = market();
    let bad = table(0, &[("100", "30"), ("x", "1"), ("1", "2")]);
    import(&market, "one.csv", &bad, &[]).refused(1, &["one.csv: row 3"]);
    assert!(!market.path("market.db").exists());
    import(&market, "one.csv", &bad, &["--skip-bad"]).ends_with(0);
    let events = market.json(&["events", "--json", "--code", "skipped-row"]);
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["subject"], &events[0]["start"]), (&"one.csv".into(), &serde_json::Value::Null));
    assert!(events[0]["message"].as_str().unwrap().starts_with("left out: row 3 (2023-09-01T12:15:00Z;xe-3;1e-3)"));
    // Nobody waits for a file.
    market.books();
    assert_eq!(market.json(&["events", "--json"]).len(), 3);
}

#[test]
fn an_import_that_is_killed_leaves_nothing_or_everything() {
    let rows: String = (0..96 * 20)
        .map(|number| {
            let at = jiff::Timestamp::from_second(1_693_526_400 + number * 900).unwrap();
            format!("{at}{}\n", ",0.1".repeat(20))
        })
        .collect();
    let meters: String = (0..20).map(|meter| format!(",m{meter}:import")).collect();
    let market = market();
    market.file("large", format!("time{meters}\n{rows}"));
    market.run(&["settle"]).ends_with(0);
    let mut outcomes = Vec::new();
    for attempt in 0..12_u64 {
        let mut child = market.command(&["readings", "import", "large"]).spawn().unwrap();
        let wait = Duration::from_millis(15 * attempt);
        // Not a wait for something: the moment is what is tried.
        std::thread::park_timeout(wait);
        let _ = child.kill();
        child.wait().unwrap();
        outcomes.push(market.query::<i64>("SELECT count(*) FROM meter_day"));
    }
    assert!(outcomes.iter().all(|days| [0, 400].contains(days)), "{outcomes:?}");
    let done = market.run(&["readings", "import", "large"]).ends_with(0).out;
    let all = [38_400_u64, 0].map(|new| format!("20 meters: {} new values", if new > 0 { "38 400" } else { "0" }));
    assert!(all.iter().any(|line| done.replace('\u{202f}', " ").starts_with(line.as_str())), "{done}");
    assert_eq!(market.query::<i64>("SELECT count(*) FROM meter_day"), 400);
}
