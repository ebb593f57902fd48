//! A rule of the library from the kit's blocks, and every mistake that an author can make: the setting `do` says which.

use market_kit::{Algorithm, Book, Outcome, Party, Round, Setting, cascade, share, shares, turn};

pub struct Workshop;

const DO: Setting = Setting { key: "do", summary: "what to do", default: "cascade" };

impl Algorithm for Workshop {
    const NAME: &'static str = "workshop";
    const VERSION: &'static str = "1.0.0";
    const SUMMARY: &'static str = "mistakes";
    const SETTINGS: &'static [Setting] = &[DO];

    fn clear(round: &Round) -> Outcome {
        let mut book = Book::new(round);
        let zero = round.start % u64::from(round.duration);
        match DO.read::<String>(round)?.as_str() {
            "divide" => {
                book.sell_to_grid(0, 1 / zero); // HERE divide
            }
            "index" => {
                let _ = round.positions[7].surplus; // HERE index
            }
            "negative" => {
                book.sell_to_grid(0, zero - 1); // HERE negative
            }
            "large" => {
                book.trade(Party::Member(0), Party::Grid, u64::MAX * (zero + 2), 0); // HERE large
            }
            "refuse" => return Err("retail is too much".into()),
            "print" => {
                println!("a remark");
                panic!("it went wrong"); // HERE print
            }
            _ => {
                return share(round, |book| {
                    let mut weights = shares(round);
                    if weights.iter().all(|&weight| weight == 0) {
                        weights.fill(1);
                    }
                    Ok(cascade(turn(round), book.total_surplus(), &weights, book.deficits()))
                });
            }
        }
        Ok(book.rest())
    }
}

market_kit::export!(Workshop);
