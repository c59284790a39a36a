use portcullis::App;
use portcullis::auth::{Provider, ProviderType};
use portcullis::json::Node;

/// The authentication providers of an application.
#[derive(Clone, Debug, Default)]
pub struct Providers {
    /// The names and types of the providers that are enabled and supported.
    pub served: Vec<(String, ProviderType)>,
    /// The names of the others that are enabled, with the reason why they are not supported.
    pub refused: Vec<(String, &'static str)>,
    pub(super) password: Option<PasswordSettings>,
    /// The function of the provider `custom-function`.
    pub(super) login_function: Option<String>,
}

/// `config` of the provider `local-userpass`.
#[derive(Clone, Debug, Default)]
pub(super) struct PasswordSettings {
    pub(super) confirmation: Confirmation,
    /// The page to which password-reset mails link.
    pub(super) reset_url: Option<String>,
    /// The subjects of the mails.
    pub(super) confirm_subject: Option<String>,
    pub(super) reset_subject: Option<String>,
    /// The function that resets passwords; empty if the configuration requires one but does not name it.
    pub(super) reset_function: Option<String>,
}

/// How addresses are confirmed.
#[derive(Clone, Debug, Default)]
pub(super) enum Confirmation {
    /// At registration, without proof.
    #[default]
    Automatic,
    /// By a mail with a link to this page.
    Mail(Option<String>),
    /// By this function; empty if the configuration does not name one.
    Function(String),
}

impl Providers {
    /// The providers of an application.
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

    /// The type of a supported provider.
    pub(super) fn kind(&self, name: &str) -> Option<ProviderType> {
        self.served.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    /// Whether users can log in with API keys.
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

/// A non-empty string in a provider's `config`.
fn text(node: &Node, name: &str) -> Option<String> {
    let text = node.get("config").and_then(|config| config.get(name)).and_then(Node::as_str);
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}
