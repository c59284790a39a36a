use std::collections::BTreeSet;
use std::sync::Arc;

use super::{App, ConfigFile, Provider};
use crate::json::{Kind, Node};
use crate::text::{Source, Span};

/// A place in the configuration that asks for a function.
#[derive(Clone, Debug)]
pub struct FunctionUse<'a> {
    /// The function's name.
    pub function: &'a str,
    /// The file.
    pub source: &'a Arc<Source>,
    /// The position of the name in the file.
    pub span: Span,
    /// Whether the trigger, endpoint or provider is in effect, and not disabled.
    pub is_on: bool,
}

impl App {
    /// The places that ask for functions by name: triggers, endpoints, authentication, and `%function` in rules.
    #[must_use]
    pub fn function_uses(&self) -> Vec<FunctionUse<'_>> {
        let mut uses = self.configured_functions();
        let mut seen = BTreeSet::new();
        for file in self.config_files() {
            calls(&file.node, file, &mut |used| {
                if seen.insert((used.source.name(), used.span.start)) {
                    uses.push(used);
                }
            });
        }
        uses
    }

    /// The places outside of rules that ask for functions.
    pub(super) fn configured_functions(&self) -> Vec<FunctionUse<'_>> {
        let mut uses = Vec::new();
        for trigger in &self.triggers {
            let (file, is_on) = (&trigger.config, trigger.config.is_enabled());
            uses.extend(used(file, file.node.get("function_name"), is_on));
            let processors = file.node.get("event_processors").and_then(Node::as_object).unwrap_or_default();
            for processor in processors.iter().filter(|processor| processor.key == "FUNCTION") {
                let settings = processor.value.get("config");
                uses.extend(used(file, settings.and_then(|settings| settings.get("function_name")), is_on));
            }
        }
        for endpoint in &self.endpoints {
            let file = &endpoint.config;
            uses.extend(used(file, file.node.get("function_name"), file.is_enabled()));
        }
        for provider in &self.providers {
            uses.extend(of_provider(provider));
        }
        if let Some(file) = self.custom_user_data.present() {
            uses.extend(used(file, file.node.get("on_user_creation_function_name"), true));
        }
        uses
    }
}

fn of_provider(provider: &Provider) -> impl Iterator<Item = FunctionUse<'_>> {
    let file = &provider.config;
    let settings = file.node.get("config");
    let get = move |key: &str| settings.and_then(|settings| settings.get(key));
    // Exports retain the names of functions that are not called.
    let runs = |key: &str| get(key).and_then(Node::as_bool) == Some(true);
    let keys: &[(&str, bool)] = match provider.kind.as_str() {
        "custom-function" => &[("authFunctionName", true)],
        "local-userpass" => &[
            ("confirmationFunctionName", runs("runConfirmationFunction")),
            ("resetFunctionName", runs("runResetFunction")),
        ],
        _ => &[],
    };
    let keys: Vec<&str> = keys.iter().filter(|(_, runs)| *runs).map(|(key, _)| *key).collect();
    keys.into_iter().filter_map(move |key| used(file, get(key), file.is_enabled()))
}

fn used<'a>(file: &'a ConfigFile, name: Option<&'a Node>, is_on: bool) -> Option<FunctionUse<'a>> {
    let name = name?;
    let function = name.as_str().filter(|function| !function.is_empty())?;
    Some(FunctionUse { function, source: &file.source, span: name.span, is_on })
}

/// Visits the names in `%function`.
fn calls<'a>(node: &'a Node, file: &'a ConfigFile, visit: &mut impl FnMut(FunctionUse<'a>)) {
    match &node.kind {
        Kind::Object(members) => {
            for member in members {
                if member.key == "%function"
                    && let Some(used) = used(file, member.value.get("name"), true)
                {
                    visit(used);
                }
                calls(&member.value, file, visit);
            }
        }
        Kind::Array(elements) => elements.iter().for_each(|element| calls(element, file, visit)),
        _ => {}
    }
}
