use std::fs;
use std::path::PathBuf;

use portcullis::BoxFuture;

use super::{Mail, Mailer};

/// Writes mail into files in a directory, for development and tests.
#[derive(Debug)]
pub struct FolderMail {
    folder: PathBuf,
}

impl FolderMail {
    /// The directory is created with the first mail, accessible to its owner only.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn write(&self, mail: &Mail) -> std::io::Result<()> {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let name = format!("{}.txt", bson::oid::ObjectId::new().to_hex());
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.folder.join(name))?;
        let header = |text: &str| text.replace(['\r', '\n'], " ");
        let text = format!("To: {}\nSubject: {}\n\n{}\n", header(&mail.to), header(&mail.subject), mail.text);
        std::io::Write::write_all(&mut file, text.as_bytes())
    }
}

impl Mailer for FolderMail {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { self.write(&mail).map_err(|error| error.to_string()) })
    }
}
