//! `algorithm list --base`: what is part of the program.

use serde_json::json;
use testkit::Folder;

use crate::rounds::base_names;

#[test]
fn the_algorithms_of_the_program_are_listed_without_a_service() {
    let folder = Folder::new();
    let listed = folder.run(&["algorithm", "list", "--base", "--json"]).done().json();
    let algorithms = listed["algorithms"].as_array().unwrap();
    let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm["name"].as_str().unwrap()).collect();
    assert_eq!(names, base_names().collect::<Vec<_>>());
    let auction = algorithms.iter().find(|algorithm| algorithm["name"] == "k-double-auction").unwrap();
    assert_eq!((&auction["settings"][0]["key"], &auction["settings"][0]["default"]), (&json!("k"), &json!("500000")));
    let text = folder.run(&["algorithm", "list", "--base"]).done().out;
    assert!(text.contains("muda 0.1.0\n") && text.contains("  setting price = \"mid\": "), "{text}");
}

#[test]
fn a_list_is_of_a_service_or_of_the_program() {
    let folder = Folder::new();
    for wrong in [&["algorithm", "list"][..], &["algorithm", "list", "--base", "--server", "https://127.0.0.1:1"]] {
        let refused = folder.run(wrong);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("--server"), "{refused:?}");
    }
}
