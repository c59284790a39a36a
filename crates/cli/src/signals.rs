//! The signals that end a command.

use tokio::signal::unix::{SignalKind, signal};

use super::trouble::Trouble;

/// Returns a future that completes when the process receives SIGTERM or SIGINT.
pub(super) fn stopped() -> Result<impl Future<Output = ()> + Send + 'static, Trouble> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}
