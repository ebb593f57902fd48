//! The cache of compiled components makes things faster and nothing else: cold, warm, broken or not to be had, the
//! answers are the same.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::Folder;

use crate::rounds::{base_component, three_members, timeless};

/// What our own and a foreign component answer on this folder, with nothing to remark.
fn answers(folder: &Folder) -> [Value; 2] {
    let file = folder.file("mine.wasm", base_component("uniform"));
    ["mid-market-rate", file].map(|name| timeless(folder.try_on(name, &three_members(), &["--json"]).done().json()))
}

fn expected() -> [Value; 2] {
    answers(&Folder::new())
}

fn cached(directory: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory.join("rec-market")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn cold_or_warm_the_answers_are_the_same() {
    let cache = tempfile::tempdir().unwrap();
    let folder = Folder::with_cache(cache.path());
    assert_eq!(answers(&folder), expected());
    assert_eq!(cached(cache.path()).len(), 2);
    assert_eq!(answers(&folder), expected());
    assert_eq!(cached(cache.path()).len(), 2);
}

#[test]
fn what_is_broken_in_the_cache_is_compiled_again() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 5] = [
        Vec::clear,
        |file| file.truncate(20),
        |file| file.truncate(file.len() - 1),
        |file| {
            let middle = file.len() / 2;
            file[middle] ^= 1;
        },
        |file| file[0] ^= 1,
    ];
    let cache = tempfile::tempdir().unwrap();
    let folder = Folder::with_cache(cache.path());
    answers(&folder);
    for damage in damages {
        let whole: Vec<(PathBuf, Vec<u8>)> =
            cached(cache.path()).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        for (path, file) in &whole {
            let mut file = file.clone();
            damage(&mut file);
            std::fs::write(path, file).unwrap();
        }
        assert_eq!(answers(&folder), expected());
        for (path, file) in whole {
            assert_eq!(std::fs::read(path).unwrap().len(), file.len(), "it is whole again");
        }
    }
}

#[test]
fn commands_that_start_at_once_share_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let folder = Folder::with_cache(cache.path());
    let expected = expected();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = folder.try_on("mid-market-rate", &three_members(), &["--json"]).done();
                assert_eq!(timeless(answer.json()), expected[0]);
            });
        }
    });
    assert_eq!(cached(cache.path()).len(), 1);
}

#[test]
fn nobody_else_may_read_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    answers(&Folder::with_cache(cache.path()));
    for file in cached(cache.path()) {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o077, 0);
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_not_used() {
    let cache = tempfile::tempdir().unwrap();
    let directory = cache.path().join("rec-market");
    std::fs::create_dir(&directory).unwrap();
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
    let folder = Folder::with_cache(cache.path());
    let answer = folder.try_on("mid-market-rate", &three_members(), &["--json"]);
    assert_eq!((answer.code, timeless(answer.json())), (0, expected()[0].clone()));
    assert!(answer.err.contains(" WARN ") && answer.err.contains("chmod 700"), "{}", answer.err);
    assert!(answer.err.contains("without a cache"), "{}", answer.err);
    assert!(cached(cache.path()).is_empty());
}

#[test]
fn a_directory_that_cannot_be_made_is_done_without() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let read_only = home.path().join("read-only");
    std::fs::create_dir_all(read_only.join(".cache/rec-market")).unwrap();
    std::fs::set_permissions(read_only.join(".cache/rec-market"), PermissionsExt::from_mode(0o500)).unwrap();
    let environments = [
        vec![],
        vec![("HOME", PathBuf::from("/proc/nobody"))],
        vec![("HOME", PathBuf::new())],
        vec![("HOME", PathBuf::from("not/absolute"))],
        vec![("HOME", file.clone())],
        vec![("XDG_CACHE_HOME", file)],
        vec![("HOME", read_only)],
    ];
    for environment in environments {
        assert_eq!(answers(&Folder::with_environment(environment.clone())), expected(), "{environment:?}");
    }
}
