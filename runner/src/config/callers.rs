//! Who may do what with algorithms: `[[caller]]`.

use super::problems::Problems;
use super::read::Field;
use super::schema::Caller;
use super::{CallerConfig, Role};

/// Whom a client certificate makes an operator where the configuration names nobody.
const OPERATOR: &str = "operator";

/// Everybody who may call; with a client authority and without a `[[caller]]`, who has a certificate for `operator`.
pub(super) fn check(
    callers: Field<Vec<Field<Caller>>>,
    has_client_ca: bool,
    problems: &Problems<'_>,
) -> Vec<CallerConfig> {
    let given = callers.value.unwrap_or_default();
    if has_client_ca && given.is_empty() {
        let (name, certificate) = (OPERATOR.to_owned(), Some(OPERATOR.to_owned()));
        return vec![CallerConfig { name, role: Role::Administer, certificate, token_file: None }];
    }
    let mut callers: Vec<CallerConfig> = Vec::new();
    for (table, at) in given.into_iter().filter_map(Field::placed) {
        let Some(caller) = caller(table, at, has_client_ca, problems) else { continue };
        if callers.iter().any(|other| other.name == caller.name) {
            problems.at(at, format!("two callers are called {:?} (each needs a name of its own)", caller.name));
        }
        let taken = |other: &&CallerConfig| other.certificate.is_some() && other.certificate == caller.certificate;
        if let Some(other) = callers.iter().find(taken) {
            problems.at(
                at,
                format!(
                    "callers {:?} and {:?} have the same certificate (each needs its own)",
                    other.name, caller.name
                ),
            );
        }
        callers.push(caller);
    }
    callers
}

fn caller(table: Caller, at: usize, has_client_ca: bool, problems: &Problems<'_>) -> Option<CallerConfig> {
    if table.name.at.is_none() {
        problems.at(at, "a caller has no name (add name = \"…\"; audit records show it)");
    }
    if table.role.at.is_none() {
        problems.at(at, "a caller has no role (add role = \"read\" or \"administer\")");
    }
    if table.certificate.at.is_none() && table.token_file.at.is_none() {
        problems.at(at, "a caller has neither a certificate nor a token_file (it could not authenticate)");
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
        role: table.role.get()?,
        name: table.name.get()?,
    })
}
