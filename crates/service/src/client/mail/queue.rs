use std::sync::Arc;
use std::time::Duration;

use portcullis::BoxFuture;
use tokio::sync::Semaphore;

use super::{Mail, Mailer};

/// The most mails that are waiting.
const MAX_WAITING: usize = 1000;

/// The most mails that are sent concurrently.
const MAX_CONCURRENT: usize = 4;

/// The delays after failed attempts; after the last one, the mail is dropped.
const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(20), Duration::from_secs(120)];

/// Accepts mails immediately and sends them in the background, so that a slow mail server does not delay replies. Mails
/// that have not been sent when the process ends are lost; users can request them again.
pub struct QueuedMail {
    mailer: Arc<dyn Mailer>,
    waiting: Arc<Semaphore>,
    sending: Arc<Semaphore>,
}

impl QueuedMail {
    /// Sends mails through this mailer.
    #[must_use]
    pub fn new(mailer: Arc<dyn Mailer>) -> Self {
        let (waiting, sending) = (Arc::new(Semaphore::new(MAX_WAITING)), Arc::new(Semaphore::new(MAX_CONCURRENT)));
        Self { mailer, waiting, sending }
    }
}

impl Mailer for QueuedMail {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // Retries would occupy a place in the queue for minutes. The caller learns no more than about an address
            // that nobody reads.
            if let Err(error) = self.mailer.check(&mail.to) {
                tracing::warn!(error, "a mail could not be sent; giving up");
                return Ok(());
            }
            let place = Arc::clone(&self.waiting).try_acquire_owned();
            let place = place.map_err(|_| format!("{MAX_WAITING} mails are waiting to be sent"))?;
            let (mailer, sending) = (Arc::clone(&self.mailer), Arc::clone(&self.sending));
            tokio::spawn(async move {
                send(&*mailer, &sending, mail).await;
                drop(place);
            });
            Ok(())
        })
    }
}

async fn send(mailer: &dyn Mailer, sending: &Semaphore, mail: Mail) {
    let mut pauses = PAUSES.iter();
    loop {
        let sent = {
            let _turn = sending.acquire().await;
            mailer.send(mail.clone()).await
        };
        let Err(error) = sent else { return };
        let Some(pause) = pauses.next() else {
            tracing::error!(error, "a mail could not be sent; giving up");
            return;
        };
        tracing::warn!(error, "a mail could not be sent; it will be retried");
        tokio::time::sleep(*pause).await;
    }
}
