//! Builds the base algorithms to the components that are part of this program.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The base algorithms and, after them, the library; each is a package of that name under algorithms/.
const BASE: [&str; 21] = [
    "public-grid",
    "static",
    "mid-market-rate",
    "bill-sharing",
    "single-sided",
    "uniform",
    "average-market",
    "buyers-price",
    "sellers-price",
    "proportional-shares",
    "fixed-shares",
    "equal-shares",
    "cascading-shares",
    "priority-shares",
    "fluvius-fixed",
    "fluvius-relative",
    "fluvius-optimal",
    "supply-demand-ratio",
    "k-double-auction",
    "trade-reduction",
    "muda",
];
const TARGET: &str = "wasm32-wasip2";

/// Builds the components with a cargo of their own, and writes a table of them for src/lib.rs.
fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    for input in ["algorithms", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set (build with cargo)")?);
    // Not the usual target directory, whose lock the outer cargo holds. Not OUT_DIR either: Clippy runs this script with
    // another OUT_DIR, and would build everything a second time.
    let target_dir = out_dir.ancestors().nth(3).unwrap_or(&out_dir).join("components");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&workspace).args(["build", "--locked", "--profile", "component", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target_dir);
    cargo.args(BASE.iter().flat_map(|name| ["--package", name]));
    clean_environment(&mut cargo, &workspace);
    let output = cargo.output()?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        let hint = if log.contains("target may not be installed") {
            format!("the target {TARGET} is missing: run `rustup target add {TARGET}`\n\n")
        } else {
            String::new()
        };
        return Err(format!("{hint}the base algorithms do not build:\n{log}").into());
    }
    let mut table = format!(
        "/// The base algorithms, those of the library included.\npub static BASE: [Base; {}] = [\n",
        BASE.len()
    );
    for name in BASE {
        let file = target_dir.join(TARGET).join("component").join(format!("{}.wasm", name.replace('-', "_")));
        table += &format!("    Base {{ name: {name:?}, bytes: include_bytes!({file:?}) }},\n");
    }
    fs::write(out_dir.join("base_algorithms.rs"), table + "];\n")?;
    Ok(())
}

/// Takes away what the outer cargo set for its own crates, and the machine's paths, so that everybody's components are
/// the same to the bit.
fn clean_environment(cargo: &mut Command, workspace: &Path) {
    for variable in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"]
    {
        cargo.env_remove(variable);
    }
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = cargo_home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut flags = format!("--remap-path-prefix={}=/rec-market", workspace.display());
    if let Some(home) = home {
        flags += &format!("\x1f--remap-path-prefix={}=/cargo", home.display());
    }
    // A stack of 64 KiB in place of one MiB, and code at fixed places: less memory to zero for every run.
    flags += "\x1f-Clink-arg=-zstack-size=65536\x1f-Crelocation-model=static";
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
}
