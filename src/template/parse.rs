//! Parses templates from JSON or BSON.

use bson::Bson;

use super::ask::Ask;
use super::error::{TemplateError, TemplateErrorKind, TemplateErrors};
use super::form::{Call, Form, Key, Literal, Member, Site};
use super::text::{Text, unreadable};
use crate::expr::{Conversion, Expansion, Operator};
use crate::json::{self, EjsonErrorKind, Kind, MAX_DEPTH, Node};
use crate::text::{Span, closest};

/// The source of a template.
#[derive(Clone, Copy)]
enum Source<'s> {
    Json(&'s Node),
    Bson(&'s Bson),
}

/// The structure of a source.
enum Shape<'s> {
    Text(&'s str),
    Array(Vec<Source<'s>>),
    Object(Vec<(&'s str, Span, Source<'s>)>),
    /// Any other value, extended JSON literals included.
    Scalar,
}

impl<'s> Source<'s> {
    fn span(self) -> Span {
        match self {
            Self::Json(node) => node.span,
            Self::Bson(_) => Span::new(0, 0),
        }
    }

    fn shape(self) -> Shape<'s> {
        match self {
            Self::Json(node) => match &node.kind {
                Kind::String(text) => Shape::Text(text),
                Kind::Array(elements) => Shape::Array(elements.iter().map(Source::Json).collect()),
                Kind::Object(members) if json::is_literal(members) => Shape::Scalar,
                Kind::Object(members) => Shape::Object(
                    members.iter().map(|one| (one.key.as_str(), one.key_span, Source::Json(&one.value))).collect(),
                ),
                _ => Shape::Scalar,
            },
            Self::Bson(value) => match value {
                Bson::String(text) => Shape::Text(text),
                Bson::Array(elements) => Shape::Array(elements.iter().map(Source::Bson).collect()),
                Bson::Document(document) => Shape::Object(
                    document.iter().map(|(key, value)| (key.as_str(), self.span(), Source::Bson(value))).collect(),
                ),
                _ => Shape::Scalar,
            },
        }
    }

    /// The value as written, without interpreting expansions.
    fn to_bson(self) -> Result<Bson, json::EjsonError> {
        match self {
            Self::Json(node) => json::to_bson(node),
            Self::Bson(value) => Ok(value.clone()),
        }
    }
}

/// Parses a JSON template.
pub(super) fn json(node: &Node) -> Result<Form, TemplateErrors> {
    Parser::default().parse(Source::Json(node))
}

/// Parses a BSON template.
pub(super) fn bson(value: &Bson) -> Result<Form, TemplateErrors> {
    Parser::default().parse(Source::Bson(value))
}

#[derive(Default)]
struct Parser {
    pointer: String,
    depth: usize,
    errors: Vec<TemplateError>,
}

const OPERATORS: [&str; 7] =
    ["%default", "%function", "%literal", "%oidToString", "%stringToOid", "%stringToUuid", "%uuidToString"];

impl Parser {
    fn parse(mut self, source: Source<'_>) -> Result<Form, TemplateErrors> {
        match self.form(source) {
            Some(form) if self.errors.is_empty() => Ok(form),
            _ => Err(TemplateErrors(self.errors)),
        }
    }

    fn error(&mut self, kind: TemplateErrorKind, span: Span, help: Option<String>) {
        self.errors.push(TemplateError::new(kind, &self.pointer, span, help));
    }

    fn site(&self, span: Span) -> Site {
        Site { pointer: self.pointer.as_str().into(), span }
    }

    /// Parses a form; `None` after recording an error.
    fn form(&mut self, source: Source<'_>) -> Option<Form> {
        if self.depth > MAX_DEPTH {
            self.error(TemplateErrorKind::TooDeep, source.span(), None);
            return None;
        }
        match source.shape() {
            Shape::Text(text) => self.text(text, source),
            Shape::Array(elements) => {
                let forms: Vec<_> = self.forms(&elements)?;
                if forms.iter().all(is_plain) { self.literal(source, false) } else { Some(Form::Array(forms)) }
            }
            Shape::Object(members) => self.object(&members, source),
            Shape::Scalar => self.literal(source, false),
        }
    }

    fn forms(&mut self, sources: &[Source<'_>]) -> Option<Vec<Form>> {
        let forms: Vec<_> = sources
            .iter()
            .enumerate()
            .map(|(at, one)| self.inside(&at.to_string(), |parser| parser.form(*one)))
            .collect();
        forms.into_iter().collect()
    }

    fn inside<T>(&mut self, token: &str, parse: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        self.pointer.truncate(outer);
        parsed
    }

    fn literal(&mut self, source: Source<'_>, quoted: bool) -> Option<Form> {
        let value = match source.to_bson() {
            Ok(value) => value,
            Err(error) => {
                let help = match source {
                    Source::Json(node) => conversion_meant(node),
                    Source::Bson(_) => None,
                };
                self.error(TemplateErrorKind::Ejson(error.kind().clone()), error.span(), help);
                return None;
            }
        };
        let mut bytes = Vec::new();
        if crate::value::encode((&value).into(), &mut bytes).is_err() {
            self.error(TemplateErrorKind::TooDeep, source.span(), None);
            return None;
        }
        let mut text = Vec::new();
        let json = match json::write_relaxed((&value).into(), 0, &mut text) {
            Ok(()) => Some(text.into_boxed_slice()),
            Err(_) => None,
        };
        Some(Form::Literal(Literal { quoted, bytes: bytes.into(), json, site: self.site(source.span()), value }))
    }

    fn text(&mut self, text: &str, source: Source<'_>) -> Option<Form> {
        let span = source.span();
        if text.starts_with("%%") {
            match Ask::parse(text) {
                Ok(ask) => return Some(Form::Expansion(ask, self.site(span))),
                Err(error) => {
                    let (kind, help) = unreadable(text, error);
                    let help = help.unwrap_or_else(|| "for the text itself write {\"%literal\": …}".to_owned());
                    self.error(kind, span, Some(help));
                    return None;
                }
            }
        }
        if !text.contains("%(") {
            return self.literal(source, false);
        }
        let text = self.insertions(text, span)?;
        Some(Form::Text(text, self.site(span)))
    }

    fn insertions(&mut self, text: &str, span: Span) -> Option<Text> {
        match Text::parse(text) {
            Ok(text) => Some(text),
            Err(errors) => {
                errors.into_iter().for_each(|(kind, help)| self.error(kind, span, help));
                None
            }
        }
    }

    fn object(&mut self, members: &[(&str, Span, Source<'_>)], source: Source<'_>) -> Option<Form> {
        if let Some((operator, span, operand)) = members.iter().find(|(key, _, _)| is_operator(key)) {
            let form = match members {
                [_, _, ..] if OPERATORS.contains(operator) => {
                    let help = "move the other keys elsewhere, or write {\"%literal\": {…}} if it is data";
                    self.error(
                        TemplateErrorKind::OperatorNotAlone((*operator).to_owned()),
                        *span,
                        Some(help.to_owned()),
                    );
                    None
                }
                _ => self.operator(operator, *span, *operand),
            };
            // Keys beside an operator are rejected, but their values are still parsed to report errors inside them.
            for (key, _, value) in members.iter().filter(|(key, _, _)| !is_operator(key)) {
                self.inside(key, |parser| parser.form(*value));
            }
            return form.filter(|_| members.len() == 1);
        }
        let mut complete = true;
        let mut read = Vec::with_capacity(members.len());
        for (key, key_span, value) in members {
            let member = self.inside(key, |parser| {
                let site = parser.site(*key_span);
                let key = if key.contains('\0') {
                    parser.error(TemplateErrorKind::Ejson(EjsonErrorKind::KeyNul), *key_span, None);
                    None
                } else if key.contains("%(") {
                    parser.insertions(key, *key_span).map(Key::Text)
                } else {
                    let json = format!("{}:", super::literal::quoted(key)).into_bytes();
                    Some(Key::Plain((*key).into(), json.into()))
                };
                let value = parser.form(*value);
                Some(Member { key: key?, value: value?, site })
            });
            complete &= member.is_some();
            read.extend(member);
        }
        if !complete {
            return None;
        }
        let plain = read.iter().all(|member| matches!(member.key, Key::Plain(..)) && is_plain(&member.value));
        if plain { self.literal(source, false) } else { Some(Form::Document(read)) }
    }

    fn operator(&mut self, operator: &str, span: Span, operand: Source<'_>) -> Option<Form> {
        if let Some(conversion) = conversion(operator) {
            return self.inside(operator, |parser| parser.conversion(conversion, operand));
        }
        match operator {
            "%literal" => self.inside(operator, |parser| parser.literal(operand, true)),
            "%default" => self.inside(operator, |parser| match operand.shape() {
                Shape::Array(elements) if !elements.is_empty() => parser.forms(&elements).map(Form::Default),
                _ => {
                    parser.error(TemplateErrorKind::DefaultOperand, operand.span(), None);
                    None
                }
            }),
            "%function" => self.inside(operator, |parser| parser.call(operand)),
            unknown => {
                let help = match Expansion::parse(unknown) {
                    Ok(expansion) => format!("a key is text: write `%({expansion})`"),
                    Err(_) => match closest(unknown, OPERATORS.iter().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("the operators are {}", OPERATORS.join(", ")),
                    },
                };
                self.error(TemplateErrorKind::OperatorUnknown(unknown.to_owned()), span, Some(help));
                None
            }
        }
    }

    fn conversion(&mut self, conversion: Conversion, operand: Source<'_>) -> Option<Form> {
        let form = self.form(operand)?;
        Some(Form::Convert(conversion, Box::new(form), self.site(operand.span())))
    }

    fn call(&mut self, operand: Source<'_>) -> Option<Form> {
        let malformed = |parser: &mut Self, span| {
            parser.error(TemplateErrorKind::FunctionOperand, span, None);
            None
        };
        let Shape::Object(members) = operand.shape() else { return malformed(self, operand.span()) };
        let (mut name, mut arguments, mut listed) = (None, Some(Vec::new()), true);
        for (key, span, value) in members {
            match (key, value.shape()) {
                ("name", Shape::Text(text)) if !text.is_empty() => name = Some(text.to_owned()),
                ("arguments", Shape::Array(elements)) => {
                    arguments = self.inside("arguments", |parser| parser.forms(&elements));
                }
                ("arguments", _) => {
                    listed = false;
                    arguments = self.inside("arguments", |parser| parser.form(value)).map(|form| vec![form]);
                }
                _ => return malformed(self, span),
            }
        }
        let site = self.site(operand.span());
        match name {
            Some(name) => Some(Form::Call(Call { name, arguments: arguments?, listed }, site)),
            None => malformed(self, operand.span()),
        }
    }
}

fn conversion(operator: &str) -> Option<Conversion> {
    match Operator::parse(operator)? {
        Operator::Convert(conversion) if operator.starts_with('%') => Some(conversion),
        _ => None,
    }
}

/// Whether a form is a constant that was not written as `{"%literal": …}`.
fn is_plain(form: &Form) -> bool {
    matches!(form, Form::Literal(literal) if !literal.quoted)
}

/// Whether a key is an operator. A key that starts with `%(` is not: it starts with an insertion.
fn is_operator(key: &str) -> bool {
    key.starts_with('%') && !key.starts_with("%(")
}

/// The conversion to suggest for `{"$oid": "%%user.id"}` and the like.
fn conversion_meant(node: &Node) -> Option<String> {
    let [member] = node.as_object()? else { return None };
    let text = member.value.as_str().filter(|text| text.starts_with("%%") || text.contains("%("))?;
    match member.key.as_str() {
        "$oid" => Some(format!("write {{\"%stringToOid\": \"{text}\"}}")),
        "$uuid" => Some(format!("write {{\"%stringToUuid\": \"{text}\"}}")),
        _ => Some("an expansion keeps the type of its value: write it without the literal around it".to_owned()),
    }
}
