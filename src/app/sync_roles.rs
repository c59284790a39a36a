//! Converts the permissions that device sync had before 2023, when they were separate from rules, to roles. They
//! applied to sync only. They are therefore converted only for collections without roles, and only if the roles would
//! grant nothing more.

use super::{Collection, ConfigFile, SyncConfig};
use crate::expr;
use crate::json::{Kind, Member, Node};
use crate::predicate::{self, Scope};
use crate::text::Span;

/// The permissions in a settings file.
pub(super) enum Permissions<'s> {
    /// There are no permissions.
    None,
    /// `permissions`: roles by collection
    Flexible(&'s SyncConfig),
    /// `partition`: expressions that may refer to `%%partition`
    Partition(&'s SyncConfig),
    /// Both of them, so that it is unclear which apply.
    Both,
}

impl<'s> Permissions<'s> {
    pub(super) fn of(sync: &'s SyncConfig) -> Self {
        let any = |node: Option<&Node>| match node.map(|node| &node.kind) {
            None | Some(Kind::Null) => false,
            Some(Kind::Array(elements)) => !elements.is_empty(),
            Some(Kind::Object(members)) => !members.is_empty(),
            Some(_) => true,
        };
        let flexible = any(sync.rules()) || any(sync.default_roles());
        let partition = sync.config.node.get("partition").is_some_and(|node| any(node.get("permissions")));
        match (flexible, partition, sync.config.text("type")) {
            (false, false, _) => Self::None,
            (true, false, _) | (true, true, Some("flexible")) => Self::Flexible(sync),
            (false, true, _) | (true, true, Some("partition")) => Self::Partition(sync),
            (true, true, _) => Self::Both,
        }
    }

    /// A rules file with the roles for a collection; `None` if the permissions do not concern it.
    ///
    /// # Errors
    /// The reason, if no roles would have the same effect.
    pub(super) fn roles(&self, collection: &Collection, all: &[&Collection]) -> Result<Option<ConfigFile>, String> {
        match self {
            Self::None => Ok(None),
            Self::Both => Err("they are for both flexible and partition-based sync, and there is no `type`".to_owned()),
            Self::Flexible(sync) => flexible(sync, collection, all),
            Self::Partition(sync) => partition(sync, collection),
        }
        .map(|node| node.map(|(sync, node)| ConfigFile { source: sync.config.source.clone(), node }))
    }
}

type Roles<'s> = Result<Option<(&'s SyncConfig, Node)>, String>;

fn flexible<'s>(sync: &'s SyncConfig, collection: &Collection, all: &[&Collection]) -> Roles<'s> {
    let permissions = sync.config.node.get("permissions").and_then(Node::as_object).unwrap_or_default();
    if let Some(other) = unknown(permissions, &["rules", "defaultRoles", "default_roles"]) {
        return Err(format!("`permissions` has the unknown key `{other}`"));
    }
    let rules = match sync.rules() {
        None => &[][..],
        Some(node) => node.as_object().ok_or("`rules` must be an object")?,
    };
    let roles = match rules.iter().find(|member| member.key == collection.collection) {
        Some(member) => &member.value,
        None => {
            // The keys may be names of types instead of collections.
            let stray = rules.iter().find(|member| !all.iter().any(|known| known.collection == member.key));
            if let Some(stray) = stray {
                return Err(format!(
                    "`rules` refers to `{}`, but there is no collection of that name with a schema",
                    stray.key
                ));
            }
            let title = collection.schema.present().and_then(|schema| schema.text("title"));
            if let Some(rule) = rules.iter().find(|member| Some(member.key.as_str()) == title) {
                return Err(format!(
                    "the rule `{}` matches the name of one collection and the schema title of another",
                    rule.key
                ));
            }
            match sync.default_roles() {
                None => return Ok(None),
                Some(node) => node,
            }
        }
    };
    let elements = roles.as_array().ok_or("roles must be an array")?;
    let roles_converted = elements.iter().map(role).collect::<Result<Vec<_>, String>>()?;
    Ok(Some((sync, rules_file(roles_converted, roles.span))))
}

/// Converts a role with `applyWhen`, `read` and `write`, of which the latter two apply to whole documents.
fn role(node: &Node) -> Result<Node, String> {
    let members = node.as_object().ok_or("a role must be an object")?;
    if let Some(other) = unknown(members, &["name", "applyWhen", "apply_when", "read", "write"]) {
        return Err(format!("a role has the unknown key `{other}`"));
    }
    let name = node.get("name").ok_or("a role has no `name`")?;
    let ((Some(apply_when), None) | (None, Some(apply_when))) = (node.get("applyWhen"), node.get("apply_when")) else {
        return Err("a role needs exactly one `applyWhen`".to_owned());
    };
    loads(apply_when, Scope::Endpoint)?;
    let halves = [("read", node.get("read")), ("write", node.get("write"))];
    for (_, half) in halves {
        half.map_or(Ok(()), |half| loads(half, Scope::Role))?;
    }
    let halves = halves.map(|(key, half)| (key, half.cloned()));
    Ok(whole_documents(name.clone(), apply_when.clone(), halves, node.span))
}

fn partition<'s>(sync: &'s SyncConfig, collection: &Collection) -> Roles<'s> {
    let partition = sync.config.node.get("partition").ok_or("`partition` must be an object")?;
    let permissions = partition.get("permissions").ok_or("there are none")?;
    let members = permissions.as_object().ok_or("`permissions` must be an object")?;
    if let Some(other) = unknown(members, &["read", "write"]) {
        return Err(format!("`permissions` has the unknown key `{other}`"));
    }
    let key = partition.get("key").and_then(Node::as_str).unwrap_or_default();
    if key.is_empty() || key.contains(['.', '$', '%', '\0']) {
        return Err("the partition's `key` is not the name of a field".to_owned());
    }
    let properties = collection.schema.present().and_then(|schema| schema.node.get("properties"));
    if properties.and_then(|properties| properties.get(key)).is_none() {
        // Collections without the partition key are not synced.
        return Ok(None);
    }
    let kind = match partition.get("type").and_then(Node::as_str) {
        Some("string") => "string",
        Some("long") => "long",
        Some("objectId") => "objectId",
        Some("uuid") => "binData",
        _ => return Err("the partition's `type` is none of `string`, `long`, `objectId`, `uuid`".to_owned()),
    };
    let span = permissions.span;
    let guard = of_partition(key, kind, partition.get("required").and_then(Node::as_bool), span);
    let half = |name: &'static str| -> Result<(&'static str, Option<Node>), String> {
        let Some(node) = permissions.get(name) else { return Ok((name, None)) };
        loads(node, Scope::Sync)?;
        let condition = substitute(node, key)?;
        let both = array(vec![guard.clone(), condition], node.span);
        Ok((name, Some(object(vec![("%and", both)], node.span))))
    };
    let halves = [half("read")?, half("write")?];
    let role = whole_documents(string("sync", span), object(Vec::new(), span), halves, span);
    Ok(Some((sync, rules_file(vec![role], span))))
}

/// A condition that a document belongs to some partition: its key has a single value of the partition's type, or is
/// missing if that is allowed. Arrays must be excluded, because they would match by their elements.
fn of_partition(key: &str, kind: &str, required: Option<bool>, span: Span) -> Node {
    let name = format!("%%root.{key}");
    let about = |check: Node| object(vec![(name.as_str(), check)], span);
    let single = about(object(vec![("$not", object(vec![("$type", string("array", span))], span))], span));
    let typed = |kinds: Vec<Node>| about(object(vec![("$type", array(kinds, span))], span));
    let value = if required == Some(true) {
        typed(vec![string(kind, span)])
    } else {
        let absent = about(object(vec![("$exists", Node { span, kind: Kind::Boolean(false) })], span));
        let branches = vec![absent, typed(vec![string("null", span), string(kind, span)])];
        object(vec![("%or", array(branches, span))], span)
    };
    object(vec![("%and", array(vec![single, value], span))], span)
}

/// Replaces `%%partition` in an expression with the field that contains a document's partition.
fn substitute(node: &Node, key: &str) -> Result<Node, String> {
    let replace = |text: &str| match text.strip_prefix("%%partition") {
        Some("") => Ok(format!("%%root.{key}")),
        Some(_) => Err("`%%partition` is not an object".to_owned()),
        None => Ok(text.to_owned()),
    };
    let kind = match &node.kind {
        Kind::String(text) => Kind::String(replace(text)?),
        Kind::Array(elements) => {
            Kind::Array(elements.iter().map(|element| substitute(element, key)).collect::<Result<_, String>>()?)
        }
        Kind::Object(members) => {
            let member = |member: &Member| -> Result<Member, String> {
                Ok(Member { key: replace(&member.key)?, value: substitute(&member.value, key)?, ..member.clone() })
            };
            Kind::Object(members.iter().map(member).collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    };
    Ok(Node { span: node.span, kind })
}

/// Creates a role whose permissions apply to whole documents only, as in sync.
fn whole_documents(name: Node, apply_when: Node, halves: [(&str, Option<Node>); 2], span: Span) -> Node {
    let yes = || Node { span, kind: Kind::Boolean(true) };
    let halves = halves.into_iter().filter_map(|(key, half)| Some((key, half?))).collect();
    let filters = object(halves, span);
    let members = vec![
        ("name", name),
        ("apply_when", apply_when),
        ("document_filters", filters),
        ("read", yes()),
        ("write", yes()),
    ];
    object(members, span)
}

fn rules_file(roles: Vec<Node>, span: Span) -> Node {
    object(vec![("roles", array(roles, span))], span)
}

fn loads(node: &Node, scope: Scope) -> Result<(), String> {
    let loads = expr::parse(node).is_ok_and(|expr| predicate::lower(&expr, scope).is_ok());
    loads.then_some(()).ok_or_else(|| "an expression does not load".to_owned())
}

fn unknown<'m>(members: &'m [Member], known: &[&str]) -> Option<&'m str> {
    members.iter().map(|member| member.key.as_str()).find(|key| !known.contains(key))
}

fn object(members: Vec<(&str, Node)>, span: Span) -> Node {
    let member = |(key, value): (&str, Node)| Member { key: key.to_owned(), key_span: span, value };
    Node { span, kind: Kind::Object(members.into_iter().map(member).collect()) }
}

fn array(elements: Vec<Node>, span: Span) -> Node {
    Node { span, kind: Kind::Array(elements) }
}

fn string(text: &str, span: Span) -> Node {
    Node { span, kind: Kind::String(text.to_owned()) }
}
