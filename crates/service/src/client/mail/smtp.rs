use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use portcullis::BoxFuture;
use thiserror::Error;

use super::{Mail, Mailer};

/// The time limit for each command of a mail server.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends mails through a mail server.
pub struct SmtpMail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why mail cannot be sent. Does not show the URL of the server, which may contain a password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SmtpError {
    /// The URL of the server is invalid.
    #[error(
        "the mail server must be given as smtps://user:password@host, or as smtp:// with ?tls=required for STARTTLS"
    )]
    Server,
    /// The sender is not a valid address.
    #[error("the sender of mails must be an address as in `Shop <shop@example.com>`: {0}")]
    Sender(lettre::address::AddressError),
}

impl SmtpMail {
    /// Sends mail through a server such as `smtps://user:password@mail.example.com`, from a sender such as
    /// `Shop <shop@example.com>`.
    ///
    /// # Errors
    /// See [`SmtpError`].
    pub fn new(server: &str, from: &str) -> Result<Self, SmtpError> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(server).map_err(|_| SmtpError::Server)?;
        let transport = builder.timeout(Some(COMMAND_TIMEOUT)).build();
        Ok(Self { transport, from: from.parse().map_err(SmtpError::Sender)? })
    }

    async fn deliver(&self, mail: Mail) -> Result<(), String> {
        let to = Mailbox::new(None, address(&mail.to)?);
        let message = Message::builder().from(self.from.clone()).to(to).subject(mail.subject);
        let message = message.multipart(MultiPart::alternative_plain_html(mail.text, mail.html));
        let message = message.map_err(|error| error.to_string())?;
        self.transport.send(message).await.map(drop).map_err(|error| error.to_string())
    }
}

/// Parses an address without a display name: such a name would be text of a stranger in a mail of ours.
fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| "mail cannot be sent to this address".to_owned())
}

impl Mailer for SmtpMail {
    fn check(&self, to: &str) -> Result<(), String> {
        address(to).map(drop)
    }

    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.deliver(mail))
    }
}
