//! Who has which meter when, and everything that is in two places at once.

use super::*;

/// The problems of a file with these communities.
#[track_caller]
fn told(text: &str, expected: &[&str]) {
    let found = match read(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    };
    let matches = found.iter().zip(expected).all(|(found, start)| found.starts_with(start));
    assert!(found.len() == expected.len() && matches, "{text}\n{found:#?}");
}

#[test]
fn a_meter_may_have_several_members_in_turn_but_never_two_at_once() {
    let two = |anna: &str, ben: &str| {
        format!(
            "[[community]]\nname = \"a\"\nzone = \"Europe/Brussels\"\n[community.members.anna]\nmeters = [\"m1\"]\n{anna}
[community.members.ben]\nmeters = [\"m1\", \"m2\"]\n{ben}\n"
        )
    };
    told(&two("until = \"2024-05-13\"", "from = \"2024-05-13\""), &[]);
    told(&two("until = 2024-05-13", "from = 2024-06-01"), &[]);
    let both = "line 7: meter m1 belongs to both anna and ben";
    told(&two("", ""), &[&format!("{both} (a meter has one member at a time")]);
    let from = format!("{both} from 2024-05-13 (");
    told(&two("", "from = \"2024-05-13\""), &[&from]);
    let from = format!("{both} from 2024-05-12 until 2024-05-13 (");
    told(&two("until = \"2024-05-13\"", "from = \"2024-05-12\""), &[&from]);
}

#[test]
fn meters_may_change_with_a_member_and_that_counts_too() {
    let text = "[[community]]\nname = \"a\"\n[community.members.anna]\nmeters = [\"m1\"]
[[community.members.anna.change]]\nfrom = \"2024-05-13\"\nmeters = [\"m2\"]\n[community.members.ben]\nmeters = [\"m1\"]\n";
    told(&format!("{text}from = \"2024-05-13\"\n"), &[]);
    told(
        &format!("{text}from = \"2024-05-12\"\n"),
        &["line 8: meter m1 belongs to both anna and ben from 2024-05-12 until"],
    );
    let change = "[[community.members.ben.change]]\nfrom = \"2024-06-01\"\nmeters = [\"m2\"]\n";
    told(
        &format!("{text}from = \"2024-05-13\"\n{change}"),
        &["line 12: meter m2 belongs to both anna and ben from 2024-06-01 ("],
    );
}

#[test]
fn a_member_without_a_list_has_the_meter_of_its_name_in_its_time() {
    let text = |from: &str| {
        format!(
            "[[community]]\nname = \"a\"\n[community.members.ben]\nmeters = [\"anna\"]\n{from}\n[community.members.anna]\nuntil = \"2024-05-13\"\n"
        )
    };
    told(&text("from = \"2024-05-13\""), &[]);
    told(
        &text(""),
        &["line 6: community.members.anna has no meter until 2024-05-13: meter anna belongs to ben (add meters"],
    );
    let community = read(&text("from = \"2024-05-13\"")).unwrap().communities.remove(0);
    assert_eq!(community.configured_meters(), ["anna".parse().unwrap()].into());
}

#[test]
fn a_meter_is_in_one_community_at_a_time() {
    let two = |one: &str, other: &str| {
        format!(
            "[[community]]\nname = \"aveiro\"\n[community.members.anna]\nmeters = [\"m1\"]\n{one}
[[community]]\nname = \"porto\"\nunlisted = \"ignore\"\n{other}\n[community.members.ben]\nmeters = [\"m1\"]\n"
        )
    };
    let both = "line 10: meter m1 belongs to both member anna of community aveiro and member ben of community porto";
    told(&two("", ""), &[both]);
    told(&two("until = \"2024-05-13\"", ""), &[&format!("{both} until 2024-05-13 (")]);
    // Prices and payments know a meter by its name alone, whatever service it is read from.
    told(&two("", "meters = \"http://other:5049\""), &[both]);
    // All at once, with their lines.
    let three = two("", "") + "meters = [\"m2\", \"m2\"]\n";
    assert!(read(&three).is_err());
}

#[test]
fn one_community_takes_the_unlisted_meters_of_a_service() {
    let two = |one: &str, other: &str| {
        format!("[[community]]\nname = \"aveiro\"\n{one}\n[[community]]\nname = \"porto\"\n{other}\n")
    };
    let both = "line 4: communities aveiro and porto both take unlisted meters of http://";
    told(&two("", ""), &[both]);
    for (one, other) in [("METERS:5049/", "meters:5049"), ("meters", "meters:80")] {
        let service = |address| format!("meters = \"http://{address}\"");
        told(&two(&service(one), &service(other)), &[both]);
    }
    told(&two("", "meters = \"http://other:5049\""), &[]);
    told(&two("", "meters = \"http://meters:5050\""), &[]);
    told(&two("unlisted = \"ignore\"", "unlisted = \"ignore\""), &[]);
    told(&two("unlisted = \"none\"", ""), &["line 3: community.unlisted is \"none\", but \"join\" or \"ignore\""]);
    // What one lists never joins the other: both have one set, which has what they list themselves, too.
    let listed = "unlisted = \"ignore\"\n[community.members.anna]\nmeters = [\"m1\"]\nuntil = \"2024-05-13\"";
    let config = read(&two(listed, "")).unwrap();
    let [aveiro, porto] = &config.communities[..] else { panic!("{config:#?}") };
    assert_eq!(*porto.elsewhere, ["m1".parse().unwrap()].into());
    assert!(Arc::ptr_eq(&aveiro.elsewhere, &porto.elsewhere));
    // One alone needs none.
    let config = read(&two(listed, "meters = \"http://other:5049\"")).unwrap();
    assert!(config.communities.iter().all(|community| community.elsewhere.is_empty()));
}

#[test]
fn dates_are_local_days_and_in_order() {
    let member = |keys: &str| format!("zone = \"Europe/Brussels\"\n[community.members.anna]\n{keys}\n");
    for (keys, line, says) in [
        (
            "until = \"2024-05-13\"\nfrom = \"2024-05-13\"",
            5,
            "anna.until is 2024-05-13, but it is from 2024-05-13 on a member",
        ),
        ("from = \"13.5.2024\"", 5, "anna.from is \"13.5.2024\", but a date (such as"),
        ("from = \"2024-05-13T00:00:00Z\"", 5, "anna.from is \"2024-05-13T00:00:00Z\", but a date"),
        ("from = 2024-05-13T00:00:00Z", 5, "anna.from is 2024-05-13T00:00:00Z, but a date"),
        ("from = \"2024-02-30\"", 5, "anna.from is \"2024-02-30\", but a date"),
        ("from = 5", 5, "anna.from is 5, but a date"),
    ] {
        let found = community_problems(&member(keys));
        assert_eq!(found.len(), 1, "{keys}: {found:#?}");
        let place = format!("line {}: community.members.", if keys.starts_with("until") { 5 } else { line });
        assert!(found[0].starts_with(&place) && found[0].contains(says), "{keys}: {found:#?}");
    }
    one_problem("zone = \"Europe/Lissabon\"", &["line 3: community.zone is \"Europe/Lissabon\", but a time zone"]);
    // Midnight in Brussels, in summer time.
    let community = community(&member("from = 2024-05-13"));
    assert_eq!(community.members[&"anna".parse().unwrap()].span.0, "2024-05-12T22:00:00Z".parse().unwrap());
    // Where clocks go forward at midnight, the day begins at one.
    let gap = read(
        "[[community]]\nname = \"a\"\nzone = \"America/Santiago\"\n[community.members.m]\nfrom = \"2024-09-08\"\n",
    );
    let member = &gap.unwrap().communities[0].members[&"m".parse().unwrap()];
    assert_eq!(member.span.0, "2024-09-08T04:00:00Z".parse().unwrap());
}
