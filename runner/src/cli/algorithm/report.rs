//! Reports of the gate, for people.

use std::io::{self, Write};

use serde_json::Value;

/// Width of the column with the names of the checks, in characters, unless a name is longer.
const NAME_WIDTH: usize = 24;

/// Prints each check of a report in its JSON form, which is the same from this program and from a service.
pub fn print(report: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let longest = checks.iter().map(|check| text(check, "name").chars().count()).max().unwrap_or(0);
    let width = longest.max(NAME_WIDTH);
    for check in checks {
        let mark = match check["verdict"].as_str() {
            Some("passed") => "✓",
            Some("noted") => "·",
            _ => "✗",
        };
        writeln!(out, "{mark} {:<width$} {}", text(check, "name"), text(check, "detail"))?;
    }
    Ok(())
}
