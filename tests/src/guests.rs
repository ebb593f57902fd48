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

/// Makes a component larger by a module that nobody instantiates, with so many functions of about a kilobyte: it behaves as
/// before, and takes a compiler about a millisecond more for each.
pub fn larger(component: &[u8], functions: u32) -> Vec<u8> {
    const CORE_MODULE_SECTION: u8 = 1;
    const STEPS: u8 = 100;
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // One type: two numbers in, one out.
    section(&mut module, 1, &[1, 0x60, 2, 0x7e, 0x7e, 1, 0x7e]);
    let mut types = Vec::new();
    leb128(&mut types, functions as usize);
    types.extend((0..functions).map(|_| 0));
    section(&mut module, 3, &types);
    let mut code = Vec::new();
    leb128(&mut code, functions as usize);
    for function in 0..functions {
        // No locals. Each step is: times the second, plus the first, xor a constant that makes each function another one.
        let mut body = vec![0, 0x20, 0];
        for step in 0..STEPS {
            body.extend([0x20, 1, 0x7e, 0x20, 0, 0x7c, 0x42]);
            leb128(&mut body, (function.wrapping_add(u32::from(step)) & 0x3f) as usize);
            body.push(0x85);
        }
        body.push(0x0b);
        leb128(&mut code, body.len());
        code.extend(body);
    }
    section(&mut module, 10, &code);
    let mut larger = component.to_vec();
    section(&mut larger, CORE_MODULE_SECTION, &module);
    larger
}

fn section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    leb128(bytes, content.len());
    bytes.extend_from_slice(content);
}
