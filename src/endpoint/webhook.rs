use super::admission::{Condition, RunAs, Validation};
use super::error::{EndpointError, EndpointErrorKind};
use super::guards::{WEBHOOK, WEBHOOK_OPTIONS};
use super::method::Methods;
use super::reader::Reader;
use crate::json::Node;

/// The settings of an incoming webhook of an older application.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// The methods that are accepted.
    pub methods: Methods,
    /// Whether it is disabled, so that it responds as if it did not exist.
    pub is_disabled: bool,
    /// How requests are validated.
    pub validation: Validation,
    /// The user to run the function as, which is the system user by default.
    pub run_as: RunAs,
    /// The condition for making requests.
    pub can_evaluate: Condition,
    /// Whether the function's return value is the body of the response.
    pub responds_result: bool,
    /// Whether the user object of the function contains custom data.
    pub fetches_custom_data: bool,
    /// Whether valid credentials that do not belong to a user create one.
    pub creates_users: bool,
}

impl WebhookConfig {
    /// Compiles the settings.
    ///
    /// # Errors
    /// All errors, in source order.
    pub fn compile(node: &Node) -> Result<Self, Vec<EndpointError>> {
        let mut reader = Reader::new("a webhook", node)?;
        let no_options = Node { span: node.span, kind: crate::json::Kind::Object(Vec::new()) };
        let options = node.get("options").unwrap_or(&no_options);
        let mut settings = Reader::new("a webhook's `options`", options)?;
        reader.check_guards(&WEBHOOK);
        settings.check_guards(&WEBHOOK_OPTIONS);
        let methods = match settings.text("httpMethod") {
            // Before the method could be chosen, webhooks accepted `POST`.
            None => Some(Methods::One(super::Method::Post)),
            Some(name) => {
                let methods = Methods::from_name(name.value);
                if methods.is_none() {
                    settings.report(EndpointErrorKind::MethodUnknown(name.value.to_owned()), name.span);
                }
                methods
            }
        };
        let validation = Self::read_validation(&mut settings);
        let is_callers = reader.flag("run_as_authed_user", false);
        let run_as = RunAs::read(&mut reader);
        let config = Self {
            methods: methods.unwrap_or(Methods::Any),
            is_disabled: reader.flag("disabled", false),
            validation: validation.unwrap_or(Validation::None),
            // Of several settings, the strictest applies.
            run_as: if is_callers { RunAs::Caller } else { run_as.unwrap_or(RunAs::System) },
            can_evaluate: Condition::read(node.get("can_evaluate")),
            responds_result: reader.flag("respond_result", false),
            fetches_custom_data: reader.flag("fetch_custom_user_data", false),
            creates_users: reader.flag("create_user_on_auth", false),
        };
        reader.finish()?;
        settings.finish()?;
        Ok(config)
    }

    /// Reads `validationMethod` or, from before 2020, `secretAsQueryParam`. A secret without either is an error,
    /// because it must not be ignored.
    fn read_validation(settings: &mut Reader<'_>) -> Option<Validation> {
        let in_query = settings.flag("secretAsQueryParam", false);
        if in_query && settings.text("validationMethod").is_none() {
            let secret = settings.text("secret").map(|secret| (*secret).to_owned());
            if secret.is_none() {
                let kind = EndpointErrorKind::SecretMissing { validation: "secretAsQueryParam", key: "secret" };
                let span =
                    settings.member("secretAsQueryParam").map_or_else(|| settings.begin(), |member| member.key_span);
                settings.report(kind, span);
            }
            return secret.map(|secret| Validation::SecretInQuery(super::SharedSecret::Written(secret)));
        }
        Validation::read(settings, "validationMethod", "secret")
    }
}
