use super::App;
use crate::auth::{self, ProviderType};

impl App {
    /// The application's id, which tokens are meant for and by which its users are told from those of others: of its own
    /// file `client_app_id`, else `app_id`, else `name`. None where it has none of them: the name of a directory is no id,
    /// as another application can have it too.
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
