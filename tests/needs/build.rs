//! Looks for what tests may need, and tells the attributes by a cfg each.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
#![allow(clippy::disallowed_methods, reason = "the environment says what a test may need")]

use std::path::Path;

/// Each need: its cfg, the variable that may name it, and where it is otherwise.
const NEEDS: [(&str, &str, &str); 12] = [
    ("has_ferretdb", "", "../../target/tools/bin/ferretdb"),
    ("has_mongodb", "REC_MARKET_TEST_MONGODB", "../../target/tools/bin/ferretdb"),
    ("has_wasmtime", "REC_MARKET_TEST_WASMTIME", "../../target/tools/bin/wasmtime"),
    ("has_node", "", "../../target/tools/bin/node_modules"),
    ("has_browser_driver", "", "../../target/tools/bin/node_modules/playwright-core"),
    ("has_browser", "REC_MARKET_TEST_BROWSER", "../../target/tools/bin/chromium"),
    ("has_componentize_py", "", "../../target/tools/bin/componentize-py"),
    ("has_quickjs", "", "../../target/tools/bin/quickjs"),
    ("has_zig", "", "../../target/tools/bin/zig"),
    ("has_readings", "REC_MARKET_TEST_READINGS", "../../../shared/data/community-16.csv"),
    ("has_vectors", "", "../../../shared/vectors"),
    ("has_files", "", "../../../shared/data/files"),
];

/// Programs that are found by their names: the cfg and the name of each.
const PROGRAMS: [(&str, &str); 1] = [("has_go", "go")];

fn main() {
    let is_set = |name: &str| {
        println!("cargo::rerun-if-env-changed={name}");
        std::env::var(name).is_ok_and(|value| !value.is_empty())
    };
    // On CI everything is needed: a test that misses something fails.
    let on_ci = is_set("CI");
    println!("cargo::rerun-if-changed=build.rs");
    // Made here because cargo would run this every time if a path that it watches were missing.
    let _ = std::fs::create_dir_all("../../target/tools/bin");
    println!("cargo::rerun-if-changed=../../target/tools/bin");
    for (cfg, variable, place) in NEEDS {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        let is_named = !variable.is_empty() && is_set(variable);
        let is_there = Path::new(place).exists();
        if is_there {
            println!("cargo::rerun-if-changed={place}");
        }
        if on_ci || is_named || is_there {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
    println!("cargo::rerun-if-env-changed=PATH");
    let path = std::env::var_os("PATH").unwrap_or_default();
    for (cfg, program) in PROGRAMS {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        if on_ci || std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
