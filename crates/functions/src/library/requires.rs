//! Finds the modules that a source requires, and reports those that do not exist.

use std::collections::HashSet;

use super::guards::guarded;
use super::node_modules::{Resolution, unavailable};
use super::packages::Packages;
use super::tokens::{Token, tokens};

/// A missing module, which prevents a source from running.
pub(super) struct Found {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) message: String,
}

/// The most package files that one function may require, directly or indirectly.
const MAX_REACHED: usize = 5000;

/// Finds all missing modules that a function's source requires, directly or through packages. A source that catches the
/// errors of a `require` runs without the module: what is missing there, or in what is required there, throws only when
/// it is required.
pub(super) fn search(file: &str, source: &str, packages: &Packages) -> Vec<Found> {
    let mut found = Vec::new();
    let mut reached = HashSet::new();
    let mut todo: Vec<(String, Option<String>)> = vec![(file.to_owned(), None)];
    while let Some((file, package)) = todo.pop() {
        let text = match &package {
            None => source,
            Some(key) => packages.text(key).unwrap_or_default(),
        };
        if package.is_some() && file.ends_with(".json") {
            continue;
        }
        for asked in asked(text) {
            match asked {
                Dependency::Import(line, name) if package.is_none() => {
                    let name = name.map_or_else(String::new, |name| format!(" of `{name}`"));
                    let message = format!("the static import{name} is not available in functions: use require");
                    found.push(Found { file: file.clone(), line, message });
                }
                Dependency::DynamicImport(line, name) if package.is_none() => {
                    let message = format!("the dynamic import of `{name}` is not available in functions: use require");
                    found.push(Found { file: file.clone(), line, message });
                }
                Dependency::Import(..) | Dependency::DynamicImport(..) => {}
                Dependency::Require(line, name) => match packages.resolve(&file, &name) {
                    Resolution::Own(_) => {}
                    Resolution::Package(key) => {
                        if reached.len() < MAX_REACHED && reached.insert(key.clone()) {
                            todo.push((key.clone(), Some(key)));
                        }
                    }
                    missing => {
                        let message = unavailable(&name, &missing);
                        found.push(Found { file: shown(&file), line, message });
                    }
                },
            }
        }
    }
    found
}

/// The path of a package's file, relative to the application directory.
fn shown(file: &str) -> String {
    if file.starts_with("node_modules/") { format!("functions/{file}") } else { file.to_owned() }
}

enum Dependency {
    Require(u32, String),
    Import(u32, Option<String>),
    DynamicImport(u32, String),
}

fn asked(source: &str) -> Vec<Dependency> {
    let tokens = tokens(source);
    let guarded = guarded(&tokens);
    let mut asked = Vec::new();
    let at = |index: usize| tokens.get(index).map(|(token, _)| token);
    for (index, (token, line)) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let before = index.checked_sub(1).and_then(at);
        if before == Some(&Token::Sign('.')) {
            continue;
        }
        match (word.as_str(), at(index + 1), at(index + 2), at(index + 3)) {
            ("require", Some(Token::Sign('(')), Some(Token::Text(name)), Some(Token::Sign(')' | ',')))
                if !guarded.get(index).copied().unwrap_or(false) =>
            {
                asked.push(Dependency::Require(*line, name.clone()));
            }
            ("import", Some(Token::Sign('(')), Some(Token::Text(name)), Some(Token::Sign(')' | ','))) => {
                asked.push(Dependency::DynamicImport(*line, name.clone()));
            }
            // `import x from "y"` and `import "y"`, but not `import(x)`, `import.meta` or `{import: 1}`.
            ("import", Some(next), ..) if !matches!(next, Token::Sign('(' | '.' | ':' | ',' | '}' | '=')) => {
                let rest = tokens.iter().skip(index + 1).take(64);
                let name = rest.clone().find_map(|(token, _)| match token {
                    Token::Text(name) => Some(name.clone()),
                    _ => None,
                });
                asked.push(Dependency::Import(*line, name));
            }
            _ => {}
        }
    }
    asked
}
