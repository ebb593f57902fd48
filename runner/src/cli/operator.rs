//! `rec-market algorithm upload`, `list`, `show`, `download`, `activate`, `rollback`, `shadow` and `changes`: the life of an
//! algorithm on a running service.

mod json;
mod shadow;
mod shown;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::adapter::client::ServiceClient;
use crate::algorithms::catalogue;
use crate::algorithms::catalogue::UnusableAlgorithm;
use crate::cli::args::{
    ActivateArgs, ChangesArgs, DownloadArgs, ListArgs, RollbackArgs, ServerArgs, ShowAlgorithmArgs, UploadArgs,
};
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::{check, output};
use crate::file::{self, Access};
use base::Reference;
use wire::rec_market_v1 as v1;

pub use json::{change as change_json, shadow as report_json, upload as upload_json};
pub use shadow::run as shadow;
pub use shown::{change as change_text, report as report_text};

fn connect(args: &ServerArgs) -> anyhow::Result<ServiceClient> {
    Ok(ServiceClient::new(&args.server())?)
}

/// Runs `algorithm upload`.
pub async fn upload(args: &UploadArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let operator = connect(&args.server)?;
    let component = match catalogue::read(&Reference::File(args.file.clone()), |_| None) {
        Ok(component) => component.into_owned(),
        // It would be refused there for the same reason.
        Err(error @ UnusableAlgorithm::Load { .. }) => return Err(failed(Exit::Bad, error)),
        Err(error) => return Err(error.into()),
    };
    let bytes = component.len() as u64;
    let bar = output::progress(bytes, "uploading");
    let sent = {
        let bar = bar.clone();
        move |so_far| {
            bar.set_position(so_far);
            if so_far == bytes {
                bar.set_message("in the gate");
            }
        }
    };
    let uploaded = operator.upload(component, sent).await;
    bar.finish_and_clear();
    let uploaded = uploaded?;
    let exit = if uploaded.accepted { Exit::Done } else { Exit::Bad };
    if args.json {
        print_json(&json::upload(&uploaded), out)?;
        return Ok(exit);
    }
    let report: Value = serde_json::from_str(&uploaded.report).unwrap_or_default();
    check::print_report(&report, out)?;
    let (file, label) = (args.file.display(), uploaded.algorithm.as_ref().map(shown::label).unwrap_or_default());
    match (uploaded.accepted, uploaded.was_there) {
        (true, true) => writeln!(out, "{file}: was there already, as {label}")?,
        (true, false) => writeln!(out, "{file}: uploaded as {label}")?,
        (false, _) => writeln!(out, "{file}: refused; nothing of it is kept but a record")?,
    }
    Ok(exit)
}

/// Runs `algorithm list`.
pub async fn list(args: &ListArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let listed = connect(&args.server)?.list_algorithms(v1::ListAlgorithmsRequest {}).await?;
    if args.json {
        print_json(&json::list(&listed), out)?;
    } else {
        writeln!(out, "{}\n{}", shown::versions(&listed.versions), shown::communities(&listed.communities))?;
    }
    Ok(Exit::Done)
}

/// Runs `algorithm show`.
pub async fn show(args: &ShowAlgorithmArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let request = v1::ShowAlgorithmRequest { algorithm: args.algorithm.clone() };
    let found = connect(&args.server)?.show_algorithm(request).await?;
    if args.json {
        print_json(&json::show(&found), out)?;
        return Ok(Exit::Done);
    }
    write!(out, "{}", shown::algorithm(&found))?;
    if !found.report.is_empty() {
        writeln!(out, "\nwhat the gate found when it was uploaded:")?;
        check::print_report(&serde_json::from_str(&found.report).unwrap_or_default(), out)?;
    }
    Ok(Exit::Done)
}

/// Runs `algorithm download`.
pub async fn download(args: &DownloadArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (label, component) = connect(&args.server)?.download(&args.algorithm).await?;
    let file = match &args.output {
        Some(file) if file.as_os_str() == "-" => {
            out.write_all(&component)?;
            return Ok(Exit::Done);
        }
        Some(file) => file.clone(),
        None => PathBuf::from(file_name(&label)),
    };
    keep(&file, &component)?;
    writeln!(out, "{}: {} (sha256:{})", file.display(), shown::label(&label), label.sha256)?;
    Ok(Exit::Done)
}

/// A name that chooses no directory, whatever the algorithm calls itself.
fn file_name(label: &v1::Algorithm) -> String {
    let plain =
        |character: char| if character.is_alphanumeric() || "-_.+".contains(character) { character } else { '_' };
    let name: String = format!("{}-{}.wasm", label.name, label.version).chars().map(plain).collect();
    name.trim_start_matches('.').to_owned()
}

/// Writes a file, if none with other bytes is there.
fn keep(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    file::create(file, bytes, Access::Umask).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            usage(format!("{} is there and is something else (name another file with --output)", file.display()))
        }
        _ => usage(format!("cannot write {}: {error}", file.display())),
    })
}

/// Runs `algorithm activate`.
pub async fn activate(args: &ActivateArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let operator = connect(&args.server)?;
    let settings = args.settings.settings().map_err(usage)?;
    let mut algorithm = args.algorithm.clone();
    if !args.yes && asks() {
        let found = operator.show_algorithm(v1::ShowAlgorithmRequest { algorithm: args.algorithm.clone() }).await?;
        let found = found.version.and_then(|version| version.algorithm).unwrap_or_default();
        let to = shown::label(&found);
        // What was confirmed, though a newer version of that name may come meanwhile.
        algorithm = format!("sha256:{}", found.sha256);
        let now = standing(&operator, &args.community).await?;
        let from = args.from.map_or_else(|| "the next interval".to_owned(), |from| from.to_string());
        if !confirmed(&format!("{now}. From {from} on it will be settled with {to}"))? {
            return Ok(unchanged(out)?);
        }
    }
    let request = v1::ActivateRequest {
        community: args.community.clone(),
        algorithm,
        from: args.from.map(|from| from.to_string()).unwrap_or_default(),
        settings,
    };
    let change = operator.activate(request).await?;
    decided(&change, args.json, out)
}

/// Runs `algorithm rollback`.
pub async fn rollback(args: &RollbackArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let operator = connect(&args.server)?;
    if !args.yes && asks() {
        let now = standing(&operator, &args.community).await?;
        if !confirmed(&format!("{now}. What was activated last will be withdrawn"))? {
            return Ok(unchanged(out)?);
        }
    }
    let change = operator.roll_back(v1::RollBackRequest { community: args.community.clone() }).await?;
    decided(&change, args.json, out)
}

/// Runs `algorithm changes`.
pub async fn changes(args: &ChangesArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let request = v1::ListChangesRequest { community: args.community.clone().unwrap_or_default(), limit: args.limit };
    let listed = connect(&args.server)?.list_changes(request).await?;
    if args.json {
        for change in &listed.changes {
            print_json(&json::change(change), out)?;
        }
    } else {
        writeln!(out, "{}", shown::changes(&listed.changes))?;
    }
    Ok(Exit::Done)
}

/// Whether somebody is there to be asked: a program that calls us knows what it does.
fn asks() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a person.
#[allow(clippy::print_stderr, reason = "a question is for whoever typed the command")]
fn confirmed(what: &str) -> anyhow::Result<bool> {
    eprint!("{what}. Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn unchanged(out: &mut impl Write) -> io::Result<Exit> {
    writeln!(out, "nothing was changed")?;
    Ok(Exit::Bad)
}

/// With what a community is settled, in words.
async fn standing(operator: &ServiceClient, community: &str) -> anyhow::Result<String> {
    let listed = operator.list_algorithms(v1::ListAlgorithmsRequest {}).await?;
    let names: Vec<&str> = listed.communities.iter().map(|community| community.name.as_str()).collect();
    let found = listed.communities.iter().find(|found| found.name == community);
    let unknown = || usage(format!("there is no community {community:?} there (there are: {})", names.join(", ")));
    Ok(shown::standing(found.ok_or_else(unknown)?))
}

fn decided(change: &v1::Change, as_json: bool, out: &mut impl Write) -> anyhow::Result<Exit> {
    if as_json {
        print_json(&json::change(change), out)?;
    } else {
        writeln!(out, "{}", shown::change(change))?;
    }
    Ok(Exit::Done)
}

fn print_json(value: &Value, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::exit_of;

    #[test]
    fn a_file_lies_where_the_command_is_run() {
        let name = |name: &str| {
            let (name, version) = (name.to_owned(), "1.0".to_owned());
            file_name(&v1::Algorithm { sha256: String::new(), name, version })
        };
        assert_eq!(name("evening"), "evening-1.0.wasm");
        assert_eq!(name("../../etc/x"), "_.._etc_x-1.0.wasm");
        assert_eq!(name("a b\n"), "a_b_-1.0.wasm");
    }

    #[test]
    fn a_file_with_other_bytes_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.wasm");
        keep(&file, b"one").unwrap();
        keep(&file, b"one").unwrap();
        let failed = keep(&file, b"other").unwrap_err();
        assert_eq!(exit_of(&failed), Exit::Usage);
        assert!(failed.to_string().contains("is something else"), "{failed:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"one");
    }
}
