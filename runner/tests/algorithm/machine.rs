//! What depends on the machine, and what must not.

use rec_market_tests::guests;
use serde_json::{Value, json};
use testkit::{Folder, Ran};

use crate::rounds::{guests_round, three_members};

/// Too little for reserved slots, and enough for everything else. In KiB.
const NO_RESERVE: u64 = 100 << 20;
/// Too little for a single memory.
const NO_ROOM: u64 = 3 << 20;

/// The object of a run on a machine with so much address space, without its duration.
fn within(folder: &Folder, address_space: Option<u64>, algorithm: &str, round: &Value) -> Value {
    folder.file("round.json", round.to_string());
    let arguments = ["algorithm", "run", algorithm, "--round", "round.json", "--json"];
    let command = match address_space {
        Some(address_space) => folder.command_within(address_space, &arguments),
        None => folder.command(&arguments),
    };
    let mut object = Ran::of(command).json();
    assert!(object["duration_us"].take().is_u64());
    object
}

#[test]
fn a_small_address_space_changes_no_result_and_no_limit() {
    let folder = Folder::new();
    let table = folder.file("table.wasm", guests::TABLE_BEYOND_SLOT).to_owned();
    let bomb = folder.file("bomb.wasm", guests::TABLE_BOMB).to_owned();
    for (algorithm, round) in [("uniform", three_members()), (&table, guests_round()), (&bomb, guests_round())] {
        let usual = within(&folder, None, algorithm, &round);
        assert_eq!(within(&folder, Some(NO_RESERVE), algorithm, &round), usual, "{algorithm}");
        assert!(usual["fuel"].as_u64() > Some(0), "{usual}");
    }
}

#[test]
fn a_machine_without_room_is_away_and_no_algorithm_has_failed() {
    let folder = Folder::new();
    folder.file("round.json", three_members().to_string());
    let run = ["algorithm", "run", "uniform", "--round", "round.json"];
    let says = ["the machine cannot run the algorithm", "says nothing about the algorithm"];
    Ran::of(folder.command_within(NO_ROOM, &run)).refused(3, &says);
    Ran::of(folder.command_within(NO_ROOM, &["algorithm", "check", "uniform"])).refused(3, &says);
}

#[test]
fn strings_between_inner_components_are_refused_with_a_way_out() {
    let folder = Folder::new();
    let guest = folder.file("strings.wasm", guests::STRINGS_BETWEEN_COMPONENTS).to_owned();
    let report = folder.run(&["algorithm", "check", &guest, "--json"]).json();
    let checks = report["checks"].as_array().unwrap();
    let strings = checks.iter().find(|check| check["name"] == "strings").unwrap_or_else(|| panic!("{report}"));
    assert_eq!(strings["verdict"], json!("failed"), "{strings}");
    let detail = strings["detail"].as_str().unwrap();
    assert!(detail.contains("no fuel measures") && detail.contains("link its modules into one component"), "{detail}");
    folder.try_on(&guest, &guests_round(), &[]).refused(2, &["passes strings from one of its inner components"]);
}
