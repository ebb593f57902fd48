//! Inspection reads a component's declared resources from its file, and reports all refusals at once.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "all of this file is a test")]

use rec_market_tests::{corpus, guests};
use sandbox::{Budget, Declared, Excess, Inspection, LoadError, Options, Part, Sandbox};

fn inspect(bytes: &[u8]) -> Inspection {
    Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap().inspect(bytes).unwrap()
}

fn declared(bytes: &[u8]) -> Declared {
    inspect(bytes).declared.unwrap()
}

/// Two pages, the memory of every guest.
const STANDARD_BYTES: u64 = 2 << 16;

#[test]
fn memories_and_tables_count_with_their_minimum_size() {
    let plain = declared(guests::PLAIN);
    let instance_bytes = plain.instance_bytes;
    let one =
        Declared { instances: 1, memories: 1, memory_bytes: STANDARD_BYTES, instance_bytes, ..Declared::default() };
    assert_eq!(plain, one);
    assert!((1 << 10..8 << 10).contains(&instance_bytes), "{instance_bytes}");
    let large = declared(guests::MEMORY_DECLARED);
    assert_eq!((large.memories, large.memory_bytes), (2, STANDARD_BYTES + (1 << 30)));
    assert_eq!(declared(guests::MEMORIES_TOO_MANY).memories, 61);
    let table = declared(guests::TABLE_DECLARED);
    assert_eq!((table.table_elements, table.memory_bytes), (10_000_000, STANDARD_BYTES + 80_000_000));
    assert_eq!(declared(guests::TABLES_TOO_MANY).tables, 60);
}

#[test]
fn a_module_counts_once_for_each_of_its_instances() {
    let many = declared(guests::INSTANCES_MANY);
    assert_eq!((many.instances, many.memories, many.memory_bytes), (12, 12, 12 * STANDARD_BYTES));
    assert_eq!(declared(guests::INSTANCES_TOO_MANY).instances, 202);
}

/// A run starts with at least the declared memory.
#[test]
fn no_guest_uses_less_than_it_declares() {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
    for guest in corpus::corpus() {
        let found = sandbox.inspect(guest.bytes).unwrap();
        let (Some(declared), Some(algorithm)) = (found.declared, found.algorithm) else { continue };
        // Little fuel: guests that return a result need no more.
        let run = algorithm.clear(&corpus::round(), Budget { fuel: 200_000, ..corpus::BUDGET }).unwrap();
        if run.result.is_ok() {
            assert!(
                declared.total_bytes() <= run.usage.peak_memory_bytes,
                "{}: {declared:?}, {}",
                guest.name,
                run.usage
            );
        }
    }
}

#[test]
fn inspecting_and_loading_agree() {
    let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
    for guest in corpus::corpus() {
        let found = sandbox.inspect(guest.bytes).unwrap();
        match sandbox.load(guest.bytes) {
            Ok(_) => assert!(found.algorithm.is_some() && found.refusals.is_empty(), "{}: {found:?}", guest.name),
            Err(_) => {
                let has_reason = !found.refusals.is_empty() || !found.declared.unwrap().excesses(u64::MAX).is_empty();
                assert!(has_reason && found.algorithm.is_none(), "{}: {found:?}", guest.name);
            }
        }
    }
}

#[test]
fn all_refusals_are_reported() {
    let found = inspect(guests::IMPORTS_AND_MEMORY);
    assert!(matches!(found.refusals[..], [LoadError::Imports { .. }]) && !found.compiled, "{found:?}");
    let declared = found.declared.unwrap();
    let excesses = declared.excesses(1 << 20);
    // Includes a table of one element, through which an import is called.
    let memory = Excess { part: Part::MemoryBytes, declared: STANDARD_BYTES + (1 << 30) + 8, limit: 1 << 20 };
    assert_eq!(excesses, [memory]);
    // Its instances count as well.
    let limit = declared.memory_bytes;
    assert_eq!(declared.excesses(limit), [Excess { part: Part::TotalBytes, declared: declared.total_bytes(), limit }]);
    assert_eq!(declared.excesses(declared.total_bytes()), []);

    let found = inspect(guests::IMPORTS_MEMORY_AND_TABLES);
    assert!(matches!(found.refusals[..], [LoadError::Imports { .. }]) && !found.compiled, "{found:?}");
    let parts: Vec<Part> = found.declared.unwrap().excesses(1 << 20).iter().map(|excess| excess.part).collect();
    assert_eq!(parts, [Part::MemoryBytes, Part::Tables, Part::TableElements]);

    // What imports the types of another version is for another world, whatever else is wrong with it.
    let found = inspect(guests::WORLD_OF_NEXT_VERSION);
    assert!(matches!(found.refusals[..], [LoadError::WrongWorld(_)]), "{found:?}");
}

#[test]
fn nesting_of_components_is_limited() {
    let found = inspect(&guests::components_in_components(10_000));
    let [LoadError::Malformed(reason)] = &found.refusals[..] else { panic!("{found:?}") };
    assert!(reason.contains("deeper than 1000"), "{reason}");
}

/// 2^40 instances in a kilobyte are counted without creating any, and never passed to the compiler.
#[test]
fn exponentially_many_instances_are_counted() {
    let found = inspect(&doubling(40));
    let declared = found.declared.unwrap();
    assert_eq!(
        declared,
        Declared { instances: 1 << 40, instance_bytes: declared.instance_bytes, ..Declared::default() }
    );
    assert!(declared.instance_bytes > 1 << 50, "{declared:?}");
    assert!(found.refusals.is_empty() && !found.compiled && found.algorithm.is_none(), "{found:?}");
    assert_eq!(inspect(&doubling(200)).declared.unwrap().instances, u64::MAX);
}

/// Makes a component that instantiates a component twice, which in turn does the same, and so on.
fn doubling(levels: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let section = |id: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap();
        // The length is padded to three bytes of LEB128.
        let low = |bits: u16| u8::try_from(bits & 0x7f).unwrap();
        [&[id, low(length) | 0x80, low(length >> 7) | 0x80, low(length >> 14)], content].concat()
    };
    // An empty module, and one instance of it without arguments.
    let innermost = [HEADER, &section(1, b"\0asm\x01\0\0\0"), &section(2, &[1, 0, 0, 0])].concat();
    (0..levels).fold(innermost, |inner, _| [HEADER, &section(4, &inner), &section(5, &[2, 0, 0, 0, 0, 0, 0])].concat())
}
