use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::problem::Problem;
use super::reader::{Raw, Reader};
use super::{ConfigPart, ProblemKind};
use crate::json::Node;
use crate::text::{Source, Span};

/// The configuration of one collection.
#[derive(Clone, Debug)]
pub struct Collection {
    /// `database.collection`
    pub namespace: String,
    /// The name of the database, which contains no dot.
    pub database: String,
    /// The name of the collection.
    pub collection: String,
    /// The name of its data source.
    pub service: String,
    /// The roles and filters: `rules.json`, or `services/<service>/rules/<database>.<collection>.json`
    pub rules: ConfigPart,
    /// The schema: `schema.json`, or the key `schema` of the rules file
    pub schema: ConfigPart,
    /// Whether the schema is a key of the rules file rather than a separate file.
    pub schema_in_rules: bool,
    /// The relationships: `relationships.json`, or the key `relationships` of the rules file. Rules do not depend on
    /// them.
    pub relationships: ConfigPart,
}

/// The collections found so far, by namespace and data source.
pub(super) type Collections = BTreeMap<(String, String), Collection>;

/// The namespace of a collection that a file belongs to.
pub(super) struct Namespace {
    database: String,
    collection: String,
}

impl Namespace {
    /// The namespace given by a path.
    pub(super) fn new(database: &str, collection: &str) -> Self {
        Self { database: database.to_owned(), collection: collection.to_owned() }
    }

    /// Parses a name such as `hr.employees`, where the database ends at the first dot.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (database, collection) = text.split_once('.')?;
        (!database.is_empty() && !collection.is_empty()).then(|| Self::new(database, collection))
    }

    fn full(&self) -> String {
        format!("{}.{}", self.database, self.collection)
    }

    /// The file, if it does not load and the keys that name its collection contain templates. It may then belong to any
    /// collection, so none may fall back to the default roles.
    pub(super) fn doubt(part: &ConfigPart, raw: &Raw) -> ConfigPart {
        let keys = ["database", "collection", "namespace"];
        let mut texts = keys.iter().filter_map(|key| raw.node.as_ref()?.get(key)?.as_str());
        match part {
            ConfigPart::Broken(source) if texts.any(|text| text.contains("%(")) => {
                ConfigPart::Broken(Arc::clone(source))
            }
            _ => ConfigPart::Absent,
        }
    }

    /// The namespace given by the keys of a rules file, each of which takes precedence over the path.
    pub(super) fn of(
        reader: &mut Reader<'_>,
        part: &ConfigPart,
        raw: &Raw,
        path: Option<Self>,
        default_rule: &ConfigPart,
    ) -> Option<Self> {
        let (source, written) = (&raw.source, raw.node.as_ref());
        // Even if a template cannot be resolved, the collection may be named without templates.
        let node = part.present().map(|file| &file.node).or(written);
        let database = key(reader, source, node, "database", "database");
        let collection = key(reader, source, node, "collection", "collection");
        // In the first version of Stitch, a single key named both.
        let both = node.and_then(|node| node.get("namespace")?.as_str()).and_then(Self::parse);
        let found = match (database, collection, both, &path) {
            (Some(database), Some(collection), ..) => Self { database, collection },
            (None, None, Some(both), _) => both,
            (database, collection, _, Some(path)) => Self {
                database: database.unwrap_or_else(|| path.database.clone()),
                collection: collection.unwrap_or_else(|| path.collection.clone()),
            },
            _ => {
                if let Some(node) = node {
                    let problem =
                        Problem::new(ProblemKind::NamespaceUnknown, Span::new(node.span.start, node.span.start));
                    reader.problem(source, problem.help("give it the keys `database` and `collection`"));
                }
                return None;
            }
        };
        if let Some(path) = path.filter(|path| path.full() != found.full()) {
            let same_database = path.database == found.database;
            let keys = if same_database { ["collection", "database"] } else { ["database", "collection"] };
            let keys = [keys.as_slice(), &["namespace"]].concat();
            let members: Vec<&Node> = keys.iter().filter_map(|key| written?.get(key)).collect();
            // If there is a template, the two are supposed to differ.
            if !members.iter().any(|node| node.as_str().is_some_and(|text| text.contains("%("))) {
                let (written, path) = (found.full(), path.full());
                let kind = if default_rule.is_absent() {
                    ProblemKind::NamespaceMismatch { written, path }
                } else {
                    ProblemKind::NamespaceExposed { written, path }
                };
                let span = members.first().map_or_else(Span::default, |node| node.span);
                let help = "its keys take precedence: correct them, or move the file";
                reader.problem(source, Problem::new(kind, span).help(help));
            }
        }
        Some(found)
    }

    /// The collection of this namespace, created if necessary.
    pub(super) fn entry<'c>(&self, collections: &'c mut Collections, service: &str) -> &'c mut Collection {
        match collections.entry((self.full(), service.to_owned())) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Collection {
                namespace: self.full(),
                database: self.database.clone(),
                collection: self.collection.clone(),
                service: service.to_owned(),
                rules: ConfigPart::Absent,
                schema: ConfigPart::Absent,
                schema_in_rules: false,
                relationships: ConfigPart::Absent,
            }),
        }
    }
}

/// The name at a key, if it is valid.
fn key(
    reader: &mut Reader<'_>,
    source: &Arc<Source>,
    node: Option<&Node>,
    key: &str,
    what: &'static str,
) -> Option<String> {
    let node = node?.get(key)?;
    let Some(text) = node.as_str() else {
        reader.wrong_type(source, node, "a string");
        return None;
    };
    if text.is_empty() || text.contains('\0') || (key == "database" && text.contains('.')) {
        let kind = ProblemKind::NamespaceInvalid(text.to_owned(), what);
        reader.problem(source, Problem::new(kind, node.span));
        return None;
    }
    (!text.contains("%(")).then(|| text.to_owned())
}

impl Collection {
    /// Adds a rules file, with the schema and the relationships that it contains.
    pub(super) fn take_rules(&mut self, rules: ConfigPart) {
        if let Some(file) = rules.present() {
            if let Some(schema) = file.part("schema") {
                self.schema_in_rules = true;
                self.schema.join(ConfigPart::Present(schema));
            }
            if let Some(relationships) = file.part("relationships") {
                self.relationships.join(ConfigPart::Present(relationships));
            }
        }
        self.rules.join(rules);
    }

    /// Reports a collection whose rules or schema are claimed by several files.
    pub(super) fn report_contests(&self, reader: &mut Reader<'_>) {
        for (what, part, key) in [("rules of", &self.rules, "collection"), ("schema of", &self.schema, "bsonType")] {
            let ConfigPart::Contested(files) = part else { continue };
            if key == "bsonType" && self.schema_in_rules && self.rules.files().len() > 1 {
                // The schema is part of the rules, which are reported.
                continue;
            }
            let Some((first, others)) = files.split_first() else { continue };
            for file in others {
                let kind = ProblemKind::DefinitionDuplicate {
                    what,
                    name: self.namespace.clone(),
                    first: first.source.name().to_owned(),
                };
                let span = file.node.get(key).map_or(file.node.span, |node| node.span);
                let span = if span == file.node.span { Span::new(span.start, span.start) } else { span };
                let help = "remove one of them; until then, nobody has access";
                reader.problem_in(file, Problem::new(kind, span).help(help));
            }
        }
    }
}
