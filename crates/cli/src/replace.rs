use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Replaces the content of a file atomically: after a crash or with a full disk, the file still has its old content.
/// Permissions are preserved, and symbolic links are followed.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let permissions = fs::metadata(&path)?.permissions();
    // Renaming needs permission only for the directory, so check that the file itself is writable.
    OpenOptions::new().write(true).open(&path)?;
    let file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let done = fill(file, permissions, text).and_then(|()| fs::rename(&beside, &path));
    if done.is_err() {
        // Reports the first error even if this one fails, too.
        drop(fs::remove_file(&beside));
    }
    done
}

fn fill(mut file: File, permissions: fs::Permissions, text: &str) -> io::Result<()> {
    file.set_permissions(permissions)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
