//! Files beside a definition: relative paths that stay inside the tenant's folder.

use std::sync::Arc;

use crate::model::SourceTree;

/// Why a path leads to no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is absolute, empty, or leaves the tenant's folder.
    #[error("the path `{0}` leaves the folder `{1}`")]
    Outside(String, String),
    /// Nothing is there.
    #[error("there is no file `{0}`")]
    Missing(String),
}

/// A file's path from the root and its content.
pub type Found = (String, Arc<[u8]>);

/// The files that one definition can refer to.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    tree: &'a SourceTree,
    definition: &'a str,
}

impl<'a> Files<'a> {
    /// The files as seen from the definition at `path`.
    pub fn new(tree: &'a SourceTree, definition: &'a str) -> Self {
        Self { tree, definition }
    }

    /// The path from the root that a relative path means.
    ///
    /// # Errors
    /// It leaves the tenant's folder.
    pub fn resolve(&self, relative: &str) -> Result<String, FileError> {
        let mut parts: Vec<&str> = self.definition.split('/').collect();
        let root = parts.len().min(2);
        let folder = parts[..root].join("/");
        let outside = || FileError::Outside(relative.to_owned(), folder.clone());
        parts.pop();
        if relative.starts_with('/') || relative.contains('\\') || relative.is_empty() {
            return Err(outside());
        }
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." if parts.len() > root => {
                    parts.pop();
                }
                ".." => return Err(outside()),
                part => parts.push(part),
            }
        }
        Ok(parts.join("/"))
    }

    /// The content of a file.
    ///
    /// # Errors
    /// The path leaves the tenant's folder, or nothing is there.
    pub fn read(&self, relative: &str) -> Result<Found, FileError> {
        let path = self.resolve(relative)?;
        match self.tree.files.get(&path) {
            Some(entry) => Ok((path, Arc::clone(&entry.bytes))),
            None => Err(FileError::Missing(path)),
        }
    }

    /// A file, or the YAML files of a folder in order of their paths.
    ///
    /// # Errors
    /// The path leaves the tenant's folder, or nothing is there.
    pub fn read_all(&self, relative: &str) -> Result<Vec<Found>, FileError> {
        let path = self.resolve(relative)?;
        if let Some(entry) = self.tree.files.get(&path) {
            return Ok(vec![(path, Arc::clone(&entry.bytes))]);
        }
        let yaml = |path: &str| [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
        let files: Vec<_> = self
            .tree
            .below(&path)
            .filter(|(path, _)| yaml(path))
            .map(|(path, entry)| (path.to_owned(), Arc::clone(&entry.bytes)))
            .collect();
        if files.is_empty() { Err(FileError::Missing(path)) } else { Ok(files) }
    }
}
