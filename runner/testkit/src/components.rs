//! Components that are others under another name.

use base::base;

/// A component with one text in place of another of the same length.
pub fn patched(component: &[u8], text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let mut patched = component.to_vec();
    let mut found = 0;
    for at in 0..=component.len() - text.len() {
        if component[at..].starts_with(text.as_bytes()) {
            patched[at..at + text.len()].copy_from_slice(other.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "no {text:?} in the component");
    patched
}

/// The rule of a base algorithm under another name of the same length.
pub fn renamed(name: &str, other: &str) -> Vec<u8> {
    patched(base(name).unwrap().bytes, name, other)
}
