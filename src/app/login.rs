use super::App;
use crate::auth::{self, ProviderType};

impl App {
    /// The application's id, the audience of its tokens, which also separates its users from those of other
    /// applications: `client_app_id`, `app_id` or `name` of its own file, in this order. `None` if it has none of them:
    /// a directory name is not used, since another application may have the same.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let config = self.config.present()?;
        let written = ["client_app_id", "app_id", "name"].into_iter().filter_map(|key| config.text(key));
        written.into_iter().find(|id| !id.is_empty())
    }

    /// Whether anonymous login is enabled: whether there is a provider `anon-user` that is not disabled.
    #[must_use]
    pub fn takes_anonymous_users(&self) -> bool {
        self.providers.iter().any(|provider| {
            auth::Provider::compile(&provider.config.node)
                .is_ok_and(|provider| provider.kind() == ProviderType::Anonymous && !provider.is_disabled())
        })
    }
}
