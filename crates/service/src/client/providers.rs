use portcullis::App;
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
    /// The function of the provider `custom-function`.
    pub(super) login_function: Option<String>,
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
    /// The function that sets passwords anew; empty where the configuration names none.
    pub(super) reset_function: Option<String>,
}

/// How an address is confirmed.
#[derive(Clone, Debug, Default)]
pub(super) enum Confirmation {
    /// It is as soon as it is registered.
    #[default]
    Automatic,
    /// By a mail that links to this address.
    Mail(Option<String>),
    /// By this function; empty where the configuration names none.
    Function(String),
}

impl Providers {
    /// Those of an application.
    #[must_use]
    pub fn of(app: &App) -> Self {
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
                ProviderType::CustomFunction => match text(node, "authFunctionName") {
                    Some(name) => providers.login_function = Some(name),
                    None => {
                        providers.refused.push((found.name.clone(), "its `authFunctionName` names no function"));
                        continue;
                    }
                },
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
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.served.iter().any(|(_, kind)| *kind == ProviderType::ApiKey)
    }
}

impl PasswordSettings {
    fn read(node: &Node) -> Self {
        let config = node.get("config");
        let flag = |name: &str| config.and_then(|config| config.get(name)).and_then(Node::as_bool) == Some(true);
        let text = |name: &str| text(node, name);
        let confirmation = if flag("autoConfirm") {
            Confirmation::Automatic
        } else if flag("runConfirmationFunction") {
            Confirmation::Function(text("confirmationFunctionName").unwrap_or_default())
        } else {
            Confirmation::Mail(text("emailConfirmationUrl"))
        };
        let reset_function = flag("runResetFunction").then(|| text("resetFunctionName").unwrap_or_default());
        Self {
            confirmation,
            reset_url: text("resetPasswordUrl"),
            confirm_subject: text("confirmEmailSubject"),
            reset_subject: text("resetPasswordSubject"),
            reset_function,
        }
    }
}

/// A text of a provider's `config`.
fn text(node: &Node, name: &str) -> Option<String> {
    let text = node.get("config").and_then(|config| config.get(name)).and_then(Node::as_str);
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
