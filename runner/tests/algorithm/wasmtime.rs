//! What `--print-wasmtime` prints, a shell and the real wasmtime CLI run: with the same trades.

use std::path::Path;
use std::process::Command;

use rec_market_tests::guests;
use serde_json::{Value, json};
use testkit::{Folder, Ran, run_in_shell};

use crate::rounds::{base_component, base_names, guests_round, round, three_members};

/// Members whose names a shell or the text form of values could misunderstand, on terms of every kind.
fn odd_round() -> Value {
    let mut round = round(&[
        ("it's $(touch owned) `touch owned`", 1200, 0),
        ("double \"quotes\" and \\ back\\\\slashes \\n \\u{41}", 0, 500),
        ("ünï😀\u{301}", 0, 90_000),
        ("{a: b}, [c] (d) # ; & | > < * ? ~ ! %s", 800, 30),
        ("-flag", 0, 7),
        ("'", 0, 0),
        ("narrow\u{202f}space", u64::MAX, 1),
    ]);
    round["community"] = json!("com\tmu\nnity\u{1b}[31m \"'\\");
    round["retail"] = json!(-5);
    round["feed_in"] = json!(i64::MIN);
    round["seed"] = json!(u64::MAX);
    round["price_floor"] = json!(-70_000);
    round["price_ceiling"] = json!(90_000);
    for (index, (offer, bid)) in [(-60_000, 0), (0, 80_000), (10, -20), (7, 8), (0, i64::MAX)].into_iter().enumerate() {
        round["positions"][index]["offer"] = json!(offer);
        round["positions"][index]["bid"] = json!(bid);
        round["positions"][index]["share"] = json!(u32::MAX);
    }
    round
}

/// What the CLI prints for the trades, or the error, of our own `--json`.
fn as_the_cli_prints(object: &Value, round: &Value) -> String {
    if object["status"] == "failed" && object["error"]["kind"] == "algorithm" {
        return format!("err({})\n", object["error"]["message"]);
    }
    let mut members: Vec<&str> =
        round["positions"].as_array().unwrap().iter().map(|position| position["member"].as_str().unwrap()).collect();
    members.sort_unstable();
    let party = |party: &Value| match party.as_str().unwrap() {
        party @ ("grid" | "operator") => party.to_owned(),
        name => format!("member({})", members.binary_search(&name).unwrap()),
    };
    let trade = |trade: &Value| {
        let (seller, buyer) = (party(&trade["seller"]), party(&trade["buyer"]));
        format!("{{seller: {seller}, buyer: {buyer}, energy: {}, price: {}}}", trade["energy"], trade["price"])
    };
    let trades: Vec<String> = object["trades"].as_array().unwrap().iter().map(trade).collect();
    format!("ok([{}])\n", trades.join(", "))
}

/// The printed command brings the same trades as we do.
fn agrees(folder: &Folder, algorithm: &str, round: &Value) {
    let ours = folder.try_on(algorithm, round, &["--json"]);
    let printed = folder.try_on(algorithm, round, &["--print-wasmtime"]).done().out;
    let theirs = run_in_shell(&printed, &folder.path(""));
    assert_eq!((theirs.code, theirs.err.as_str()), (0, ""), "{algorithm}: {printed}");
    assert_eq!(theirs.out, as_the_cli_prints(&ours.json(), round), "{algorithm}: {printed}");
    assert!(!folder.path("owned").exists(), "the shell ran a member's name: {printed}");
}

#[needs::wasmtime]
#[test]
fn every_base_algorithm_answers_the_same_under_the_plain_cli() {
    // Side by side: the plain CLI compiles each component anew.
    std::thread::scope(|scope| {
        for round in [three_members(), odd_round()] {
            scope.spawn(move || {
                let folder = Folder::new();
                base_names().for_each(|name| agrees(&folder, name, &round));
            });
        }
    });
}

#[needs::wasmtime]
#[test]
fn a_file_is_named_as_it_was_given() {
    let folder = Folder::new();
    let file = folder.file("my own $(algorithm)'s.wasm", base_component("uniform"));
    let printed = folder.try_on(file, &three_members(), &["--print-wasmtime"]).done().out;
    assert!(printed.ends_with(" 'my own $(algorithm)'\\''s.wasm'\n"), "{printed}");
    agrees(&folder, file, &three_members());
}

#[needs::wasmtime]
#[test]
fn settings_are_part_of_the_command() {
    let folder = Folder::new();
    let mut round = three_members();
    round["settings"] = json!({"price": "-12345"});
    agrees(&folder, "static", &round);
    assert_eq!(folder.json_of("static", &round, &[])["trades"][0]["price"], -12_345);

    round["settings"] = json!({"price": "a \"b\""});
    let refusal = folder.json_of("static", &round, &[])["error"]["message"].as_str().unwrap().to_owned();
    let printed = folder.try_on("static", &round, &["--print-wasmtime"]).done().out;
    let theirs = run_in_shell(&printed, &folder.path(""));
    assert!(
        theirs.out.starts_with("err(\"setting price is ") && refusal.starts_with("setting price is "),
        "{theirs:?}"
    );
}

#[needs::wasmtime]
#[test]
fn a_component_that_imports_wasi_gets_it_there_too() {
    let folder = Folder::new();
    let file = folder.file("prints.wasm", guests::PRINTS);
    let printed = folder.try_on(file, &guests_round(), &["--print-wasmtime"]).done().out;
    let theirs = run_in_shell(&printed, &folder.path(""));
    let ours = folder.json_of(file, &guests_round(), &[]);
    assert_eq!(theirs.code, 0, "{theirs:?}");
    assert_eq!(theirs.out, format!("one\n{}", as_the_cli_prints(&ours, &guests_round())));
    assert_eq!(theirs.err, "two\n");
}

#[needs::wasmtime]
#[test]
fn the_limits_are_part_of_the_command() {
    let folder = Folder::new();
    let little = folder.try_on("uniform", &three_members(), &["--print-wasmtime", "--fuel", "100"]).done().out;
    let theirs = run_in_shell(&little, &folder.path(""));
    assert!(theirs.code != 0 && theirs.err.contains("fuel"), "{theirs:?}");
    let loops = folder.file("loop.wasm", guests::ENDLESS_LOOP);
    let fuel = u64::MAX.to_string();
    let limits = ["--print-wasmtime", "--fuel", &fuel, "--time", "50ms"];
    let theirs = run_in_shell(&folder.try_on(loops, &guests_round(), &limits).done().out, &folder.path(""));
    assert!(theirs.code != 0 && theirs.err.contains("interrupt"), "{theirs:?}");
}

#[test]
fn rounds_are_printed_one_command_a_line() {
    let folder = Folder::new();
    let lines = [three_members(), odd_round(), three_members()].map(|round| round.to_string()).join("\n");
    let printed = folder.pipe(&["algorithm", "run", "uniform", "--rounds", "-", "--print-wasmtime"], lines).done().out;
    assert_eq!(printed.lines().filter(|line| line.starts_with("wasmtime run -W fuel=")).count(), 3);
    assert_eq!(printed.lines().count(), 3, "what a name holds stays on its line: {printed}");
}

#[test]
fn without_a_home_the_component_is_written_where_nobody_else_writes() {
    let folder = Folder::with_environment([("NO_COLOR", "1")]);
    let printed = folder.try_on("uniform", &three_members(), &["--print-wasmtime"]).done().out;
    let file = Path::new(printed.trim_end().rsplit(' ').next().unwrap());
    assert_eq!(std::fs::read(file).unwrap(), base_component("uniform"));
    use std::os::unix::fs::PermissionsExt;
    let directory = file.parent().unwrap();
    assert_eq!(std::fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_command_that_no_shell_takes_is_printed_with_a_warning() {
    let folder = Folder::new();
    let names: Vec<String> = (0..1500).map(|number| format!("member-{number}")).collect();
    let members: Vec<(&str, u64, u64)> = names.iter().map(|name| (name.as_str(), 1, 0)).collect();
    let answer = folder.try_on("uniform", &round(&members), &["--print-wasmtime"]);
    assert_eq!((answer.code, answer.out.lines().count()), (0, 1));
    assert!(answer.err.contains(" WARN ") && answer.err.contains("128 KiB"), "{}", answer.err);
    // The warning is true: the shell itself is there, but the word does not reach any program.
    let script = folder.path("command.sh");
    std::fs::write(&script, answer.out.replacen("wasmtime", "/bin/true", 1)).unwrap();
    let mut command = Command::new("/bin/sh");
    command.arg(script);
    let refused = Ran::of(command);
    assert!(refused.code == 126 && refused.err.contains("rgument list too long"), "{refused:?}");
}
