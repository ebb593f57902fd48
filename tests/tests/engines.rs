//! Code generation does not influence results: the gate's checking engine agrees with the engine for settlement.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use std::path::PathBuf;

use rec_market_tests::{corpus, guests};
use sandbox::{
    Algorithm, Budget, Codegen, CompileLimits, Compiler, FailureKind, LoadError, Options, Run, Sandbox, SandboxError,
};

fn sandbox(codegen: Codegen) -> Sandbox {
    Sandbox::new(Options { runs_max: 1, codegen, ..Options::default() }).unwrap()
}

/// Little fuel, because endless loops are tested elsewhere.
const BUDGET: Budget = Budget { fuel: 200_000, ..corpus::BUDGET };

const OUT_OF_STACK: &str = ": wasm trap: call stack exhausted";

fn clear(algorithm: &Algorithm) -> Run {
    algorithm.clear(&corpus::round(), BUDGET).unwrap()
}

fn ran_out_of_stack(run: &Run) -> bool {
    run.result.as_ref().is_err_and(|failure| failure.message.ends_with(OUT_OF_STACK))
}

#[test]
fn both_engines_agree_on_the_whole_corpus() {
    let [usual, checking] = [Codegen::Usual, Codegen::Checking].map(sandbox);
    let mut compared = 0;
    for guest in corpus::corpus() {
        let Some(usual) = guest.load(&usual) else { continue };
        let checking = checking.load(guest.bytes).unwrap();
        assert_eq!(
            usual.describe(BUDGET).unwrap().map_err(|failure| failure.kind),
            checking.describe(BUDGET).unwrap().map_err(|failure| failure.kind),
            "{} describes itself",
            guest.name
        );
        let (first, other) = (clear(&usual), clear(&checking));
        if [&first, &other].into_iter().any(ran_out_of_stack) {
            // The size of frames is the only difference that code generation may cause.
            continue;
        }
        assert_eq!(first.result, other.result, "{}", guest.name);
        if first.result.is_ok() {
            assert_eq!(first.usage.fuel, other.usage.fuel, "{}", guest.name);
            assert_eq!(first.usage.peak_memory_bytes, other.usage.peak_memory_bytes, "{}", guest.name);
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} guests return a result");
}

#[test]
fn both_engines_canonicalise_nans() {
    let [usual, checking] = [Codegen::Usual, Codegen::Checking].map(sandbox);
    let prices = |sandbox: &Sandbox| {
        let trades = clear(&sandbox.load(guests::NAN_BITS).unwrap()).result.unwrap();
        trades.iter().map(|trade| trade.price.micro_eur()).collect::<Vec<_>>()
    };
    // The quiet NaN without sign or payload, in 64 and in 32 bits.
    assert_eq!(prices(&usual)[..2], [0x7ff8_0000_0000_0000, 0x7fc0_0000]);
    assert_eq!(prices(&usual), prices(&checking));
}

#[test]
fn the_engines_really_generate_different_code() {
    let run = |codegen| {
        let algorithm = sandbox(codegen).load(guests::STACK_UNLESS_OPTIMISED).unwrap();
        algorithm.clear(&corpus::round(), corpus::BUDGET).unwrap().result
    };
    let fits = run(Codegen::Usual);
    assert!(fits.is_ok(), "{fits:?}");
    let failure = run(Codegen::Checking).unwrap_err();
    assert_eq!((failure.kind, failure.message.ends_with(OUT_OF_STACK)), (FailureKind::Trap, true), "{failure}");
}

fn in_child(codegen: Codegen, more: &[&str]) -> Sandbox {
    let arguments = ["536870912", "600"].iter().chain(more).map(|argument| (*argument).to_owned()).collect();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_compile-child"));
    let compiler = Compiler::Child { program, arguments, limits: CompileLimits::default() };
    Sandbox::new(Options { runs_max: 1, codegen, compiler, ..Options::default() }).unwrap()
}

#[test]
fn a_child_compiles_for_the_checking_engine() {
    let algorithm = in_child(Codegen::Checking, &["checking"]).load(guests::HONEST).unwrap();
    let usual = sandbox(Codegen::Usual).load(guests::HONEST).unwrap();
    assert_eq!(clear(&algorithm).result, clear(&usual).result);
}

#[test]
fn an_engine_refuses_code_of_the_other() {
    for (codegen, more) in [(Codegen::Checking, &[][..]), (Codegen::Usual, &["checking"])] {
        let error = in_child(codegen, more).load(guests::HONEST).unwrap_err();
        assert!(matches!(error, LoadError::Sandbox(SandboxError::Compiler { .. })), "{codegen:?}: {error:?}");
    }
}
