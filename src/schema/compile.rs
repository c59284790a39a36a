use bson::Bson;

use super::keyword::{Ignored, Remark, suggest, unsupported};
use super::membership::{listed, sorted};
use super::rule::{Counted, Limit, Order, Rule};
use super::shape::{Combination, Others, Shape, Standing, Validate};
use super::types::Types;
use super::{SchemaError, SchemaErrorKind};
use crate::expr::{self, Pattern, PatternAllowance, PatternError};
use crate::json::{self, Kind, Member, Node};
use crate::predicate::{Scope, lower};
use crate::text::Span;
use crate::value::{Number, ValueRef};

/// The result of compiling a schema: its root, and what nested schemas share.
pub(super) struct Compiled {
    pub(super) shape: Shape,
    pub(super) validates: Vec<Validate>,
    pub(super) ignored: Vec<Ignored>,
}

/// Compiles a schema, reporting all errors.
pub(super) fn compile(node: &Node, patterns: &PatternAllowance) -> (Compiled, Vec<SchemaError>) {
    let mut compiler = Compiler {
        errors: Vec::new(),
        validates: Vec::new(),
        ignored: Vec::new(),
        place: Some(Vec::new()),
        patterns,
        has_too_many_patterns: false,
        standing: Standing::Plain,
    };
    let shape = compiler.shape(node);
    compiler.errors.sort_by_key(SchemaError::span);
    (Compiled { shape, validates: compiler.validates, ignored: compiler.ignored }, compiler.errors)
}

/// The state of compilation. After an error, it continues with a placeholder.
struct Compiler<'p> {
    errors: Vec<SchemaError>,
    validates: Vec<Validate>,
    ignored: Vec<Ignored>,
    /// The names of the properties on the path to the current schema; `None` if they are unknown.
    place: Option<Vec<String>>,
    /// The patterns that the application may still use.
    patterns: &'p PatternAllowance,
    has_too_many_patterns: bool,
    /// The standing of the current schema.
    standing: Standing,
}

/// The number of characters to which values are truncated in messages.
const MAX_SHOWN: usize = 120;

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Compiler<'_> {
    fn report(&mut self, kind: SchemaErrorKind, span: Span, help: Option<String>) {
        let error = SchemaError::new(kind, span);
        self.errors.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
    }

    fn wrong_type(&mut self, member: &Member, expected: &'static str) {
        let help = match (member.key.as_str(), &member.value.kind) {
            ("required", Kind::Boolean(_)) => Some("list the field in `required` of the containing schema".to_owned()),
            (_, Kind::Object(_)) if Remark::of(&member.key).is_some() => {
                Some("if it describes a field with this name, move it under `properties`".to_owned())
            }
            _ => None,
        };
        let kind =
            SchemaErrorKind::KeywordType { keyword: member.key.clone(), expected, found: member.value.describe() };
        self.report(kind, member.value.span, help);
    }

    fn wrong_value(&mut self, member: &Member, expected: &'static str) {
        let value = cut(&member.value.to_text());
        let kind = SchemaErrorKind::KeywordValue { keyword: member.key.clone(), expected, value };
        self.report(kind, member.value.span, None);
    }

    fn shape(&mut self, node: &Node) -> Shape {
        let mut shape = Shape::default();
        match node.as_object() {
            Some(members) => members.iter().for_each(|member| self.keyword(&mut shape, node, member)),
            None => self.report(SchemaErrorKind::NotSchema(node.describe()), node.span, None),
        }
        shape.seal()
    }

    /// Compiles the schema of a property, with its name if it has one.
    fn below(&mut self, name: Option<&str>, node: &Node) -> Shape {
        let place = self.place.clone();
        self.place = place.clone().zip(name).map(|(mut place, name)| {
            place.push(name.to_owned());
            place
        });
        let shape = self.shape(node);
        self.place = place;
        shape
    }

    fn ignore(&mut self, member: &Member) {
        let path = self.place.as_ref().map(|place| place.join(".")).filter(|path| !path.is_empty());
        self.ignored.push(Ignored { key: member.key.as_str().into(), span: member.key_span, path });
    }

    /// Compiles a schema inside `not` or `oneOf`, where a document may be valid because the schema does not hold.
    fn inverted<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let standing = std::mem::replace(&mut self.standing, Standing::Inverted);
        let read = read(self);
        self.standing = standing;
        read
    }

    /// Adds the constraint of a keyword to `shape`. `member` is one of the members of `node`.
    fn keyword(&mut self, shape: &mut Shape, node: &Node, member: &Member) {
        let exclusive = |key| node.get(key).and_then(Node::as_bool) == Some(true);
        let rule = match member.key.as_str() {
            "bsonType" | "type" => self.types(member),
            "enum" => self.values(member),
            "const" => self.value(&member.value).map(|value| {
                let text = cut(&json::from_bson(&value).to_string());
                Rule::OneOf(vec![sorted(value)], text.into())
            }),
            "minimum" if exclusive("exclusiveMinimum") => self.order(member, Order::Above),
            "minimum" => self.order(member, Order::AtLeast),
            "maximum" if exclusive("exclusiveMaximum") => self.order(member, Order::Below),
            "maximum" => self.order(member, Order::AtMost),
            "exclusiveMinimum" => self.exclusive(node, member, ("exclusiveMinimum", "minimum"), Order::Above),
            "exclusiveMaximum" => self.exclusive(node, member, ("exclusiveMaximum", "maximum"), Order::Below),
            "multipleOf" => self.multiple_of(member),
            "minLength" => self.count(member, Counted::Characters, Limit::AtLeast),
            "maxLength" => self.count(member, Counted::Characters, Limit::AtMost),
            "minItems" => self.count(member, Counted::Items, Limit::AtLeast),
            "maxItems" => self.count(member, Counted::Items, Limit::AtMost),
            "minProperties" => self.count(member, Counted::Properties, Limit::AtLeast),
            "maxProperties" => self.count(member, Counted::Properties, Limit::AtMost),
            "pattern" => match member.value.as_str() {
                Some(text) => self.pattern(text, member.value.span).map(Rule::Pattern),
                None => {
                    self.wrong_type(member, "a regular expression as a string");
                    None
                }
            },
            "uniqueItems" => match member.value.as_bool() {
                Some(unique) => unique.then_some(Rule::Unique),
                None => {
                    self.wrong_type(member, "a boolean");
                    None
                }
            },
            "required" => self.names(member, &member.value).map(Rule::Required),
            _ => {
                self.container(shape, node, member);
                None
            }
        };
        shape.rules.extend(rule);
    }

    /// Compiles the keywords that contain schemas; passes others on.
    fn container(&mut self, shape: &mut Shape, node: &Node, member: &Member) {
        match member.key.as_str() {
            "properties" => {
                for field in self.object(member, "an object of schemas") {
                    let inner = self.below(Some(&field.key), &field.value);
                    shape.properties.names.insert(field.key.as_str().into());
                    shape.properties.named.push((field.key.as_str().into(), inner));
                }
            }
            "patternProperties" => {
                for field in self.object(member, "an object of schemas") {
                    let inner = self.below(None, &field.value);
                    if let Some(pattern) = self.pattern(&field.key, field.key_span) {
                        shape.properties.patterns.push((pattern, inner));
                    }
                }
            }
            "additionalProperties" => shape.properties.others = self.others(member),
            "items" => match &member.value.kind {
                Kind::Array(elements) => shape.items.first = elements.iter().map(|inner| self.shape(inner)).collect(),
                Kind::Object(_) => shape.items.others = Others::Shape(Box::new(self.shape(&member.value))),
                _ => self.wrong_type(member, "a schema or an array of schemas"),
            },
            "additionalItems" => {
                let others = self.others(member);
                // According to JSON Schema, `additionalItems` has no effect if `items` is a single schema.
                if node.get("items").and_then(Node::as_array).is_some() {
                    shape.items.others = others;
                } else {
                    self.ignore(member);
                }
            }
            "dependencies" => {
                for field in self.object(member, "an object of schemas and arrays of names") {
                    if let Kind::Array(_) = field.value.kind {
                        let names = self.names(member, &field.value);
                        shape.rules.extend(names.map(|names| Rule::RequiredBeside(field.key.as_str().into(), names)));
                    } else {
                        let inner = self.shape(&field.value);
                        shape.dependencies.push((field.key.as_str().into(), inner));
                    }
                }
            }
            "allOf" => shape.combinations.extend(self.shapes(member).map(Combination::All)),
            "anyOf" => shape.combinations.extend(self.shapes(member).map(Combination::Any)),
            "oneOf" => {
                let shapes = self.inverted(|this| this.shapes(member));
                shape.combinations.extend(shapes.map(Combination::One));
            }
            "not" => {
                let inner = self.inverted(|this| this.shape(&member.value));
                shape.combinations.push(Combination::Not(Box::new(inner)));
            }
            "validate" => shape.validate = self.validate(&member.value),
            key => self.remark(key, member),
        }
    }

    /// Accepts keys that are not constraints, and reports unknown and unsupported ones.
    fn remark(&mut self, key: &str, member: &Member) {
        let Some(remark) = Remark::of(key) else { return self.unknown(key, member) };
        match (remark, &member.value.kind) {
            (Remark::Anything, _) | (_, Kind::String(_)) | (Remark::Mark, Kind::Boolean(_)) => {}
            (Remark::Text, _) => return self.wrong_type(member, "a string"),
            (Remark::Mark, _) => return self.wrong_type(member, "a boolean or a string"),
        }
        if remark != Remark::Text {
            self.ignore(member);
        }
    }

    fn unknown(&mut self, key: &str, member: &Member) {
        let name = key.to_owned();
        let (kind, help) = if let Some(help) = unsupported(key) {
            (SchemaErrorKind::KeywordUnsupported(name), Some(help.to_owned()))
        } else if key.starts_with('%') {
            (SchemaErrorKind::ExpressionMisplaced(name), Some(format!("write `\"validate\": {{\"{key}\": …}}`")))
        } else if key == "$jsonSchema" {
            (SchemaErrorKind::KeywordUnknown(name), Some("inline its content".to_owned()))
        } else {
            let help = match suggest(key) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => member.value.as_object().map(|_| "fields are described under `properties`".to_owned()),
            };
            (SchemaErrorKind::KeywordUnknown(name), help)
        };
        self.report(kind, member.key_span, help);
    }

    fn object<'n>(&mut self, member: &'n Member, expected: &'static str) -> &'n [Member] {
        member.value.as_object().unwrap_or_else(|| {
            self.wrong_type(member, expected);
            &[]
        })
    }

    /// Compiles a list of one or more schemas.
    fn shapes(&mut self, member: &Member) -> Option<Vec<Shape>> {
        match member.value.as_array() {
            Some([]) => {
                self.wrong_value(member, "at least one schema");
                None
            }
            Some(elements) => Some(elements.iter().map(|element| self.shape(element)).collect()),
            None => {
                self.wrong_type(member, "an array of schemas");
                None
            }
        }
    }

    fn others(&mut self, member: &Member) -> Others {
        match &member.value.kind {
            Kind::Boolean(true) => Others::Free,
            Kind::Boolean(false) => Others::Forbidden,
            Kind::Object(_) => Others::Shape(Box::new(self.below(None, &member.value))),
            _ => {
                self.wrong_type(member, "a boolean or a schema");
                Others::Forbidden
            }
        }
    }

    fn types(&mut self, member: &Member) -> Option<Rule> {
        let names = match &member.value.kind {
            Kind::String(_) => std::slice::from_ref(&member.value),
            Kind::Array(names) if !names.is_empty() && names.iter().all(|name| name.as_str().is_some()) => names,
            Kind::Array(_) => {
                self.wrong_value(member, "one or more type names");
                return None;
            }
            _ => {
                self.wrong_type(member, "a type name or an array of type names");
                return None;
            }
        };
        let mut types = Types::default();
        for node in names {
            let name = node.as_str().unwrap_or_default();
            if !types.add(name) {
                let help = Types::suggest(name).map(|near| format!("did you mean `{near}`?"));
                self.report(SchemaErrorKind::TypeUnknown(name.to_owned()), node.span, help);
            }
        }
        Some(Rule::Type(types))
    }

    /// Converts a value from extended JSON.
    fn value(&mut self, node: &Node) -> Option<Bson> {
        json::to_bson(node).map_err(|error| self.errors.push(error.map(SchemaErrorKind::Ejson))).ok()
    }

    fn values(&mut self, member: &Member) -> Option<Rule> {
        match member.value.as_array() {
            Some([]) => self.wrong_value(member, "at least one value"),
            None => self.wrong_type(member, "an array of values"),
            Some(elements) => {
                let values: Vec<_> = elements.iter().filter_map(|element| self.value(element)).collect();
                let texts: Vec<_> = values.iter().map(|value| json::from_bson(value).to_string()).collect();
                return Some(Rule::OneOf(listed(values), cut(&format!("one of {}", texts.join(", "))).into()));
            }
        }
        None
    }

    /// Parses a number other than NaN. Also returns its source text.
    fn number(&mut self, member: &Member) -> Option<(Number, Box<str>)> {
        let value = self.value(&member.value)?;
        match ValueRef::from(&value).number() {
            Some(number) if number.is_nan() => self.wrong_value(member, "a number"),
            Some(number) => return Some((number, value.to_string().into())),
            None => self.wrong_type(member, "a number"),
        }
        None
    }

    fn order(&mut self, member: &Member, order: Order) -> Option<Rule> {
        self.number(member).map(|(bound, text)| Rule::Order(order, bound, text))
    }

    /// Compiles `exclusiveMinimum` and `exclusiveMaximum`. In draft 4, they are booleans that modify `minimum` and
    /// `maximum`; in later drafts, they are bounds themselves.
    fn exclusive(
        &mut self,
        node: &Node,
        member: &Member,
        (keyword, partner): (&'static str, &'static str),
        order: Order,
    ) -> Option<Rule> {
        let Some(exclusive) = member.value.as_bool() else { return self.order(member, order) };
        if exclusive && node.get(partner).is_none() {
            let help = Some(format!("give the number under `{partner}`, or in place of `true`"));
            self.report(SchemaErrorKind::KeywordAlone { keyword, partner }, member.key_span, help);
        }
        None
    }

    fn multiple_of(&mut self, member: &Member) -> Option<Rule> {
        let (number, text) = self.number(member)?;
        // This holds only for numbers that are positive and finite.
        if number.is_multiple_of(number) && number.order(Number::Integer(0)).is_some_and(std::cmp::Ordering::is_gt) {
            return Some(Rule::MultipleOf(number, text));
        }
        self.wrong_value(member, "a number above 0");
        None
    }

    fn count(&mut self, member: &Member, counted: Counted, limit: Limit) -> Option<Rule> {
        let (number, _) = self.number(member)?;
        match number.integer() {
            Some(count) if count >= 0 => {
                Some(Rule::Count(counted, limit, usize::try_from(count).unwrap_or(usize::MAX)))
            }
            _ => {
                self.wrong_value(member, "a whole number that is not negative");
                None
            }
        }
    }

    fn pattern(&mut self, text: &str, span: Span) -> Option<Pattern> {
        // This is reported once, not for each further pattern.
        if self.has_too_many_patterns {
            return None;
        }
        match self.patterns.compile(text, "") {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.has_too_many_patterns = error == PatternError::TooManyInApplication;
                let help = "list values under `enum`, or only specify the type".to_owned();
                self.report(SchemaErrorKind::Pattern(error), span, self.has_too_many_patterns.then_some(help));
                None
            }
        }
    }

    /// Parses an array of field names. `node` is the array, `member` the keyword.
    fn names(&mut self, member: &Member, node: &Node) -> Option<Vec<Box<str>>> {
        let names: Option<Vec<_>> =
            node.as_array().and_then(|names| names.iter().map(|name| Some(name.as_str()?.into())).collect());
        if names.is_none() {
            self.wrong_type(member, "an array of names");
        }
        names
    }

    fn validate(&mut self, node: &Node) -> Option<usize> {
        let expr = match expr::parse_within(node, self.patterns) {
            Ok(expr) => expr,
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| error.map(SchemaErrorKind::Expr)));
                return None;
            }
        };
        match lower(&expr, Scope::Field) {
            Ok(predicate) => {
                self.validates.push(Validate { predicate, standing: self.standing });
                Some(self.validates.len() - 1)
            }
            Err(errors) => {
                self.errors.extend(errors.into_iter().map(|error| error.map(SchemaErrorKind::Lower)));
                None
            }
        }
    }
}
