//! Misbehaving components, one for each way to misbehave; built from `guests/` by `build/main.rs`.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Makes components nested `depth` deep, which no assembler can write. A recursive parser would overflow its stack, and
/// one that reads the inner components again at each level would take quadratic time.
pub fn components_in_components(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    const COMPONENT_SECTION: u8 = 4;
    (0..depth).fold(HEADER.to_vec(), |inner, _| {
        let mut outer = HEADER.to_vec();
        outer.push(COMPONENT_SECTION);
        leb128(&mut outer, inner.len());
        outer.extend(inner);
        outer
    })
}

fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}
