use super::App;
use crate::auth::{self, ProviderType};

impl App {
    /// The id of the application: `client_app_id`, `app_id` or `name` in its own file, whichever is found first. It is
    /// the audience of the application's tokens and separates its users from those of other applications. `None` if
    /// there is none of these keys: directory names would not be unique.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let config = self.config.present()?;
        let written = ["client_app_id", "app_id", "name"].into_iter().filter_map(|key| config.text(key));
        written.into_iter().find(|id| !id.is_empty())
    }

    /// Whether anonymous users can log in, which takes an `anon-user` provider that is not disabled.
    #[must_use]
    pub fn takes_anonymous_users(&self) -> bool {
        self.providers.iter().any(|provider| {
            auth::Provider::compile(&provider.config.node)
                .is_ok_and(|provider| provider.kind() == ProviderType::Anonymous && !provider.is_disabled())
        })
    }
}
