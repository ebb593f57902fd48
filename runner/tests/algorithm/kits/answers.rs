//! Known answers: rounds, and the trades that a rule must give.

use std::path::Path;

use serde_json::{Value, json};

use super::project::Project;

/// A round and the trades that it must give, sorted.
#[derive(Clone)]
pub struct Answer {
    name: String,
    round: Value,
    trades: Vec<String>,
}

fn sorted(trades: &Value) -> Vec<String> {
    let mut trades: Vec<String> = trades.as_array().unwrap().iter().map(Value::to_string).collect();
    trades.sort();
    trades
}

/// The known answers of one algorithm that clears all its rounds.
fn known(file: &str, algorithm: &str) -> Vec<Answer> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ours = lines.filter(|line| line["algorithm"] == algorithm && line["trades"].is_array());
    let answer = |line: Value| Answer {
        name: line["name"].to_string(),
        trades: sorted(&line["trades"]),
        round: line["round"].clone(),
    };
    ours.map(answer).collect()
}

/// What the template gives as it is.
pub fn mid_market_rate() -> Vec<Answer> {
    let answers = known("base.jsonl", "mid-market-rate");
    assert_eq!(answers.len(), 79);
    answers
}

/// What the template gives with its setting: the same trades, at another price between members.
pub fn between_the_tariffs(position: i64) -> Vec<Answer> {
    let moved = |mut answer: Answer| {
        answer.round["settings"] = json!({"position": position.to_string()});
        let number = |value: &Value| value.as_i64().map(i128::from);
        let [retail, feed_in] = ["retail", "feed_in"].map(|key| number(&answer.round[key]).unwrap());
        let way = (retail - feed_in) * i128::from(position);
        let [floor, ceiling] = ["price_floor", "price_ceiling"].map(|key| number(&answer.round[key]));
        let price =
            (feed_in + way.div_euclid(1_000_000)).max(floor.unwrap_or(i128::MIN)).min(ceiling.unwrap_or(i128::MAX));
        let trades = answer.trades.iter().map(|trade| {
            let mut trade: Value = serde_json::from_str(trade).unwrap();
            if trade["seller"] != "grid" && trade["buyer"] != "grid" {
                trade["price"] = json!(i64::try_from(price).unwrap());
            }
            trade
        });
        answer.trades = sorted(&trades.collect());
        answer
    };
    mid_market_rate().into_iter().map(moved).collect()
}

/// What the workshop gives: a rule of the library, with the setting that it has instead left out.
pub fn cascading_shares() -> Vec<Answer> {
    let answers = known("library.jsonl", "cascading-shares");
    let plain = |answer: &Answer| answer.round["settings"].as_object().is_none_or(serde_json::Map::is_empty);
    let answers: Vec<Answer> = answers.into_iter().filter(plain).collect();
    assert!(answers.len() > 30, "{}", answers.len());
    answers
}

/// Fails unless the project's component gives all answers.
pub fn give(project: &Project, answers: &[Answer]) {
    let rounds: Vec<Value> = answers.iter().map(|answer| answer.round.clone()).collect();
    let given = project.run(&rounds);
    assert_eq!(given.len(), answers.len());
    for (Answer { name, trades, .. }, given) in answers.iter().zip(given) {
        assert_eq!(given["status"], "balanced", "{} on {name}: {given}", project.language);
        assert_eq!(&sorted(&given["trades"]), trades, "{} on {name}", project.language);
    }
}
