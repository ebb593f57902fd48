//! `rec-market certs`: writes development certificates.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use demo::certificates;

use crate::cli::exit::{Exit, ExitCode, usage};
use crate::clock::{Clock, SystemClock};
use crate::file::{self, Access};

/// Create certificates for development: an authority, the market, Transactions and an administrator
///
/// Never use them in production: there, the platform's stack mounts real ones (secrets/README.md).
#[derive(Debug, Args)]
pub struct CertsArgs {
    /// Directory to write to; created if missing
    #[arg(long, value_name = "DIR", default_value = "secrets")]
    pub directory: PathBuf,
    /// Another name or address of the market, besides market, localhost, 127.0.0.1 and ::1; can be repeated
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// Days until the certificates expire
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: u16,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
}

pub fn run(args: &CertsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let made = certificates::development(SystemClock.now(), &args.names, args.days)?;
    let files = [
        ("ca_crt.pem", made.authority.certificate.as_str(), Access::Public, "the certificate authority, for clients"),
        ("ca_key.pem", &made.authority.key, Access::Private, "its key; no program needs it"),
        (
            "market_crt.pem",
            &made.market.certificate,
            Access::Public,
            "the market's certificate and its authority, for the market and for its clients",
        ),
        ("market_key.pem", &made.market.key, Access::Private, "its key"),
        (
            "client_crt.pem",
            &made.client.certificate,
            Access::Public,
            "the certificate of Transactions, as client and as server",
        ),
        ("client_key.pem", &made.client.key, Access::Private, "its key"),
        (
            "operator_crt.pem",
            &made.operator.certificate,
            Access::Public,
            "the certificate of an administrator of algorithms",
        ),
        ("operator_key.pem", &made.operator.key, Access::Private, "its key"),
    ];
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))
        .exit_code(Exit::Usage)?;
    // All or nothing: a key that does not match its certificate is worse than none.
    let exists = |name: &&str| directory.join(name).symlink_metadata().is_ok();
    let taken: Vec<&str> = files.iter().map(|(name, ..)| *name).filter(exists).collect();
    if !taken.is_empty() && !args.force {
        let (taken, directory) = (taken.join(", "), directory.display());
        return Err(usage(format!("{directory} already has {taken} (--force replaces all eight files)")));
    }
    // A service that reloads sees a whole file, and nobody sees a key with the mode of another file.
    let write = if args.force { file::replace } else { file::create };
    for (name, text, access, what) in files {
        let file = directory.join(name);
        write(&file, text.as_bytes(), access)
            .with_context(|| format!("cannot write {}", file.display()))
            .exit_code(Exit::Usage)?;
        writeln!(out, "{}  {what}", file.display())?;
    }
    print_next_step(directory, args.days, out)?;
    Ok(Exit::Done)
}

fn print_next_step(directory: &Path, days: u16, out: &mut impl Write) -> anyhow::Result<()> {
    let path = |name: &str| directory.join(name).display().to_string();
    writeln!(
        out,
        "\nThey are valid for {days} days and for development only. Next, in market.toml (paths are relative to it):\n\n\
         [tls]\ncertificate = {:?}\nkey = {:?}\n# client_ca = {:?}  # to know a [[caller]] by its certificate",
        path("market_crt.pem"),
        path("market_key.pem"),
        path("ca_crt.pem"),
    )?;
    Ok(())
}
