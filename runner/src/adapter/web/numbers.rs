//! Figures as JSON, with the names that `statement --json` has: energy in Wh, money in nEUR, rates in parts per million.

use books::statement::Account;
use figures::community::Figures;
use serde_json::{Map, Number, Value, json};

/// A number as it is. One that has more than 64 bits is a text, since few programs read such numbers.
pub fn number<N: TryInto<i128> + ToString + Copy>(number: N) -> Value {
    let narrow = number.try_into().ok().and_then(Number::from_i128);
    narrow.map_or_else(|| Value::String(number.to_string()), Value::Number)
}

/// A member's account, as a line of `statement --json`.
pub fn account(account: &Account) -> Map<String, Value> {
    let flows = [
        ("sold_local", account.sold_local),
        ("bought_local", account.bought_local),
        ("sold_grid", account.sold_grid),
        ("bought_grid", account.bought_grid),
    ];
    let mut row = Map::new();
    for (name, flow) in flows {
        row.insert(format!("{name}_wh"), number(flow.wh));
        row.insert(format!("{name}_neur"), number(flow.amount.nano_eur()));
    }
    row.insert("paid_neur".to_owned(), number(account.paid().nano_eur()));
    row.insert("grid_alone_neur".to_owned(), number(account.grid_alone.nano_eur()));
    row.insert("saved_neur".to_owned(), number(account.saved().nano_eur()));
    row
}

/// The figures of a period.
pub fn figures(figures: &Figures) -> Value {
    let fairness = &figures.fairness;
    let mut row = account(&figures.total);
    let more = json!({
        "shared_wh": number(figures.shared_wh()),
        "fed_in_wh": number(figures.fed_in_wh()),
        "needed_wh": number(figures.needed_wh()),
        "potential_wh": figures.potential_wh.map(number),
        "use_ppm": figures.use_ppm().map(number),
        "cover_ppm": figures.cover_ppm().map(number),
        "potential_ppm": figures.potential_ppm().map(number),
        "saved_ppm": figures.saved_ppm().map(number),
        "operator_neur": number(figures.operator().nano_eur()),
        "worse_than_grid": figures.worse_off.members,
        "worst_neur": figures.worse_off.most.map(|(_, amount)| number(amount.nano_eur())),
        "fairness": {
            "gini_ppm": fairness.gini_ppm.map(number),
            "jain_ppm": fairness.jain_ppm.map(number),
            "lowest": fairness.lowest.map(number),
            "highest": fairness.highest.map(number),
            "deviation": fairness.deviation.map(number),
        },
        "intervals": figures.intervals,
        "cleared_intervals": figures.cleared,
        "gaps": figures.gaps,
    });
    if let Value::Object(more) = more {
        row.extend(more);
    }
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_and_those_that_are_too_large_are_texts() {
        let written: Vec<String> =
            [number(-7_i128), number(u128::from(u64::MAX)), number(i128::MIN), number(u128::MAX)]
                .iter()
                .map(ToString::to_string)
                .collect();
        let (least, most) = (format!("\"{}\"", i128::MIN), format!("\"{}\"", u128::MAX));
        assert_eq!(written, ["-7", "18446744073709551615", &least, &most]);
    }
}
