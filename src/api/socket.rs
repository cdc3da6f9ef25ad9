//! The Unix socket: never open to others, not even for a moment.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// A socket's path; the file goes with the value.
pub(super) struct Socket(PathBuf);

impl Socket {
    /// Listens on a socket that only the owner may use.
    ///
    /// # Errors
    /// The path is too long for a socket, or its folder can't be written.
    pub(super) fn make(path: &Path) -> io::Result<(UnixListener, Self)> {
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.exists() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // A socket is born with the permissions of the process's mask. So it is born where nobody
        // else gets to, and moved once it has its own.
        let nursery = folder.join(format!(".sock{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&nursery)?;
        let made = Self::raise(&nursery, path);
        let _ = fs::remove_dir_all(&nursery);
        made
    }

    fn raise(nursery: &Path, path: &Path) -> io::Result<(UnixListener, Self)> {
        let born = nursery.join("s");
        let listener = UnixListener::bind(&born)?;
        fs::set_permissions(&born, Permissions::from_mode(0o600))?;
        fs::rename(&born, path)?;
        Ok((listener, Self(path.to_owned())))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_its_owners_alone_and_goes_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/sluice.sock");
        for _ in 0..2 {
            let (_listener, socket) = Socket::make(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
            assert!(tokio::net::UnixStream::connect(&path).await.is_ok());
            // What is left behind by a process that was killed does not hinder the next.
            std::mem::forget(socket);
        }
        let (_listener, socket) = Socket::make(&path).unwrap();
        drop(socket);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }
}
