use super::admission::{Condition, ReturnType, Validation};
use super::error::{EndpointError, EndpointErrorKind};
use super::guards::ENDPOINT;
use super::method::Methods;
use super::reader::Reader;
use crate::json::Node;

/// The settings of an HTTPS endpoint: an entry of `http_endpoints/config.json`. The user to run as is a setting of the
/// function.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// The path after `…/endpoint`, which starts with `/`.
    pub route: String,
    /// The methods that are accepted.
    pub methods: Methods,
    /// The name of the function that handles requests.
    pub function: String,
    /// Whether it is disabled, so that it responds as if it did not exist.
    pub is_disabled: bool,
    /// How requests are validated.
    pub validation: Validation,
    /// The condition for making requests, in addition to that of the function.
    pub can_evaluate: Condition,
    /// Whether the function's return value is the body of the response.
    pub responds_result: bool,
    /// The default format of results.
    pub return_type: ReturnType,
    /// Whether the user object of the function contains custom data.
    pub fetches_custom_data: bool,
    /// Whether valid credentials that do not belong to a user create one.
    pub creates_users: bool,
}

impl EndpointConfig {
    /// Compiles the settings.
    ///
    /// # Errors
    /// All errors, in source order.
    pub fn compile(node: &Node) -> Result<Self, Vec<EndpointError>> {
        let mut reader = Reader::new("an endpoint", node)?;
        reader.check_guards(&ENDPOINT);
        let route = reader.text("route");
        match route {
            Some(route) if !route.starts_with('/') => {
                let kind = EndpointErrorKind::Route(route.value.to_owned());
                reader.add(EndpointError::new(kind, route.span).help(format!("is `/{}` meant?", route.value)));
            }
            Some(_) => {}
            None => reader.missing("route", "name the path behind `/endpoint`, such as `/orders`"),
        }
        let function = reader.text("function_name");
        if function.is_none() {
            reader.missing("function_name", "name the function that answers");
        }
        let methods = reader.text("http_method");
        let methods = match methods {
            None => {
                reader.missing("http_method", "name a method, or `*` for all");
                None
            }
            Some(name) => {
                let methods = Methods::from_name(name.value).filter(|_| name.value != "ANY");
                if methods.is_none() {
                    reader.report(EndpointErrorKind::MethodUnknown(name.value.to_owned()), name.span);
                }
                methods
            }
        };
        let validation = Validation::read(&mut reader, "validation_method", "secret_name");
        let config = Self {
            route: route.map_or_else(String::new, |route| route.value.to_owned()),
            methods: methods.unwrap_or(Methods::Any),
            function: function.map_or_else(String::new, |name| name.value.to_owned()),
            is_disabled: reader.flag("disabled", false),
            validation: validation.unwrap_or(Validation::None),
            can_evaluate: Condition::read(node.get("can_evaluate")),
            responds_result: reader.flag("respond_result", false),
            return_type: ReturnType::read(&mut reader),
            fetches_custom_data: reader.flag("fetch_custom_user_data", false),
            creates_users: reader.flag("create_user_on_auth", false),
        };
        reader.finish()?;
        Ok(config)
    }
}
