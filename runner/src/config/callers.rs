//! `[[caller]]`: who may call, what each may do, and how it is known.

use super::problems::Problems;
use super::read::Field;
use super::rights::{CallerConfig, Right, with_usual};
use super::schema::Caller;

/// Everybody who may call.
pub(super) fn check(
    callers: Field<Vec<Field<Caller>>>,
    has_client_ca: bool,
    problems: &Problems<'_>,
) -> Vec<CallerConfig> {
    let mut checked: Vec<CallerConfig> = Vec::new();
    for (table, at) in callers.value.unwrap_or_default().into_iter().filter_map(Field::placed) {
        let Some(caller) = caller(table, at, has_client_ca, problems) else { continue };
        if checked.iter().any(|other| other.name == caller.name) {
            problems.at(at, format!("two callers are called {:?} (each needs a name of its own)", caller.name));
        }
        let taken = |other: &&CallerConfig| other.certificate.is_some() && other.certificate == caller.certificate;
        if let Some(other) = checked.iter().find(taken) {
            problems.at(
                at,
                format!(
                    "callers {:?} and {:?} have the same certificate (each needs its own)",
                    other.name, caller.name
                ),
            );
        }
        checked.push(caller);
    }
    with_usual(checked)
}

fn caller(table: Caller, at: usize, has_client_ca: bool, problems: &Problems<'_>) -> Option<CallerConfig> {
    let has_no = |list: Option<usize>| list == Some(0);
    if table.name.at.is_none() {
        problems.at(at, "a caller has no name (add name = \"…\"; audit records show it)");
    }
    if table.roles.at.is_none() || has_no(table.roles.value.as_ref().map(Vec::len)) {
        let known = Right::ALL.map(|right| right.to_string()).join(", ");
        problems.at(at, format!("a caller has no roles (add roles = [\"…\"], with any of {known})"));
    }
    let has_networks = table.from.at.is_some() && !has_no(table.from.value.as_ref().map(Vec::len));
    if !has_networks && table.certificate.at.is_none() && table.token_file.at.is_none() {
        let ways = "nobody could be known as it: add from = [\"10.0.1.0/24\"], a certificate or a token_file";
        problems.at(at, format!("a caller has neither networks (from), nor a certificate, nor a token_file ({ways})"));
    }
    if let Some(at) = table.certificate.at.filter(|_| !table.certificate.is_wrong() && !has_client_ca) {
        let way_out = "name the authority of clients there, or give the caller a token_file";
        problems.at(at, format!("caller.certificate is set, but tls.client_ca is not ({way_out})"));
    }
    let way_out = "a file with a secret text of 16 characters or more, such as `openssl rand -hex 32` makes";
    let token_file = table.token_file.placed();
    Some(CallerConfig {
        token_file: token_file.map(|(file, at)| problems.file("caller.token_file", &file, at, way_out)),
        certificate: table.certificate.get(),
        from: table.from.value.unwrap_or_default().into_iter().filter_map(Field::get).collect(),
        roles: table.roles.value?.into_iter().filter_map(Field::get).collect(),
        name: table.name.get()?,
    })
}
