//! State shared by all calls of a runtime.

use std::sync::Arc;

use bson::{Bson, Document, doc};
use portcullis::app::Secrets;
use portcullis::eval::{Context, Request, Truth, bind};
use portcullis::predicate::{Scope, lower};
use portcullis::{App, BoxFuture, User, UserType, expr};

use crate::http::HttpClient;
use crate::library::{Condition, Entry};
use crate::{Backend, Library, Options, Rights};

/// The application, and everything that its functions can access.
pub(crate) struct Shared {
    pub(crate) app: Arc<App>,
    pub(crate) secrets: Secrets,
    pub(crate) library: Library,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) options: Options,
    pub(crate) http: HttpClient,
}

impl Shared {
    /// Whether `can_evaluate` holds; it does not if it fails or cannot be decided. `Err` is a future of the answer, for
    /// a condition that calls functions.
    pub(crate) fn may_evaluate<'a>(
        &'a self,
        entry: &'a Entry,
        user: &'a User,
        request: Option<&'a Request>,
    ) -> Result<bool, BoxFuture<'a, bool>> {
        match &entry.condition {
            Condition::Always => Ok(true),
            Condition::If(predicate) => {
                let context = self.context(user, request);
                Ok(bind(predicate, &context).constant() == Some(Truth::True))
            }
            Condition::Asking(predicate) => Err(self.backend.holds(predicate, user, request)),
        }
    }

    /// Whether a rule of an HTTP service allows an action.
    pub(crate) fn may_send(&self, service: &str, action: &str, arguments: Document, user: &User) -> bool {
        let rules = self.app.service_rules.iter().filter(|rule| rule.service == service);
        let allowing = rules.filter(|rule| rule.actions.iter().any(|allowed| allowed == action));
        let context = self.context(user, None).with_args(arguments);
        allowing.into_iter().any(|rule| match rule.when() {
            None => true,
            Some(when) => {
                let predicate = expr::parse(when).ok().and_then(|expr| lower(&expr, Scope::Service).ok());
                predicate.is_some_and(|predicate| bind(&predicate, &context).constant() == Some(Truth::True))
            }
        })
    }

    fn context(&self, user: &User, request: Option<&Request>) -> Context {
        let mut context = Context::new().with_user(user.clone());
        if let Some(request) = request {
            context = context.with_request(request.clone());
        }
        self.app.with_secrets(self.app.with_configuration(context), &self.secrets)
    }

    /// The rights of the user with this ID, or why there are none.
    pub(crate) async fn user_rights(&self, id: &str) -> Result<Rights, String> {
        match self.backend.user(id).await {
            Ok(Some(user)) if user.kind == UserType::System => Err("the system user has no ID".into()),
            Ok(Some(user)) => Ok(Rights::User(Arc::new(user))),
            Ok(None) => Err("there is no such user, or it is disabled".into()),
            Err(error) => Err(format!("the user cannot be looked up: {error}")),
        }
    }

    /// The result of `context.values.get`.
    pub(crate) fn value(&self, name: &str) -> Option<Bson> {
        match self.app.secret_values.get(name) {
            Some(secret) => self.secrets.get(secret).map(Bson::from),
            None => self.app.values.get(name).cloned(),
        }
    }

    /// The kind of service that `context.services.get` returns for a name.
    pub(crate) fn service_kind(&self, name: &str) -> Option<&'static str> {
        if self.backend.has_data_source(name) {
            return Some("data");
        }
        let kind = self.app.other_services.get(name)?.kind.as_deref();
        (kind == Some("http")).then_some("http")
    }

    /// The value of `context.app`.
    pub(crate) fn app_document(&self) -> Document {
        let text = |keys: &[&str]| {
            let config = self.app.config.present();
            let found = config.and_then(|config| keys.iter().find_map(|key| config.node.get(key)?.as_str()));
            found.unwrap_or_default().to_owned()
        };
        let id = text(&["app_id", "client_app_id"]);
        doc! {
            "id": &id,
            "clientAppId": &id,
            "name": &self.app.name,
            "projectId": "",
            "deployment": { "model": text(&["deployment_model"]), "providerRegion": text(&["provider_region", "location"]) },
            "lastDeployed": "",
            "hostingUri": "",
        }
    }
}
