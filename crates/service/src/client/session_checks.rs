use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis::auth::token::AccessToken;
use portcullis::login::LoginError;
use tokio::sync::{Notify, oneshot};

use super::error::TokenKind;
use super::{ClientApi, ClientError};

/// The maximum number of sessions that one query to the stores checks.
const MAX_BATCH: usize = 500;

/// How long a check that is not urgent waits for a batch to fill.
const BATCH_DELAY: Duration = Duration::from_millis(20);

/// Checks whether sessions are still valid, in batches: thousands of streams check theirs every second.
#[derive(Default)]
pub(super) struct SessionChecks {
    waiting: Mutex<Waiting>,
    /// Notified when an urgent check is waiting, so that its batch is not delayed.
    hurry: Notify,
}

#[derive(Default)]
struct Waiting {
    questions: VecDeque<Question>,
    /// Whether a task is querying the stores.
    is_asking: bool,
    is_urgent: bool,
}

struct Question {
    session_id: String,
    user_id: String,
    answer: oneshot::Sender<Result<(), ClientError>>,
}

/// The task that queries the stores. If it ends early, the waiting checks fail, and the next check starts another task.
struct CheckTask {
    api: Arc<ClientApi>,
    is_done: bool,
}

impl CheckTask {
    async fn run(&mut self) {
        while let Some(questions) = self.api.session_checks.next().await {
            self.api.ask(questions).await;
        }
        self.is_done = true;
    }
}

impl Drop for CheckTask {
    fn drop(&mut self) {
        if !self.is_done {
            let mut waiting = self.api.session_checks.waiting();
            waiting.is_asking = false;
            waiting.questions.clear();
        }
    }
}

/// Whether a check may wait for a batch to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// A change is waiting to be sent.
    Urgent,
    HasTime,
}

impl SessionChecks {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch of checks; `None` when none are left, which ends the task.
    async fn next(&self) -> Option<Vec<Question>> {
        let is_urgent = self.waiting().is_urgent;
        if !is_urgent {
            let _ = tokio::time::timeout(BATCH_DELAY, self.hurry.notified()).await;
        }
        let mut waiting = self.waiting();
        let count = waiting.questions.len().min(MAX_BATCH);
        let next: Vec<Question> = waiting.questions.drain(..count).collect();
        waiting.is_urgent &= !waiting.questions.is_empty();
        waiting.is_asking = !next.is_empty();
        waiting.is_asking.then_some(next)
    }
}

impl ClientApi {
    /// Fails unless the session of an access token is still valid. The token was accepted earlier and may have expired
    /// since. The stores are queried after this call begins.
    pub(super) async fn session_lasts(
        self: &Arc<Self>,
        token: &AccessToken,
        urgency: Urgency,
    ) -> Result<(), ClientError> {
        let (answer, answered) = oneshot::channel();
        let question = Question { session_id: token.session.id.clone(), user_id: token.user.id.clone(), answer };
        let must_begin = {
            let mut waiting = self.session_checks.waiting();
            waiting.questions.push_back(question);
            waiting.is_urgent |= urgency == Urgency::Urgent;
            !std::mem::replace(&mut waiting.is_asking, true)
        };
        if urgency == Urgency::Urgent {
            self.session_checks.hurry.notify_one();
        }
        if must_begin {
            let mut task = CheckTask { api: Arc::clone(self), is_done: false };
            tokio::spawn(async move { task.run().await });
        }
        answered.await.map_err(|_| ClientError::internal("nobody asked whether the session lasts"))?
    }

    async fn ask(&self, questions: Vec<Question>) {
        let asked: Vec<_> = questions.iter().map(|one| (one.session_id.as_str(), one.user_id.as_str())).collect();
        match self.authenticator.sessions_last(&asked).await {
            Ok(answers) => {
                for (question, answer) in questions.into_iter().zip(answers) {
                    // Ignored if the caller no longer waits.
                    let _ = question.answer.send(answer.map_err(|error| client_error(&error)));
                }
            }
            Err(error) => {
                for question in questions {
                    let _ = question.answer.send(Err(client_error(&error)));
                }
            }
        }
    }
}

fn client_error(error: &LoginError) -> ClientError {
    match error {
        // Clients recognize the end of a stream by this code, whatever the reason.
        LoginError::UserDisabled(_) => ClientError::session("invalid session: user disabled"),
        error => ClientError::of_token(error, TokenKind::Access),
    }
}
