//! What a string in the rules stands for (an expansion, an operator, a path), and where each expansion is allowed.

/// The place in which an expression is used, by its name in test files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Role,
    Field,
    Filter,
    Query,
    Endpoint,
    Service,
    Sync,
}

impl Scope {
    pub fn parse(name: &str) -> Option<Scope> {
        Some(match name {
            "role" => Scope::Role,
            "field" => Scope::Field,
            "filter" => Scope::Filter,
            "query" => Scope::Query,
            "endpoint" => Scope::Endpoint,
            "service" => Scope::Service,
            "sync" => Scope::Sync,
            _ => return None,
        })
    }

    fn knows(self, expansion: &str) -> bool {
        match expansion {
            "true" | "false" | "user" | "values" | "environment" => true,
            "request" | "now" => self != Scope::Sync,
            "root" | "prevRoot" => matches!(self, Scope::Role | Scope::Field),
            "this" | "prev" => self == Scope::Field,
            "args" => self == Scope::Service,
            "partition" => self == Scope::Sync,
            _ => false,
        }
    }

    /// Whether plain paths are allowed here.
    pub fn has_plain_paths(self) -> bool {
        matches!(self, Scope::Role | Scope::Field | Scope::Query | Scope::Service)
    }
}

const EXPANSIONS: [&str; 13] = [
    "true",
    "false",
    "user",
    "values",
    "environment",
    "request",
    "root",
    "prevRoot",
    "this",
    "prev",
    "args",
    "partition",
    "now",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    pub name: String,
    pub path: Vec<String>,
}

impl Expansion {
    /// Returns `None` for a string that is not written as an expansion, and an error for one that is but is not
    /// valid.
    pub fn parse(text: &str) -> Option<Result<Expansion, String>> {
        text.strip_prefix("%%").map(|rest| {
            let mut parts = rest.split('.').map(str::to_string);
            let name = parts.next().unwrap_or_default();
            let mut path: Vec<String> = parts.collect();
            if !EXPANSIONS.contains(&name.as_str()) || text[2..].contains("%%") {
                return Err(format!("unknown expansion `{text}`"));
            }
            if path.iter().any(String::is_empty) {
                return Err(format!("empty path segment in `{text}`"));
            }
            if name == "user" && path.first().is_some_and(|first| first == "identities") {
                for segment in &mut path {
                    if segment == "providerType" {
                        *segment = "provider_type".to_string();
                    }
                }
            }
            Ok(Expansion { name, path })
        })
    }

    pub fn is_constant(&self) -> bool {
        self.name == "true" || self.name == "false"
    }

    pub fn is_document(&self) -> bool {
        matches!(self.name.as_str(), "root" | "prevRoot" | "this" | "prev")
    }

    /// Whether this is one of the whole objects that are allowed only as arguments of functions.
    fn is_whole_object(&self) -> bool {
        match self.name.as_str() {
            "user" | "request" | "values" | "environment" if self.path.is_empty() => true,
            "request" => self.path == ["requestHeaders"],
            _ => false,
        }
    }

    pub fn check(&self, scope: Scope, as_argument: bool) -> Result<(), String> {
        if !scope.knows(&self.name) {
            return Err(format!("`%%{}` does not exist in scope {scope:?}", self.name));
        }
        if (self.is_constant() || self.name == "now") && !self.path.is_empty() {
            return Err(format!("a path below `%%{}`", self.name));
        }
        if self.is_whole_object() && !as_argument {
            return Err(format!("`%%{}` is a function argument only", self.name));
        }
        Ok(())
    }
}

/// Whether a string such as `%user.custom_data` lacks a percent sign to be an expansion.
pub fn is_half_expansion(text: &str) -> bool {
    text.strip_prefix('%').is_some_and(|rest| {
        let name = rest.split('.').next().unwrap_or_default();
        EXPANSIONS.contains(&name)
    })
}

pub fn is_logical(name: &str) -> bool {
    matches!(operator(name), Some("and" | "or" | "nor" | "not"))
}

/// The operator that a name spells with `%` or `$`, without that sign.
pub fn operator(name: &str) -> Option<&str> {
    if name == "%neq" {
        return Some("ne");
    }
    let bare = name.strip_prefix(['%', '$'])?;
    matches!(
        bare,
        "and"
            | "or"
            | "nor"
            | "not"
            | "exists"
            | "eq"
            | "ne"
            | "gt"
            | "gte"
            | "lt"
            | "lte"
            | "in"
            | "nin"
            | "all"
            | "size"
            | "elemMatch"
            | "type"
            | "mod"
            | "regex"
            | "options"
            | "stringToOid"
            | "oidToString"
            | "stringToUuid"
            | "uuidToString"
            | "function"
    )
    .then_some(bare)
}

/// Whether a field name cannot be the name of data, because of its first character.
pub fn has_sign(name: &str) -> bool {
    name.starts_with(['%', '$'])
}

pub fn plain_path(name: &str) -> Result<Vec<String>, String> {
    let path: Vec<String> = name.split('.').map(str::to_string).collect();
    if path.iter().any(String::is_empty) {
        return Err(format!("empty path segment in `{name}`"));
    }
    Ok(path)
}
