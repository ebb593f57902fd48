//! Who may do what with algorithms: `[[caller]]`.

use std::path::Path;

use super::reader::{Problems, Table};
use super::{CallerConfig, Role};
use base::is_label;

/// Whom a client certificate makes an operator where the configuration names nobody.
const OPERATOR: &str = "operator";

/// Everybody who may call; with a client authority and without a `[[caller]]`, who has a certificate for `operator`.
pub(super) fn read(
    root: &mut Table<'_, '_>,
    has_client_ca: bool,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> Vec<CallerConfig> {
    let mut callers: Vec<CallerConfig> = Vec::new();
    let tables = root.tables("caller", problems);
    let is_configured = !tables.is_empty();
    for table in tables {
        let at = table.at();
        let Some(caller) = caller(table, has_client_ca, directory, problems) else { continue };
        if callers.iter().any(|other| other.name == caller.name) {
            problems.at(at, format!("two callers are called {:?} (each needs a name of its own)", caller.name));
        }
        let taken = |other: &&CallerConfig| other.certificate.is_some() && other.certificate == caller.certificate;
        if let Some(other) = callers.iter().find(taken) {
            problems.at(at, format!("callers {:?} and {:?} have one certificate", other.name, caller.name));
        }
        callers.push(caller);
    }
    if has_client_ca && !is_configured {
        let (name, certificate) = (OPERATOR.to_owned(), Some(OPERATOR.to_owned()));
        callers.push(CallerConfig { name, role: Role::Administer, certificate, token_file: None });
    }
    callers
}

fn caller(
    mut table: Table<'_, '_>,
    has_client_ca: bool,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> Option<CallerConfig> {
    let at = table.at();
    let told = problems.found.len();
    let name = table.parsed("name", "a name of 1 to 64 characters", problems, |text| {
        (is_label(text) && text != books::SERVICE_ITSELF).then(|| text.to_owned())
    });
    if table.place("name").is_none() {
        problems.at(at, "a caller has no name (add name = \"…\", which the audit records say)".to_owned());
    }
    let role = table.parsed("role", "\"read\" or \"administer\"", problems, |text| match text {
        "read" => Some(Role::Read),
        "administer" => Some(Role::Administer),
        _ => None,
    });
    if table.place("role").is_none() {
        problems.at(at, "a caller has no role (add role = \"read\" or \"administer\")".to_owned());
    }
    let expected = "the DNS name that its client certificate is for";
    let certificate = table
        .parsed("certificate", expected, problems, |text| CallerConfig::is_dns_name(text).then(|| text.to_owned()));
    if let Some(certificate) = certificate.as_ref().filter(|_| !has_client_ca) {
        let way_out = "name the authority of clients there, or give the caller a token_file";
        problems.at(certificate.at, format!("caller.certificate is set, but tls.client_ca is not ({way_out})"));
    }
    let token_file = table.string("token_file", problems).map(|found| {
        let path = directory.join(found.value);
        if !path.is_file() {
            let way_out = "a file with a secret text of 16 characters or more, such as `openssl rand -hex 32` makes";
            problems.at(found.at, format!("caller.token_file: there is no file {:?} ({way_out})", found.value));
        }
        path
    });
    let is_anybody = certificate.is_none() && token_file.is_none();
    if is_anybody && problems.found.len() == told {
        problems.at(at, "a caller has neither a certificate nor a token_file (it could not say who it is)".to_owned());
    }
    table.finish(problems);
    Some(CallerConfig {
        name: name?.value,
        role: role?.value,
        certificate: certificate.map(|found| found.value),
        token_file,
    })
}
