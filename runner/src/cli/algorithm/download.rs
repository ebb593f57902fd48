//! `rec-market algorithm download`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use wire::rec_market_v1 as v1;

use super::service::ServerArgs;
use super::text;
use crate::cli::exit::Exit;
use crate::cli::output;

/// Why another file of that name stays.
const TAKEN: &str = "with other contents (name another --output)";

/// Download an algorithm of a running service
#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// NAME for its newest version, NAME@VERSION, or sha256:DIGEST
    pub algorithm: String,
    /// File to write (- for stdout); a different file is never replaced [default: NAME-VERSION.wasm]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerArgs,
}

pub async fn run(args: &DownloadArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let (label, component) = args.server.connect()?.download(&args.algorithm).await?;
    let file = match &args.output {
        Some(file) if file.as_os_str() == "-" => {
            out.write_all(&component)?;
            return Ok(Exit::Done);
        }
        Some(file) => file.clone(),
        None => PathBuf::from(file_name(&label)),
    };
    output::new_file(&file, &component, TAKEN)?;
    writeln!(out, "{}: {} (sha256:{})", file.display(), text::label(&label), label.sha256)?;
    Ok(Exit::Done)
}

/// A file name that leads to no other directory, whatever the algorithm calls itself.
fn file_name(label: &v1::Algorithm) -> String {
    let plain =
        |character: char| if character.is_alphanumeric() || "-_.+".contains(character) { character } else { '_' };
    let name: String = format!("{}-{}.wasm", label.name, label.version).chars().map(plain).collect();
    name.trim_start_matches('.').to_owned()
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
        output::new_file(&file, b"one", TAKEN).unwrap();
        output::new_file(&file, b"one", TAKEN).unwrap();
        let error = output::new_file(&file, b"other", TAKEN).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage);
        assert!(error.to_string().contains("already exists with other contents"), "{error:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"one");
    }
}
