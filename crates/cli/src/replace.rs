use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Gives a file another text, whole or not at all: a crash or a full disk leaves the old one. Permissions stay, and a
/// symbolic link stays one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let permissions = fs::metadata(&path)?.permissions();
    // What nobody may write is not written by way of its directory either.
    OpenOptions::new().write(true).open(&path)?;
    let file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let done = fill(file, permissions, text).and_then(|()| fs::rename(&beside, &path));
    if done.is_err() {
        // The first error is the one to tell.
        drop(fs::remove_file(&beside));
    }
    done
}

fn fill(mut file: File, permissions: fs::Permissions, text: &str) -> io::Result<()> {
    file.set_permissions(permissions)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
