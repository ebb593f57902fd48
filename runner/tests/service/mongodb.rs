//! Every command on books in MongoDB.

use std::net::SocketAddr;

use demo::meters::Package;

use testkit::*;

#[needs::mongodb]
#[test]
fn every_command_says_of_it_what_it_says_of_a_file() {
    let meters = Meters::recorded(recorded(4, 60), Package::Platform);
    let file = Market::of(&meters);
    let mongo = Market::new(&format!("{}{}", mongodb(), community("aveiro", meters.address(), "")));
    mongo.run(&["audit"]).ends_with(2).says("has nothing of ours (settle first)");
    for market in [&file, &mongo] {
        assert!(market.settle().ends_with(0).out.starts_with("aveiro: 59 intervals "));
        assert_eq!(market.settle().ends_with(0).out, "aveiro: nothing is due\n");
    }
    let commands: [&[&str]; 8] = [
        &["trades", "--json"],
        &["trades", "--csv", "--member", "m001"],
        &["trades", "--json", "--from", "2023-09-01T14:00:00Z", "--to", "2023-09-01T16:00:00Z"],
        &["statement", "--json", "--period", "day"],
        &["statement"],
        &["audit", "--json"],
        &["replay", "--json"],
        &["replay", "--interval", "2023-09-01T14:07:00Z"],
    ];
    for command in commands {
        let said = mongo.run(command).ends_with(0).out;
        assert!(said.contains("aveiro"), "{command:?}: {said}");
        assert_eq!(said, file.run(command).ends_with(0).out, "{command:?}");
    }
}

#[test]
fn where_it_is_away_commands_end_with_3_and_keep_the_password() {
    // Nobody listens there.
    let nobody = Detour::to(SocketAddr::from(([127, 0, 0, 1], 1)));
    let address = nobody.address();
    let meters = Meters::silent();
    let market = Market::new(&format!(
        "store = \"mongodb://{address}/market?serverSelectionTimeoutMS=100\"\n[mongodb]\nusername = \"market\"\n\
         password_file = \"password\"\n{}",
        community("aveiro", meters.address(), "")
    ));
    std::fs::write(market.path("password"), "s3cr3t").unwrap();
    for command in ["settle", "trades", "replay"] {
        let ran =
            market.run(&[command]).ends_with(3).says(&format!("mongodb://{address}/market")).says("is it running");
        assert!(!ran.err.contains("s3cr3t") && !ran.out.contains("s3cr3t"), "{}{}", ran.out, ran.err);
    }
}
