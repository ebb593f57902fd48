//! Guests that are too repetitive to write by hand.

use std::fmt::Write as _;

use crate::Source;

/// Returns the guests for the corpus, which load or are refused quickly.
pub fn guests() -> Vec<Source> {
    vec![
        frames_large(),
        stack_unless_optimised(),
        jump_table(),
        instances_too_many(),
        instances_too_large(),
        elements_kept(),
        memories_behind_export(),
        startup_copies(),
        startup_elements(),
        types_deep(),
        types_doubling(),
        types_many(),
        exports_many(),
        imports_many(),
        blocks_deep(),
        locals_many(),
    ]
}

/// Returns the guests that exhaust the compiler.
pub fn bombs() -> Vec<Source> {
    vec![functions_many(), bodies_huge()]
}

fn source(name: &str, does: &str, text: impl AsRef<str>) -> Source {
    Source { name: name.to_owned(), text: format!(";; {does}\n{}", text.as_ref()) }
}

/// Makes a module with these fields, the usual ones and an honest `clear`.
fn honest_module(fields: &str) -> String {
    format!("(module\n;;@include standard\n{fields}\n(func $clear (result i32) (call $honest)))")
}

/// Makes an honest component with these fields and the usual ones.
fn honest_component(fields: &str) -> String {
    format!(
        "(component\n;;@include types\n{fields}\n;;@include honest-core\n\
         (core instance $core (instantiate $Honest))\n;;@include lift\n)"
    )
}

fn repeat(count: usize, each: impl Fn(usize) -> String) -> String {
    (0..count).map(each).collect()
}

fn frames_large() -> Source {
    // Values that are needed after the call must be kept in the frame.
    const VALUES: usize = 900;
    let before = repeat(VALUES, |n| format!("(local.set {} (i64.load offset={} (i32.const 0)))\n", n + 1, n * 8));
    let after = repeat(VALUES, |n| format!("(local.set 0 (i64.xor (local.get 0) (local.get {})))\n", n + 1));
    let text = format!(
        "(module\n;;@include standard\n(func $deep (param i64) (result i64) (local{})\n{before}\
         (local.set 0 (call $deep (local.get 0)))\n{after}(local.get 0))\n\
         (func $clear (result i32) (i32.wrap_i64 (call $deep (i64.const 0)))))",
        " i64".repeat(VALUES)
    );
    source("frames_large", "Recurses endlessly with frames of 7 KB, to jump over a guard page.", text)
}

fn stack_unless_optimised() -> Source {
    // An optimising compiler sees that all these values are equal and keeps one; without optimisation, each of 200
    // frames has 900.
    const VALUES: usize = 900;
    let before = repeat(VALUES, |n| format!("(local.set {} (i64.mul (local.get 1) (local.get 1)))\n", n + 2));
    let after = repeat(VALUES, |n| format!("(local.set 1 (i64.xor (local.get 1) (local.get {})))\n", n + 2));
    let includes = ["memory", "realloc", "named", "clear", "answer", "trades", "grid-only"];
    let includes: String = includes.iter().map(|name| format!(";;@include {name}\n")).collect();
    let text = format!(
        "(module\n{includes}\
         (func $deep (param i32 i64) (result i64) (local{})\n{before}\
         (if (local.get 0) (then (local.set 1\
         (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))))\n{after}(local.get 1))\n\
         (func $clear (result i32) (drop (call $deep (i32.const 200) (i64.const 3))) (call $grid-only)))",
        " i64".repeat(VALUES)
    );
    source("stack_unless_optimised", "Needs little stack with optimisation, and much without.", text)
}

fn jump_table() -> Source {
    let text = format!(
        "(module\n;;@include standard\n(func $clear (result i32) (local i32)\n\
         (loop $again (block $out (br_table{} $out (local.get 0)))\n\
         (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $again)) unreachable))",
        " $out".repeat(60_000)
    );
    source("jump_table", "Jumps through a table of 60,000 targets endlessly.", text)
}

fn instances_too_many() -> Source {
    let instances = repeat(201, |_| "(core instance (instantiate $Empty))\n".to_owned());
    let text = honest_component(&format!("(core module $Empty)\n{instances}"));
    source("instances_too_many", "Instantiates more modules than a component may have.", text)
}

fn instances_too_large() -> Source {
    let globals = "(global (mut i64) (i64.const 1))\n".repeat(20_000);
    let instances = repeat(150, |_| "(core instance (instantiate $Globals))\n".to_owned());
    let text = honest_component(&format!("(core module $Globals\n{globals})\n{instances}"));
    source(
        "instances_too_large",
        "Has three million globals in 150 instances: host memory that the memory limit does not count.",
        text,
    )
}

fn elements_kept() -> Source {
    let elements = format!("(func $f) (elem funcref{})\n", " (ref.func $f)".repeat(20_000));
    let instances = repeat(150, |_| "(core instance (instantiate $Elements))\n".to_owned());
    let text = honest_component(&format!("(core module $Elements\n{elements})\n{instances}"));
    source(
        "elements_kept",
        "Has three million elements in 150 instances, which keep them to be copied into tables.",
        text,
    )
}

fn memories_behind_export() -> Source {
    let memories = "(memory 1)".repeat(51);
    let text = honest_component(&format!(
        "(component $Outer (component $Small) (export $again \"small\" (component $Small))\n\
         (component $Large (core module $Memories {memories}) (core instance (instantiate $Memories)))\n\
         (instance (instantiate $Large)))\n(instance (instantiate $Outer))\n"
    ));
    source("memories_behind_export", "Has 51 memories in a component whose index an export has moved.", text)
}

fn startup_copies() -> Source {
    // With an offset that is only known at run time, the engine cannot prepare the memory image in advance.
    let data = repeat(16, |_| format!("(data (offset (global.get 0)) \"{}\")\n", "x".repeat(65_536)));
    let copier = format!(
        "(core module $Memory (memory (export \"memory\") 2) (global (export \"offset\") i32 (i32.const 0)))\n\
         (core instance $memory (instantiate $Memory))\n\
         (core module $Copies (import \"m\" \"offset\" (global i32)) (import \"m\" \"memory\" (memory 2))\n{data})\n"
    );
    let instances =
        repeat(150, |_| "(core instance (instantiate $Copies (with \"m\" (instance $memory))))\n".to_owned());
    let text = honest_component(&format!("{copier}{instances}"));
    source("startup_copies", "Copies 150 MiB of data into its memory during instantiation.", text)
}

fn startup_elements() -> Source {
    let elements = format!("(elem (table $t) (offset (global.get 0)) func{})\n", " $f".repeat(1_000)).repeat(10);
    let filler = format!(
        "(core module $Table (table (export \"table\") 1000 funcref) (global (export \"offset\") i32 (i32.const 0)))\n\
         (core instance $table (instantiate $Table))\n\
         (core module $Fills (import \"t\" \"offset\" (global i32)) (import \"t\" \"table\" (table $t 1000 funcref))\n\
         (func $f)\n{elements})\n"
    );
    let instances = repeat(150, |_| "(core instance (instantiate $Fills (with \"t\" (instance $table))))\n".to_owned());
    let text = honest_component(&format!("{filler}{instances}"));
    source("startup_elements", "Fills 1.5 million table elements during instantiation.", text)
}

fn types_deep() -> Source {
    let types = repeat(2_000, |n| format!("(type $t{} (list $t{n}))\n", n + 1));
    let text = honest_component(&format!("(type $t0 (list u8))\n{types}"));
    source("types_deep", "Has lists nested 2,000 deep.", text)
}

fn types_doubling() -> Source {
    let types = repeat(60, |n| format!("(type $t{} (tuple $t{n} $t{n}))\n", n + 1));
    let text = honest_component(&format!("(type $t0 (tuple u8 u8))\n{types}"));
    source("types_doubling", "Has a type of 2^60 parts in 60 lines.", text)
}

fn types_many() -> Source {
    let types = repeat(50_000, |_| "(type (tuple u8 string))\n".to_owned());
    source("types_many", "Has 50,000 unused types.", honest_component(&types))
}

fn exports_many() -> Source {
    let exports = repeat(20_000, |n| format!("(export \"x{n}\" (type $trade))\n"));
    source("exports_many", "Has 20,000 additional exports.", honest_component(&exports))
}

fn imports_many() -> Source {
    let name = "n".repeat(500);
    let imports = repeat(5_000, |n| format!("(import \"{name}{n}\" (func))\n"));
    source(
        "imports_many",
        "Imports 5,000 functions with long names: the refusal must not repeat all of them.",
        format!("(component\n{imports})"),
    )
}

fn blocks_deep() -> Source {
    let depth = 20_000;
    let function = format!("(func\n{}{})", "block\n".repeat(depth), "end\n".repeat(depth));
    source("blocks_deep", "Has a function with blocks nested 20,000 deep.", honest_module(&function))
}

fn functions_many() -> Source {
    let functions = "(func (result i32) (i32.load (i32.load (i32.const 8))))\n".repeat(100_000);
    source("functions_many", "Has 100,000 functions.", honest_module(&functions))
}

fn bodies_huge() -> Source {
    // Calls keep every value alive, which is the worst case for a register allocator.
    let mut functions = String::from("(func $f (param i64 i64 i64 i64) (result i64) unreachable)\n");
    for _ in 0..20 {
        let calls = "(local.set 0 (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3)))\n\
                     (if (i64.eqz (local.get 0)) (then (local.set 1 (local.get 2))) (else (local.set 2 (local.get 3))))\n"
            .repeat(5_000);
        // Writing to a string cannot fail.
        let _ = writeln!(functions, "(func (param i64 i64 i64 i64)\n{calls})");
    }
    source("bodies_huge", "Has 20 functions of 10,000 calls and branches each.", honest_module(&functions))
}

fn locals_many() -> Source {
    let function = format!("(func (local{}))\n", " i64".repeat(49_999)).repeat(50);
    source("locals_many", "Has 50 functions of 49,999 locals each.", honest_module(&function))
}
