//! The command `events`.

use testkit::*;

/// A gap, a fall, a row that is no reading, and a meter that nobody saw.
fn eventful() -> ([Meters; 2], Market) {
    let mut rows = readings(&[
        "a 12:00 0 0",
        "a 12:15 10 0",
        "a 12:30 5 0",
        "a 12:45 5 0",
        "=b 12:00 0 0",
        "=b 12:30 40 0",
        "=b 12:45 50 0",
    ]);
    rows.push(row("c", "Active import", "much", &date("12:30")));
    let meters = [Meters::telling_rows(rows.clone()), Meters::telling_rows(rows)];
    let [aveiro, beja] = meters.each_ref().map(Meters::address);
    let two = [community("aveiro", aveiro, "[community.members.ghost]"), community("beja", beja, "")];
    let market = Market::new(&two.concat());
    market.settle().ends_with(0);
    (meters, market)
}

/// `community start subject code` of each event.
fn listed(market: &Market, more: &[&str]) -> Vec<String> {
    let text = |event: &serde_json::Value| {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let start = short(&text("start"));
        assert!(!text("message").is_empty());
        assert_eq!(event.as_object().unwrap().len(), 5, "{event}");
        format!("{} {start} {} {}", text("community"), text("subject"), text("code"))
    };
    market.json(&[&["events", "--json"], more].concat()).iter().map(text).collect()
}

#[test]
fn events_of_all_communities_are_listed_oldest_first_and_found() {
    let (_meters, market) = eventful();
    let (fell, restarted) = ("12:15 a fell", "12:30 a restarted");
    let all = [
        "aveiro 12:15 c unreadable".to_owned(),
        format!("aveiro {fell}"),
        "aveiro 12:15 =b gap".to_owned(),
        "beja 12:15 c unreadable".to_owned(),
        format!("beja {fell}"),
        "beja 12:15 =b gap".to_owned(),
        format!("aveiro {restarted}"),
        "aveiro 12:30 ghost never-read".to_owned(),
        format!("beja {restarted}"),
    ];
    let mut found = listed(&market, &[]);
    assert_eq!(found.last(), all.last());
    found.sort();
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(found, sorted);
    assert_eq!(listed(&market, &["--community", "beja", "--code", "gap"]), ["beja 12:15 =b gap"]);
    let of_a = [fell, restarted].map(|event| [format!("aveiro {event}"), format!("beja {event}")]);
    assert_eq!(listed(&market, &["--meter", "a"]), of_a.concat());
    assert_eq!(listed(&market, &["--from", "2023-09-01T12:16:00Z"]), all[6..]);
    assert_eq!(listed(&market, &["--to", "2023-09-01T12:15:00Z"]), [""; 0]);
    assert_eq!(listed(&market, &["--from", "2023-09-01T12:15:00Z", "--to", "2023-09-01T12:30:00Z"]).len(), 6);
    market.run(&["events", "--community", "nowhere"]).ends_with(2).says("aveiro, beja");
    market.run(&["events", "--code", "gaps"]).refused(2, &["\"gaps\"", "gap, too-large, ", "never-read"]);
    market.run(&["events", "--from", "2023-09-02", "--to", "2023-09-01"]).ends_with(2).says("swap them");
}

#[test]
fn events_are_a_table_for_people_and_cells_for_spreadsheets() {
    let (_meters, market) = eventful();
    let table = market.run(&["events", "--community", "aveiro"]).done();
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines.len(), 7, "{}", table.out);
    let line = |cells: [&str; 5]| {
        let [time, community, code, subject, message] = cells;
        format!("{time:<20}  {community:<14}  {code:<14}  {subject:<18}  {message}")
    };
    assert_eq!(lines[0], line(["time", "community", "code", "subject", "message"]));
    let gap = line(["2023-09-01T12:15:00Z", "aveiro", "gap", "=b", "not read since "]);
    assert!(lines.iter().any(|line| line.starts_with(&gap)), "{}", table.out);
    assert_eq!(lines[6], "5 events");
    let csv = market.run(&["events", "--csv", "--community", "aveiro", "--code", "gap"]).done();
    let mut lines = csv.out.lines();
    assert_eq!(lines.next(), Some("community,start,code,subject,message"));
    assert!(lines.next().unwrap().starts_with("aveiro,2023-09-01T12:15:00Z,gap,'=b,not read since "), "{}", csv.out);
    market.run(&["events", "--csv", "--json"]).misused(&["--json"]);
    let help = market.run(&["events", "--help"]).done();
    help.shows(&["oldest first", "off-boundary", "--meter <ID>"]);
}

#[test]
fn more_events_than_a_page_are_listed() {
    let row = |number: usize| row("c", "Active import", &format!("v{number}"), &date("12:15"));
    let rows = readings(&["a 12:00 0 0", "a 12:15 10 0", "a 12:30 10 0", "a 12:45 10 0"]);
    let other = |number: usize| testkit::row("d", "Active import", &format!("v{number}"), &date("12:30"));
    let meters = Meters::telling_rows([rows, (0..900).map(row).collect(), (0..900).map(other).collect()].concat());
    let market = Market::of(&meters);
    market.settle().ends_with(0);
    let messages = market.json(&["events", "--json", "--code", "unreadable"]);
    let distinct: std::collections::BTreeSet<&str> =
        messages.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!((messages.len(), distinct.len()), (1800, 1800));
    assert_eq!(market.json(&["events", "--json", "--meter", "d"]).len(), 900);
}
