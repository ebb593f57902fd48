//! Files that are not components, and damaged components, are refused with an error that identifies the problem.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use rec_market_tests::{corpus, guests};
use sandbox::{LoadError, Options, Sandbox};

/// The first eight bytes of every component.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

fn refused(bytes: &[u8]) -> LoadError {
    Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap().load(bytes).unwrap_err()
}

#[test]
fn an_empty_file_is_refused() {
    assert!(matches!(refused(b""), LoadError::Empty));
}

#[test]
fn a_core_module_is_refused() {
    assert!(matches!(refused(b"\0asm\x01\0\0\0"), LoadError::CoreModule { .. }));
}

#[test]
fn text_is_refused() {
    for text in ["(component)", "  \n(module)", ";; a comment\n(component)"] {
        assert!(matches!(refused(text.as_bytes()), LoadError::Text), "{text}");
    }
}

#[test]
fn other_files_are_refused() {
    for bytes in [b"PK\x03\x04".as_slice(), b"#!/bin/sh", b"\0", b"\0as", &[0xff; 100]] {
        assert!(matches!(refused(bytes), LoadError::NotWasm(_)), "{bytes:?}");
    }
}

#[test]
fn a_version_that_does_not_exist_is_refused() {
    for header in [b"\0asm".as_slice(), b"\0asm\x0d", b"\0asm\x0e\0\x01\0", b"\0asm\x0d\0\x02\0", b"\0asm\x02\0\0\0"] {
        assert!(matches!(refused(header), LoadError::Malformed(_)), "{header:?}");
    }
}

#[test]
fn precompiled_code_is_refused() {
    // Compiled code is an ELF file. Even code from this program's own cache is refused.
    assert!(matches!(refused(b"\x7fELF\x02\x01\x01"), LoadError::Precompiled));
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let sandbox = Sandbox::new(Options { cache: Some(cache.clone()), ..Options::default() }).unwrap();
    sandbox.load(guests::HONEST).unwrap();
    let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let code = &std::fs::read(file).unwrap()[32..];
    assert!(matches!(sandbox.load(code).unwrap_err(), LoadError::Precompiled));
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let options = Options { component_bytes_max: guests::HONEST.len() as u64 - 1, ..Options::default() };
    let error = Sandbox::new(options).unwrap().load(guests::HONEST).unwrap_err();
    let size = guests::HONEST.len() as u64;
    assert!(matches!(error, LoadError::TooLarge { bytes, bytes_max } if bytes == size && bytes_max == size - 1));
}

/// Truncates at every length, like an interrupted download.
#[test]
fn a_truncated_component_is_refused() {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
    for length in 0..guests::HONEST.len() {
        let loaded = sandbox.load(&guests::HONEST[..length]);
        let right = match (length, &loaded) {
            (0, Err(LoadError::Empty)) | (1..4, Err(LoadError::NotWasm(_))) | (4.., Err(LoadError::Malformed(_))) => {
                true
            }
            // A cut between two sections leaves a valid component without exports.
            (8.., Err(LoadError::WrongWorld(_))) => true,
            // The last section has only debug names.
            (_, Ok(algorithm)) => {
                algorithm.describe(corpus::BUDGET).unwrap().is_ok() && length + 400 > guests::HONEST.len()
            }
            _ => false,
        };
        assert!(right, "cut off after {length} bytes: {loaded:?}");
    }
}

/// Flips one bit in every fifth byte. Most changes invalidate the component; none may break the sandbox.
#[test]
fn a_component_with_a_flipped_bit_does_not_break_the_sandbox() {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
    let round = corpus::round();
    let (mut loaded, mut refused) = (0, 0);
    for byte in (0..guests::HONEST.len()).step_by(5) {
        let mut bytes = guests::HONEST.to_vec();
        bytes[byte] ^= 1 << (byte % 8);
        match sandbox.load(&bytes) {
            Ok(algorithm) => {
                algorithm.clear(&round, corpus::BUDGET).unwrap();
                loaded += 1;
            }
            Err(LoadError::Sandbox(error)) => panic!("byte {byte}: {error}"),
            Err(_) => refused += 1,
        }
    }
    assert!(loaded > 0 && refused > 0, "{loaded} loaded, {refused} refused");
}

#[test]
fn components_in_components_are_refused() {
    let error = refused(&guests::components_in_components(500));
    assert!(matches!(error, LoadError::Malformed(_) | LoadError::WrongWorld(_)), "{error:?}");
}

/// Sections with counts that exceed the file.
#[test]
fn sections_that_claim_four_billion_entries_are_refused() {
    for section in 1..=12 {
        let mut bytes = HEADER.to_vec();
        bytes.extend([section, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        let error = refused(&bytes);
        assert!(matches!(error, LoadError::Malformed(_)), "section {section}: {error:?}");
    }
}
