use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use portcullis::auth::token::{SigningKey, SigningKeys};

use crate::error::ServiceError;
use crate::places::{IfMissing, Places};

/// The largest key file, in bytes.
const MAX_KEY: u64 = 64 * 1024;

impl Places {
    /// The keys that sign and verify Portcullis tokens, and the file of the signing key if it had to be created.
    ///
    /// # Errors
    /// There is no key, or one of them cannot be used.
    pub fn signing_keys(&self, missing: IfMissing) -> Result<(SigningKeys, Option<PathBuf>), ServiceError> {
        self.verify()?;
        let mut paths = self.signing_keys.clone();
        let mut made = None;
        if paths.is_empty() {
            let path = self.state.join("signing.key");
            if !path.exists() {
                if missing == IfMissing::Refuse {
                    return Err(ServiceError::NoKey(path));
                }
                self.make_directory()?;
                made = make_key(&path)?.then(|| path.clone());
            }
            paths.push(path);
        }
        let keys: Result<Vec<SigningKey>, ServiceError> = paths.iter().map(|path| read_key(path)).collect();
        Ok((SigningKeys::new(keys?).map_err(ServiceError::Keys)?, made))
    }
}

/// Creates a key file; returns `false` if another process created it first, in which case that key is used.
fn make_key(path: &Path) -> Result<bool, ServiceError> {
    let failed = |error| ServiceError::Write { path: path.to_owned(), error };
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error)))?;
    let mut text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        file => {
            file.and_then(|mut file| write_and_sync(&mut file, &text)).map_err(failed)?;
            Ok(true)
        }
    }
}

fn write_and_sync(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads a key: the content of its file without a final line break.
fn read_key(path: &Path) -> Result<SigningKey, ServiceError> {
    // Something that is not the name of a file may be the key itself.
    if !path.exists() {
        return Err(ServiceError::KeyFile);
    }
    let failed = |error| ServiceError::Read { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(MAX_KEY).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    SigningKey::from_secret(bytes).map_err(|error| ServiceError::Key { path: path.to_owned(), error })
}
