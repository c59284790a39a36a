//! Mail to users: links that confirm an address or set a new password.

mod folder;
mod queue;
#[cfg(feature = "smtp")]
mod smtp;
mod texts;

use portcullis::BoxFuture;

pub use folder::FolderMail;
pub use queue::QueuedMail;
#[cfg(feature = "smtp")]
pub use smtp::{SmtpError, SmtpMail};
pub(super) use texts::MailValues;
pub use texts::{LANGUAGES, MailTexts, MailTextsError};

/// A mail to a user: a link that confirms an address or sets a new password.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same text as HTML.
    pub html: String,
}

/// Sends mail.
pub trait Mailer: Send + Sync {
    /// Checks whether mail can be sent to an address. It may be malformed, since clients may register any text.
    ///
    /// # Errors
    /// Why no mail can ever be sent to it.
    fn check(&self, _to: &str) -> Result<(), String> {
        Ok(())
    }

    /// Sends a mail, or accepts it for sending.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), String>>;
}
