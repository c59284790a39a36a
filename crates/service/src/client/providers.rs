use portcullis::app::App;
use portcullis::auth::{Provider, ProviderType};
use portcullis::json::Node;

/// The ways to log in that an application has switched on.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// The names and types of those that are served.
    pub served: Vec<(String, ProviderType)>,
    /// Those that are not served, with the reason.
    pub refused: Vec<(String, &'static str)>,
    pub(super) password: Option<PasswordSettings>,
}

/// `config` of the provider `local-userpass`.
#[derive(Clone, Debug, Default)]
pub(super) struct PasswordSettings {
    pub(super) confirmation: Confirmation,
    /// Where a mail sends a user who forgot the password.
    pub(super) reset_url: Option<String>,
    /// The subjects of the mails.
    pub(super) confirm_subject: Option<String>,
    pub(super) reset_subject: Option<String>,
    /// Whether a function sets passwords anew.
    pub(super) has_reset_function: bool,
}

/// How an address is confirmed.
#[derive(Clone, Debug, Default)]
pub(super) enum Confirmation {
    /// It is as soon as it is registered.
    #[default]
    Automatic,
    /// By a mail that links to this address.
    Mail(Option<String>),
    /// By a function.
    Function,
}

impl Providers {
    /// Those of an application.
    pub(super) fn of(app: &App) -> Self {
        let mut providers = Self::default();
        for found in &app.providers {
            let node = &found.config.node;
            let Ok(provider) = Provider::compile(node) else {
                providers.refused.push((found.name.clone(), "its configuration does not load"));
                continue;
            };
            if provider.is_disabled() {
                continue;
            }
            match provider.kind() {
                ProviderType::EmailPassword => providers.password = Some(PasswordSettings::read(node)),
                ProviderType::Anonymous | ProviderType::ApiKey | ProviderType::CustomToken => {}
                ProviderType::CustomFunction => {
                    providers.refused.push((found.name.clone(), "it needs functions, which are not run yet"));
                    continue;
                }
                _ => {
                    providers.refused.push((found.name.clone(), "OAuth2 is not served"));
                    continue;
                }
            }
            providers.served.push((provider.name().to_owned(), provider.kind()));
        }
        providers
    }

    /// The type of a provider that is served.
    pub(super) fn kind(&self, name: &str) -> Option<ProviderType> {
        self.served.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    /// Whether keys open sessions.
    pub(super) fn has_keys(&self) -> bool {
        self.served.iter().any(|(_, kind)| *kind == ProviderType::ApiKey)
    }
}

impl PasswordSettings {
    fn read(node: &Node) -> Self {
        let config = node.get("config");
        let flag = |name: &str| config.and_then(|config| config.get(name)).and_then(Node::as_bool) == Some(true);
        let text = |name: &str| {
            let text = config.and_then(|config| config.get(name)).and_then(Node::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let confirmation = if flag("autoConfirm") {
            Confirmation::Automatic
        } else if flag("runConfirmationFunction") {
            Confirmation::Function
        } else {
            Confirmation::Mail(text("emailConfirmationUrl"))
        };
        Self {
            confirmation,
            reset_url: text("resetPasswordUrl"),
            confirm_subject: text("confirmEmailSubject"),
            reset_subject: text("resetPasswordSubject"),
            has_reset_function: flag("runResetFunction"),
        }
    }
}
