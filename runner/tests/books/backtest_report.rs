//! The report of a backtest: one file that needs nothing else, with everything that it must say.

use jiff::Timestamp;
use testkit::*;

/// Two meters over the night in which Brussels puts its clocks back, or forward.
fn night(from: &str, hours: i64) -> String {
    let from: Timestamp = from.parse().unwrap();
    let mut text = "meter,timestamp,import_wh,export_wh\n".to_owned();
    for quarter in 0..=hours * 4 {
        let at = from + jiff::SignedDuration::from_mins(15 * quarter);
        text.push_str(&format!("a,{at},0,{}\nb,{at},{},0\n", quarter * 10, quarter * 7));
    }
    text
}

fn report(folder: &Folder, rules: &[&str]) -> String {
    let arguments = ["backtest", "--readings", "r.csv", "--zone", "Europe/Brussels", "--report", "r.html", "--with"];
    folder.run(&[&arguments[..], rules].concat()).done().shows(&["The report is in r.html"]);
    folder.text("r.html")
}

#[test]
fn it_opens_offline_runs_nothing_and_has_every_number_as_text() {
    let folder = Folder::new();
    folder.file("r.csv", night("2024-05-01T00:00:00Z", 24 * 40));
    let page = report(&folder, &["mid-market-rate", "muda", "public-grid"]);
    for foreign in ["<script", "http:", "https:", "@import", "src=", "style=", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let plots = page.matches("<svg class=\"plot\"").count();
    assert!(plots >= 4, "{plots}");
    for each in ["role=\"img\"><title>", "<desc>", "<summary>The numbers</summary>"] {
        assert_eq!(page.matches(each).count(), plots, "{each}");
    }
    for text in [
        "What is assumed",
        "Members do not react to prices",
        "How much of the data counts",
        "The rules beside each other",
        "mid-market-rate (baseline)",
        "What it means for each member",
        "Month by month",
        "2024-05",
        "2024-06",
        "months with the sign of the whole",
        "When energy is shared",
        "At which prices",
        "How evenly what is saved is shared",
        "How to repeat this",
        "rec-market backtest --readings r.csv --zone Europe/Brussels --report r.html --with mid-market-rate muda public-grid",
    ] {
        assert!(page.contains(text), "{text}");
    }
    // Every algorithm is named by its digest.
    let digests = page.matches("<code>").count();
    assert!(digests >= 4, "{digests}");
    // Each heading with a formula leads to it.
    for id in ["shared", "cover", "use", "saved", "gini", "jain"] {
        assert!(page.contains(&format!("href=\"#f-{id}\"")) && page.contains(&format!("id=\"f-{id}\"")), "{id}");
    }
    // The same again, byte for byte.
    assert_eq!(report(&folder, &["mid-market-rate", "muda", "public-grid"]), page);
}

#[test]
fn a_day_of_25_hours_has_an_hour_in_two_and_one_of_23_an_hour_less() {
    let folder = Folder::new();
    // 7 Wh are shared in each quarter-hour; this day has a hundred of them.
    folder.file("r.csv", night("2024-10-26T22:00:00Z", 25));
    let back = report(&folder, &["uniform"]);
    assert!(back.contains("<td>0.028 and 0.028</td>"));
    assert_eq!(back.matches("<td>0.028</td>").count(), 23);
    folder.file("r.csv", night("2024-03-30T23:00:00Z", 23));
    let forward = report(&folder, &["uniform"]);
    assert_eq!((forward.matches("<td>0.028</td>").count(), forward.matches("<td>0.028 and").count()), (23, 0));
    assert!(forward.contains("<td>0.028</td><td>–</td><td>0.028</td>"));
}

#[test]
fn names_from_outside_are_only_text() {
    let folder = Folder::new();
    let rows = "meter,timestamp,import_wh,export_wh
<b>x</b>,2024-05-01T00:00:00Z,0,0\n<b>x</b>,2024-05-01T00:15:00Z,0,100
\"\"\"&amp;'\",2024-05-01T00:00:00Z,0,0\n\"\"\"&amp;'\",2024-05-01T00:15:00Z,100,0\n";
    folder.file("r.csv", rows);
    let page = report(&folder, &["uniform", "muda"]);
    assert!(!page.contains("<b>x") && page.contains("&lt;b&gt;x&lt;/b&gt;") && page.contains("&amp;amp;"));
}

#[test]
fn it_speaks_the_language_that_is_asked_for() {
    let folder = Folder::new();
    folder.file("r.csv", night("2024-05-01T00:00:00Z", 24));
    let arguments = ["backtest", "--readings", "r.csv", "--report", "r.html", "--with", "uniform", "muda", "--lang"];
    for (code, title, says) in [
        ("de", "Andere Regeln für community", "Wie gleichmäßig das Gesparte verteilt ist"),
        ("pt", "Outras regras para community", "Com que equidade se reparte o que se poupa"),
        ("fr", "D’autres règles pour community", "Avec quelle équité l’économie est répartie"),
        ("nl", "Andere regels voor community", "Hoe gelijk de besparing is verdeeld"),
        ("es", "Otras reglas para community", "Con qué equidad se reparte lo ahorrado"),
    ] {
        folder.run(&[&arguments[..], &[code]].concat()).done();
        let page = folder.text("r.html");
        for text in [format!("<html lang=\"{code}\">"), format!("<h1>{title}</h1>"), says.to_owned()] {
            assert!(page.contains(&text), "{code}: {text}");
        }
    }
    folder.run(&[&arguments[..], &["ja"]].concat()).misused(&["expected en, pt, de, fr, nl or es"]);
}
