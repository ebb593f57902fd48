//! Every mistake that an author can make, and the message that comes back. `HERE` stands for file and line, which the workshop
//! marks, and `…` for any text.

use serde_json::{Value, json};

use super::project::Project;

/// A mistake, as the workshop's setting `do` calls it; the kind of failure; the message.
type Mistake = (&'static str, &'static str, &'static str);

const C: &[Mistake] = &[
    ("divide", "trap", "HERE: division by zero, or of the least number by -1; trapped"),
    ("array", "trap", "HERE: an index outside of its array; trapped"),
    ("null", "trap", "HERE: a null pointer is used; trapped"),
    ("index", "algorithm", "HERE: there is no position 7: the round has 3, counted from 0"),
    ("negative", "algorithm", "HERE: 0 - 1 does not fit into 'uint64_t'"),
    ("large", "algorithm", "HERE: 18446744073709551615 * 2 does not fit into "),
    ("narrow", "algorithm", "HERE: -5 does not fit into 'uint64_t'"),
    ("refuse", "algorithm", "retail is 162400, which is too much"),
    ("print", "algorithm", "HERE: it went wrong"),
];

const GO: &[Mistake] = &[
    ("divide", "algorithm", "HERE: runtime error: integer divide by zero"),
    ("index", "algorithm", "HERE: runtime error: index out of range [7] with length 3"),
    ("null", "algorithm", "HERE: runtime error: invalid memory address or nil pointer dereference"),
    ("negative", "algorithm", "HERE: a total would be below zero"),
    ("member", "algorithm", "trade 0 is with position 7, but the round has 3, counted from 0"),
    ("refuse", "algorithm", "retail is too much"),
    ("print", "algorithm", "HERE: it went wrong"),
];

const RUST: &[Mistake] = &[
    ("divide", "trap", "HERE: attempt to divide by zero; trapped in "),
    ("index", "trap", "HERE: index out of bounds: the len is 3 but the index is 7"),
    ("negative", "trap", "HERE: attempt to subtract with overflow"),
    ("large", "trap", "HERE: attempt to multiply with overflow"),
    ("refuse", "algorithm", "retail is too much"),
    ("print", "trap", "HERE: it went wrong; trapped in …; it wrote: a remark"),
];

const PYTHON: &[Mistake] = &[
    ("divide", "algorithm", "HERE: ZeroDivisionError: "),
    ("index", "algorithm", "HERE: IndexError: list index out of range"),
    ("negative", "algorithm", "HERE: ValueError: energy is -5, but must be 0 to 18446744073709551615"),
    ("large", "algorithm", "HERE: ValueError: energy is 18446744073709551616, but must be 0 to 18446744073709551615"),
    ("type", "algorithm", "HERE: TypeError: energy is 1.5, a float, but must be a whole number"),
    (
        "nothing",
        "algorithm",
        "HERE: TypeError: clear returned None, but must return a list of trades (return book.rest())",
    ),
    ("member", "algorithm", "a side is GRID, OPERATOR, or a position's index, 0 to 2"),
    ("import", "algorithm", "HERE: ImportError: decimal is imported inside of a function"),
    ("clock", "algorithm", "HERE: OSError: time is not there"),
    ("exit", "algorithm", "HERE: SystemExit: 1"),
    ("refuse", "algorithm", "retail is too much"),
    ("print", "algorithm", "HERE: RuntimeError: it went wrong; it printed: a remark"),
];

const JAVASCRIPT: &[Mistake] = &[
    ("divide", "algorithm", "HERE: RangeError: BigInt division by zero"),
    ("index", "algorithm", "HERE: TypeError: "),
    ("negative", "algorithm", "HERE: RangeError: energy is -5, but must be 0 to 18446744073709551615"),
    ("large", "algorithm", "HERE: RangeError: energy is 18446744073709551616, but must be 0 to 18446744073709551615"),
    ("type", "algorithm", "HERE: TypeError: energy is 5, a number, but must be a bigint, such as 5n"),
    ("mixed", "algorithm", "HERE: TypeError: "),
    ("nothing", "algorithm", "clear returned undefined, but must return an array of trades (return book.rest())"),
    ("member", "algorithm", "a side is 7, but must be \"grid\", \"operator\" or a position's index, below 3"),
    ("below", "algorithm", "trade 0: energy is -5, but must be 0 to 18446744073709551615"),
    ("import", "algorithm", "HERE: ReferenceError: require is not defined"),
    ("deep", "algorithm", "HERE: RangeError: Maximum call stack size exceeded"),
    ("letters", "algorithm", "žofie is no member, \u{fffd}"),
    ("refuse", "algorithm", "retail is too much"),
    ("print", "algorithm", "HERE: Error: it went wrong; it printed: a remark"),
];

const TYPESCRIPT: &[Mistake] = &[("negative", "algorithm", "HERE: RangeError: energy is -5, but must be 0 to ")];

fn mistakes(language: &str) -> &'static [Mistake] {
    match language {
        "c" => C,
        "go" => GO,
        "rust" => RUST,
        "python" => PYTHON,
        "javascript" => JAVASCRIPT,
        "typescript" => TYPESCRIPT,
        other => panic!("no kit for {other}"),
    }
}

fn round(mistake: &str, language: &str) -> Value {
    let settings = if language == "typescript" { json!({}) } else { json!({"do": mistake}) };
    let positions = json!([
        {"member": "a", "surplus": 5, "deficit": 0},
        {"member": "b", "surplus": 0, "deficit": 5},
        {"member": "žofie", "surplus": 0, "deficit": 1},
    ]);
    json!({"community": "workshop", "start": "2023-09-01T12:00:00Z", "settings": settings, "positions": positions})
}

/// Fails unless every mistake comes back as it should.
pub fn come_back(project: &Project) {
    let mistakes = mistakes(&project.language);
    let rounds: Vec<Value> = mistakes.iter().map(|(mistake, ..)| round(mistake, &project.language)).collect();
    let source = std::fs::read_to_string(project.path(project.source())).unwrap();
    for ((mistake, kind, message), given) in mistakes.iter().zip(project.run(&rounds)) {
        let mark = format!("// HERE {mistake}").replace("// ", if project.language == "python" { "# " } else { "// " });
        let line = source.lines().position(|line| line.ends_with(&mark)).map_or(0, |line| line + 1);
        let expected = message.replace("HERE", &format!("{}:{line}", project.source()));
        assert_eq!(given["error"]["kind"], *kind, "{mistake}: {given}");
        let found = given["error"]["message"].as_str().unwrap();
        let has_all = expected.split('…').all(|part| found.contains(part));
        assert!(has_all, "{} {mistake}: {expected:?} is not in {found:?}", project.language);
        if message.contains("HERE") {
            assert!(line > 0, "{mistake} is not marked");
        }
    }
}
