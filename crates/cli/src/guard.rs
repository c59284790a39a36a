use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use portcullis::Context;
use portcullis::app::Applicable;
use portcullis::login::DataAge;
use portcullis::policy::{self, RulesFile};
use portcullis::schema::Schema;
use portcullis::text::{Finding, closest};
use portcullis::{App, Guard, Policy, User};
use portcullis_service::DocumentPlace;

use super::application::load_app;
use super::asker::{Asker, ResolvedUser};
use super::context::ContextArgs;
use super::documents::DocumentArgs;
use super::freshness::FreshnessArgs;
use super::input::Input;
use super::output::note;
use super::secrets::SecretArgs;
use super::stores::StoreArgs;
use super::trouble::Trouble;

/// By which rules, and for whom.
#[derive(Debug, clap::Args)]
pub(super) struct GuardArgs {
    /// The application directory (default, without --rules: the current directory)
    #[arg(long, value_name = "DIR", conflicts_with_all = ["rules", "schema"])]
    app: Option<PathBuf>,
    /// The data source, if several have the collection
    #[arg(long, conflicts_with = "rules")]
    service: Option<String>,
    /// Environment tag of the application
    #[arg(long, conflicts_with = "rules")]
    tag: Option<String>,
    /// The rules of one collection, instead of an application
    #[arg(long, value_name = "JSON|FILE")]
    rules: Option<String>,
    /// A schema, along with --rules
    #[arg(long, value_name = "JSON|FILE", requires = "rules")]
    schema: Option<String>,
    /// Where the command's documents are stored.
    #[arg(skip)]
    place: OnceLock<DocumentPlace>,
    /// When the token expires that was read.
    #[arg(skip)]
    expiry: OnceLock<SystemTime>,
    /// Access token issued by Portcullis, or a file written by `portcullis login --json`
    #[arg(long, value_name = "TOKEN|FILE|-", conflicts_with_all = ["user", "as_system", "rules"])]
    token: Option<String>,
    #[command(flatten)]
    freshness: FreshnessArgs,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    pub(super) stores: StoreArgs,
    #[command(flatten)]
    pub(super) secrets: SecretArgs,
}

impl GuardArgs {
    /// Builds the guard of a collection, and returns the age of the user object unless it was given on the command
    /// line. `missing` says how to name the collection.
    pub(super) fn guard(&self, namespace: Option<&str>, missing: &str) -> Result<(Guard, Option<DataAge>), Trouble> {
        guard(self, namespace, missing)
    }

    /// The context for a single expression: no application is needed, and one in the current directory is ignored.
    pub(super) fn lone_context(&self) -> Result<Context, Trouble> {
        let Some(directory) = &self.app else {
            if self.token.is_some() {
                return Err(Trouble::usage("--token requires --app, which determines how the token is verified"));
            }
            if self.stores.names_custom_data() {
                return Err(Trouble::usage(
                    "--custom-data needs --app, which says which field of its documents holds the user's ID; or write \
                     `\"custom_data\": {…}` into the object of --user",
                ));
            }
            self.secrets.refuse_without_app()?;
            return self.context.context(self.context.user()?);
        };
        let app = load_app(directory, self.tag.as_deref())?;
        let (user, _) = user(self, &app)?;
        let secrets = self.secrets.read(&app)?;
        self.secrets.note_unused(&app)?;
        let context = app.with_secrets(self.context.context(user)?, &secrets);
        Ok(app.with_configuration(context))
    }

    /// Replaces the `%()` templates of a rule given on the command line.
    pub(super) fn expanded(&self, input: Input, what: &str) -> Result<Input, Trouble> {
        self.context.expanded(input, what)
    }

    /// Sets where the documents are stored: custom data is looked up there unless it is given.
    pub(super) fn beside(&self, documents: &DocumentArgs) -> Result<&Self, Trouble> {
        let _ = self.place.set(documents.place()?);
        Ok(self)
    }

    /// `%%now`, if it was given.
    pub(super) const fn now(&self) -> Option<bson::DateTime> {
        self.context.now()
    }

    /// The expiry of the access token for which the [guard](Self::guard) was built; `None` if there was no token.
    pub(super) fn expiry(&self) -> Option<SystemTime> {
        self.expiry.get().copied()
    }
}

fn guard(args: &GuardArgs, namespace: Option<&str>, missing: &str) -> Result<(Guard, Option<DataAge>), Trouble> {
    if let Some(namespace) = namespace {
        args.stores.places().refuse_ours(namespace)?;
    }
    match (application(args)?, &args.rules) {
        (Some(directory), _) => {
            let namespace = namespace.ok_or_else(|| Trouble::usage(missing))?;
            if !namespace
                .split_once('.')
                .is_some_and(|(database, collection)| !database.is_empty() && !collection.is_empty())
            {
                return Err(Trouble::usage(format!("`{namespace}` is not of the form database.collection")));
            }
            app_guard(args, directory, namespace)
        }
        (None, Some(_)) if args.stores.names_custom_data() => Err(Trouble::usage(
            "--custom-data belongs to --app, which says which field of its documents holds the user's ID; with --rules write \
             `\"custom_data\": {…}` into the object of --user",
        )),
        (None, Some(rules)) => {
            args.secrets.refuse_without_app()?;
            let policy = rules_policy(rules, args)?;
            let namespace = namespace.unwrap_or_default();
            let context = args.context.context(args.context.user()?)?;
            Ok((Guard::new(policy, context).in_namespace(namespace), None))
        }
        (None, None) => Err(Trouble::usage("no rules given: pass --app DIR and the collection, or --rules FILE")),
    }
}

/// The application directory: the one given or, without `--rules`, the current directory.
fn application(args: &GuardArgs) -> Result<Option<&Path>, Trouble> {
    match (&args.app, &args.rules) {
        (Some(directory), _) => Ok(Some(directory)),
        (None, Some(_)) => Ok(None),
        (None, None) => match App::discover(Path::new(".")).first() {
            Some(first) if first == Path::new(".") => Ok(Some(Path::new("."))),
            _ => Err(Trouble::usage(
                "no rules given, and no application in the current directory: pass --app DIR and the collection, or --rules FILE",
            )),
        },
    }
}

fn app_guard(args: &GuardArgs, directory: &Path, namespace: &str) -> Result<(Guard, Option<DataAge>), Trouble> {
    let app = load_app(directory, args.tag.as_deref())?;
    if let Some(service) = &args.service
        && !app.data_sources.iter().any(|source| source.name == *service)
    {
        let known: Vec<_> = app.data_sources.iter().map(|source| format!("`{}`", source.name)).collect();
        return Err(Trouble::usage(format!("no data source `{service}`; the application has {}", known.join(", "))));
    }
    let policies = app.policies_of(namespace);
    if let Applicable::Invalid = policies.applicable(&app, namespace, args.service.as_deref())? {
        let files = app.files_of(namespace, args.service.as_deref());
        let found = app.findings.iter().chain(policies.findings());
        let found = found.filter(|found| files.iter().any(|file| file == found.source.name())).cloned().collect();
        return Err(Trouble::Files { what: format!("the rules of `{namespace}` do not load"), found });
    }
    if app.collection(namespace, args.service.as_deref())?.is_none() {
        let names = app.collections.iter().map(|collection| collection.namespace.as_str());
        let hint = closest(namespace, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        note(&format!("the application has no file for `{namespace}`{hint}"));
    }
    let (user, age) = user(args, &app)?;
    let secrets = args.secrets.read(&app)?;
    args.secrets.note_unused(&app)?;
    let context = app.with_secrets(args.context.context(user)?, &secrets);
    Ok((policies.guard(&app, namespace, args.service.as_deref(), context)?, age))
}

/// Determines the user, and the age of the user object unless it was given on the command line.
fn user(args: &GuardArgs, app: &App) -> Result<(Option<User>, Option<DataAge>), Trouble> {
    let asker = Asker {
        token: args.token.as_deref(),
        freshness: &args.freshness,
        context: &args.context,
        stores: &args.stores,
        documents: args.place.get(),
    };
    let ResolvedUser { user, age, expiry } = asker.user(app)?;
    if let Some(expiry) = expiry {
        let _ = args.expiry.set(expiry);
    }
    Ok((user, age))
}

fn rules_policy(rules: &str, args: &GuardArgs) -> Result<Option<Arc<Policy>>, Trouble> {
    let input = args.context.expanded(Input::read(rules, "rules")?, "the rules")?;
    let mut rules = policy::compile(&input.node).map_err(|errors| {
        let findings = errors.into_iter().map(Finding::from).collect();
        Trouble::findings("the rules", &input.source, Some(&input.node), findings)
    })?;
    if let Some(schema) = &args.schema {
        let input = args.context.expanded(Input::read(schema, "schema")?, "the schema")?;
        let schema = Schema::compile(&input.node).map_err(|errors| {
            let findings = errors.into_iter().map(Finding::from).collect();
            Trouble::findings("the schema", &input.source, Some(&input.node), findings)
        })?;
        rules.schema = Some(schema);
    }
    Ok(RulesFile::effective(Some(&rules), None).map(Arc::new))
}
