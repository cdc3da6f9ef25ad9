//! The program carries the example as it stands in the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::company;

fn files(folder: &Path, below: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, below, found);
        } else {
            let name = path.strip_prefix(below).unwrap().to_str().unwrap().to_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn the_program_carries_the_whole_example() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/fleet");
    let mut found = BTreeMap::new();
    files(&folder, &folder, &mut found);
    let carried: BTreeMap<String, Vec<u8>> =
        company::FILES.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    assert!(carried.keys().eq(found.keys()), "the table of files is not the folder's: {:?}", found.keys());
    assert_eq!(carried, found);
}
