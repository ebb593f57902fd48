//! Wallets of members: which may be, and what is called mistaken or remarkable.

use super::*;

/// Several members of `aveiro`, each a line of TOML, then whatever else.
fn members(members: &[(&str, &str)]) -> String {
    let table = |(name, keys): &(&str, &str)| format!("[community.members.\"{name}\"]\n{keys}\n");
    members.iter().map(table).collect()
}

#[test]
fn a_wallet_is_one_of_the_members_own_meters() {
    let keys = members(&[("school", "meters = [\"s1\", \"s2\"]\nwallet = \"s2\""), ("m3", "wallet = \"m3\"")]);
    let config = read(&format!("[[community]]\nname = \"aveiro\"\n{keys}")).unwrap();
    assert_eq!(config.communities[0].members[&"school".parse().unwrap()].wallet, Some("s2".parse().unwrap()));
    let wallet = |name: &str| {
        config.wallets().party(name).members.into_iter().map(|(_, member)| member.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((wallet("s2"), wallet("s1"), wallet("m3")), (vec!["school".to_owned()], vec![], vec!["m3".to_owned()]));
    assert_eq!(config.remarks(jiff::Timestamp::UNIX_EPOCH), [""; 0]);
    for (keys, says) in [
        ("meters = [\"s1\", \"s2\"]\nwallet = \"s3\"", "is \"s3\", but one of its meters is expected (s1, s2)"),
        ("wallet = \"s1\"", "is \"s1\", but one of its meters is expected (school)"),
        ("meters = [\"s1\"]\nwallet = \"\"", "is \"\", but a meter is expected: a name is empty"),
        ("meters = [\"s1\", \"100\"]\nwallet = \"100\"", "on the wire that means the grid or the operator"),
        ("meters = [\"s1\"]\nwallet = 5", "community.members.school.wallet is 5"),
    ] {
        one_problem(&members(&[("school", keys)]), &[says]);
    }
}

#[test]
fn two_members_are_never_one_on_the_wire() {
    let school = ("school", "meters = [\"s1\", \"s2\"]\nwallet = \"s1\"");
    let same = "would both be called \"s1\" on the platform's wire, where one device would pay for both";
    one_problem(
        &members(&[("s1", "meters = [\"s9\"]"), school]),
        &["member s1 of aveiro and member school of aveiro", same],
    );
    // In two communities as well, but only where a wallet is concerned: members of one name may be one person.
    let two = |first: &str, second: &str| {
        let text = format!(
            "[[community]]\nname = \"aveiro\"\n{first}[[community]]\nname = \"porto\"\nmeters = \"http://porto:5049\"\n{second}"
        );
        read(&text).map(|_| ()).map_err(|problems| problems.iter().map(Problem::to_string).collect::<Vec<_>>())
    };
    let refused = two(&members(&[school]), &members(&[("s1", "meters = [\"p1\"]")])).unwrap_err();
    assert!(refused.len() == 1 && refused[0].starts_with("line 6: ") && refused[0].contains(same), "{refused:#?}");
    assert!(refused[0].contains("member school of aveiro and member s1 of porto"), "{refused:#?}");
    two(&members(&[school]), &members(&[("school", "meters = [\"p1\"]")])).unwrap();
    two(&members(&[("school", "share = 5")]), &members(&[("school", "share = 7")])).unwrap();
}

#[test]
fn a_member_whom_no_device_is_called_after_is_remarked_on() {
    let remarks = |member| {
        let text = format!("[[community]]\nname = \"aveiro\"\n{}", members(&[member]));
        read(&text).unwrap().remarks(jiff::Timestamp::UNIX_EPOCH)
    };
    for member in [
        ("s1", "share = 5"),
        ("s1", "meters = [\"s1\", \"s2\"]"),
        ("school", "meters = [\"s1\", \"s2\"]\nwallet = \"s1\""),
    ] {
        assert_eq!(remarks(member), [""; 0], "{member:?}");
    }
    for meters in ["meters = [\"s1\", \"s2\"]", "meters = [\"s1\"]"] {
        let told = remarks(("school", meters));
        assert!(
            told.len() == 1 && told[0].contains("member school") && told[0].contains("wallet = \"s1\""),
            "{told:#?}"
        );
    }
}
