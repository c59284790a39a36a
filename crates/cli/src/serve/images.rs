use portcullis::text::OneLine;
use portcullis_service::client::{ClientApi, Host};

use crate::output::note;

/// What to do with MongoDB collections that have no pre-images enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Images {
    /// Enable pre-images.
    Kept,
    /// Leave the collections unchanged.
    LeftAsTheyAre,
}

impl Images {
    /// Enables pre-images for the applications' collections if configured, and reports which were changed and which
    /// cannot be.
    pub(super) async fn keep(self, host: &Host, apis: &[ClientApi]) {
        if self == Self::LeftAsTheyAre {
            return;
        }
        for (namespace, outcome) in host.keep_images(apis).await {
            let name = namespace.to_string();
            match outcome {
                Ok(false) => {}
                Ok(true) => note(&format!(
                    "MongoDB keeps pre-images of `{}` from now on, so that `watch` reports updates and deletions, and \
                     triggers get previous documents; with --pre-images off collections stay as they are",
                    OneLine(&name)
                )),
                Err(error) => note(&format!(
                    "`watch` reports updates and deletions in `{}` only where the rules hide nothing: {error}",
                    OneLine(&name)
                )),
            }
        }
    }
}
