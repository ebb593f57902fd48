//! What a compiler keeps of a component for the next version of it: the code of each function, by a hash of what it is made of.
//!
//! The child computes the hashes and makes the code, so what it hands back is worth no more than the component that it compiled.
//! Therefore it is only ever given to a compiler of the same history: see `Options::history`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use wasmtime::CacheStore;

/// The functions of one compilation: those that are known from before, and those that are new.
#[derive(Debug, Default)]
pub(super) struct Functions {
    known: OnceLock<HashMap<Vec<u8>, Known>>,
    new: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

#[derive(Debug)]
struct Known {
    code: Vec<u8>,
    used: AtomicBool,
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let known = self.known.get()?.get(key)?;
        known.used.store(true, Ordering::Relaxed);
        Some(Cow::Borrowed(&known.code))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        self.new.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_vec(), code);
        true
    }
}

impl Functions {
    /// Takes what [`Functions::kept`] gave. What is damaged is left out: it is only compiled again.
    pub(super) fn know(&self, mut kept: &[u8]) {
        let mut known = HashMap::new();
        while let Some((key, code)) = part(&mut kept).and_then(|key| Some((key, part(&mut kept)?))) {
            known.insert(key.to_vec(), Known { code: code.to_vec(), used: AtomicBool::new(false) });
        }
        // Empty until now: it is given once.
        let _ = self.known.set(known);
    }

    /// Everything that the component is made of, for the next version of it.
    pub(super) fn kept(&self) -> Vec<u8> {
        let mut kept = Vec::new();
        let mut keep = |key: &[u8], code: &[u8]| {
            for part in [key, code] {
                kept.extend_from_slice(&(part.len() as u64).to_le_bytes());
                kept.extend_from_slice(part);
            }
        };
        for (key, Known { code, used }) in self.known.get().into_iter().flatten() {
            if used.load(Ordering::Relaxed) {
                keep(key, code);
            }
        }
        for (key, code) in &*self.new.lock().unwrap_or_else(PoisonError::into_inner) {
            keep(key, code);
        }
        kept
    }
}

/// Cuts a part off that begins with its length.
fn part<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

/// Writes something with its length before it, and something else behind it.
pub(super) fn write_two(output: &mut impl Write, first: &[u8], second: &[u8]) -> io::Result<()> {
    output.write_all(&(first.len() as u64).to_le_bytes())?;
    output.write_all(first)?;
    output.write_all(second)
}

/// Reads what [`write_two`] wrote.
pub(super) fn read_two(input: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut both = Vec::new();
    input.read_to_end(&mut both)?;
    split_two(both)
}

/// Takes apart what [`write_two`] wrote.
pub(super) fn split_two(mut both: Vec<u8>) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let torn = || io::Error::new(io::ErrorKind::InvalidData, "it is not in two parts");
    let mut rest = both.as_slice();
    let first = part(&mut rest).ok_or_else(torn)?.len();
    let second = both.split_off(size_of::<u64>() + first);
    both.drain(..size_of::<u64>());
    Ok((both, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_or_new_is_kept_and_the_rest_is_not() {
        let first = Functions::default();
        first.know(&[]);
        for (key, code) in [(b"a", b"one"), (b"b", b"two")] {
            assert!(first.get(key).is_none());
            assert!(first.insert(key, code.to_vec()));
        }
        let second = Functions::default();
        second.know(&first.kept());
        assert_eq!(second.get(b"a").as_deref(), Some(b"one".as_slice()));
        second.insert(b"c", b"three".to_vec());
        let third = Functions::default();
        third.know(&second.kept());
        let found = [b"a", b"b", b"c"].map(|key| third.get(key).map(Cow::into_owned));
        assert_eq!(found, [Some(b"one".to_vec()), None, Some(b"three".to_vec())]);
    }

    #[test]
    fn what_is_damaged_is_left_out() {
        let first = Functions::default();
        first.insert(b"a", b"one".to_vec());
        let kept = first.kept();
        for length in 0..kept.len() {
            let second = Functions::default();
            second.know(&kept[..length]);
            assert!(second.get(b"a").is_none(), "{length}");
        }
        let second = Functions::default();
        second.know(&[0xff; 40]);
        assert!(second.kept().is_empty());
    }

    #[test]
    fn two_parts_are_told_apart() {
        for (first, second) in [(b"".as_slice(), b"".as_slice()), (b"a", b""), (b"", b"b"), (b"aa", b"bbb")] {
            let mut both = Vec::new();
            write_two(&mut both, first, second).unwrap();
            assert_eq!(read_two(&mut both.as_slice()).unwrap(), (first.to_vec(), second.to_vec()));
        }
        assert!(split_two(vec![9; 8]).is_err() && split_two(vec![1]).is_err());
    }
}
