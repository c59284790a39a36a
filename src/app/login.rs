use super::App;
use crate::auth::{self, ProviderType};

impl App {
    /// The application's id, which tokens are meant for: `app_id` of its own file, or else its name.
    #[must_use]
    pub fn id(&self) -> &str {
        let written = self.config.present().and_then(|config| config.text("app_id"));
        written.filter(|id| !id.is_empty()).unwrap_or(&self.name)
    }

    /// Whether users can log in without saying who they are: whether the provider `anon-user` is there and not disabled.
    #[must_use]
    pub fn takes_anonymous_users(&self) -> bool {
        self.providers.iter().any(|provider| {
            auth::Provider::compile(&provider.config.node)
                .is_ok_and(|provider| provider.kind() == ProviderType::Anonymous && !provider.is_disabled())
        })
    }
}
