use std::collections::BTreeSet;

use bson::{Bson, Document};

use super::array_filters::{ArrayFilters, ElementFilter};
use super::operand::{integer, operand};
use super::push::Push;
use super::steps::{self, Name, Step};
use super::tree::{Action, Bits, End, Fields, Instant, Leaf, Pull};
use super::written::written;
use super::{Operator, UpdateError, UpdateErrorKind};
use crate::expr::PatternAllowance;
use crate::mongo_query::{Filter, is_element_condition};
use crate::text::closest;
use crate::value::ValueRef;

/// A compiled update that consists of update operators.
#[derive(Debug)]
pub struct Update {
    pub(super) fields: Fields,
    pub(super) filters: ArrayFilters,
    /// The renamed fields.
    pub(super) renamings: Vec<Renaming>,
    named: Vec<Named>,
}

/// A field that `$rename` moves from one path to another.
#[derive(Debug)]
pub(super) struct Renaming {
    pub(super) from: Vec<Name>,
    /// The old path in source form.
    pub(super) path: Box<str>,
    pub(super) to: Vec<Name>,
}

/// A path in an update, such as `tags.$[]`, with its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The operator. A `$rename` has two paths, the old and the new one.
    pub operator: Operator,
    /// The path in source form.
    pub path: String,
}

impl Update {
    /// Compiles an update, with the array filters for its `$[name]`.
    ///
    /// # Errors
    /// All errors in the update and the array filters.
    ///
    /// ```
    /// use bson::{DateTime, doc};
    /// use portcullis::update::{Moment, Update};
    /// let update = Update::compile(&doc! { "$inc": { "stock.$[e].left": -1 } }, &[doc! { "e.size": "M" }]).unwrap();
    /// let before = doc! { "_id": 1, "stock": [{ "size": "S", "left": 4 }, { "size": "M", "left": 9 }] };
    /// let after = update.apply(before, &Moment::at(DateTime::now())).unwrap();
    /// assert_eq!(after.document, doc! { "_id": 1, "stock": [{ "size": "S", "left": 4 }, { "size": "M", "left": 8 }] });
    /// ```
    pub fn compile(update: &Document, array_filters: &[Document]) -> Result<Self, Vec<UpdateError>> {
        Self::compile_within(update, array_filters, &PatternAllowance::default())
    }

    /// Like [`compile`](Self::compile), with a pattern allowance that is shared with other parts of the request.
    pub(crate) fn compile_within(
        update: &Document,
        array_filters: &[Document],
        patterns: &PatternAllowance,
    ) -> Result<Self, Vec<UpdateError>> {
        let plain = |kinds: Vec<UpdateErrorKind>| kinds.into_iter().map(UpdateError::from).collect::<Vec<_>>();
        let mut parser = Parser { patterns, used: BTreeSet::new(), errors: Vec::new() };
        let filters = ArrayFilters::compile(array_filters, patterns).unwrap_or_else(|kinds| {
            parser.errors.extend(plain(kinds));
            ArrayFilters::default()
        });
        let mut compiled = Self { fields: Fields::default(), filters, renamings: Vec::new(), named: Vec::new() };
        if update.is_empty() {
            parser.errors.push(UpdateErrorKind::Empty.into());
        }
        for (name, fields) in update {
            parser.operator(&mut compiled, name, fields);
            if parser.errors.len() >= MAX_ERRORS {
                break;
            }
        }
        if parser.errors.is_empty() {
            parser.errors.extend(plain(compiled.filters.unused(&parser.used)));
        }
        if parser.errors.is_empty() { Ok(compiled) } else { Err(parser.errors) }
    }

    /// The paths in the update, in source order.
    #[must_use]
    pub fn named(&self) -> &[Named] {
        &self.named
    }

    /// Whether a path uses `$`, so that [`Moment::position`](super::Moment::position) is needed.
    #[must_use]
    pub fn needs_position(&self) -> bool {
        self.named.iter().any(|named| named.path.split('.').any(|name| name == "$"))
    }
}

struct Parser<'p> {
    patterns: &'p PatternAllowance,
    used: BTreeSet<Box<str>>,
    errors: Vec<UpdateError>,
}

/// The number of errors after which compilation stops: an untrusted update may contain 100,000, each with help text.
const MAX_ERRORS: usize = 100;

impl Parser<'_> {
    fn operator(&mut self, compiled: &mut Update, name: &str, fields: &Bson) {
        let Some(operator) = Operator::parse(name) else {
            let help = closest(name, Operator::ALL.iter().map(|(_, spelling)| *spelling));
            let is_name = !name.starts_with('$');
            let name = name.chars().take(40).collect();
            return self.report(match help {
                // For a known operator without its `$`, the error suggests the correct spelling.
                None if is_name => UpdateErrorKind::OperatorMissing(name).into(),
                help => UpdateErrorKind::OperatorUnknown { name, help }.into(),
            });
        };
        let Bson::Document(fields) = fields else {
            let found = ValueRef::from(fields).kind().alias();
            return self.report(UpdateErrorKind::FieldsInvalid(operator.spelling(), found).into());
        };
        for (path, operand) in fields {
            if let Err(kind) = self.field(compiled, operator, path, operand) {
                self.report(UpdateError::at(operator, path, kind));
                if self.errors.len() >= MAX_ERRORS {
                    return;
                }
            }
        }
    }

    fn report(&mut self, error: UpdateError) {
        self.errors.push(error);
    }

    fn field(
        &mut self,
        compiled: &mut Update,
        operator: Operator,
        path: &str,
        operand: &Bson,
    ) -> Result<(), UpdateErrorKind> {
        compiled.named.push(Named { operator, path: path.to_owned() });
        let steps = steps::parse(path)?;
        for step in &steps {
            if let Step::Filtered(name) = step {
                if compiled.filters.get(name).is_none() {
                    return Err(UpdateErrorKind::ArrayFilterUnknown(name.to_string()));
                }
                self.used.insert(name.clone());
            }
        }
        let leaf = |action| Leaf { operator, path: path.into(), action };
        if operator != Operator::Rename {
            return compiled.fields.add(&steps, leaf(action(operator, operand, self.patterns)?));
        }
        let Bson::String(to) = operand else { return Err(self::operand("the new name as a string", operand, 2)) };
        compiled.named.push(Named { operator, path: to.clone() });
        let target = steps::parse(to)?;
        let from = plain(&steps)?;
        let into = plain(&target)?;
        if steps.starts_with(&target) || target.starts_with(&steps) {
            return Err(UpdateErrorKind::RenameSame);
        }
        compiled.fields.add(&steps, leaf(Action::RenameFrom))?;
        let action = Action::RenameTo(compiled.renamings.len());
        compiled.renamings.push(Renaming { from, path: path.into(), to: into });
        compiled.fields.add(&target, Leaf { operator, path: to.as_str().into(), action })
    }
}

/// The names of a path without positional operators.
fn plain(steps: &[Step]) -> Result<Vec<Name>, UpdateErrorKind> {
    steps
        .iter()
        .map(|step| match step {
            Step::Name(name) => Ok(name.clone()),
            Step::Position | Step::All | Step::Filtered(_) => Err(UpdateErrorKind::RenameDynamic),
        })
        .collect()
}

fn action(operator: Operator, value: &Bson, patterns: &PatternAllowance) -> Result<Action, UpdateErrorKind> {
    Ok(match operator {
        Operator::Set => Action::Set(written(value)?),
        Operator::SetOnInsert => Action::SetOnInsert(written(value)?),
        Operator::Unset => Action::Unset,
        Operator::Inc => Action::Inc(number(value)?),
        Operator::Mul => Action::Mul(number(value)?),
        Operator::Min => Action::Min(written(value)?),
        Operator::Max => Action::Max(written(value)?),
        Operator::CurrentDate => Action::CurrentDate(instant(value)?),
        Operator::Push => Action::Push(Push::compile(value)?),
        Operator::AddToSet => Action::AddToSet(match value {
            Bson::Document(each) if each.keys().next().is_some_and(|first| first == "$each") => match each.get("$each")
            {
                Some(Bson::Array(values)) if each.len() == 1 => values.iter().map(written).collect::<Result<_, _>>()?,
                Some(Bson::Array(_)) | None => return Err(operand("a document whose only field is `$each`", value, 2)),
                Some(other) => return Err(operand("an array as its `$each`", other, 14)),
            },
            value => vec![written(value)?],
        }),
        Operator::Pull => Action::Pull(pull(value, patterns)?),
        Operator::PullAll => match value {
            Bson::Array(values) => {
                values.iter().try_for_each(|value| written(value).map(|_| ()))?;
                Action::PullAll(values.clone())
            }
            other => return Err(operand("an array", other, 2)),
        },
        Operator::Pop => match integer("1 or -1", value, 9)? {
            1 => Action::Pop(End::Last),
            -1 => Action::Pop(End::First),
            _ => return Err(operand("1 or -1", value, 9)),
        },
        Operator::Bit => Action::Bit(bits(value)?),
        Operator::Rename => Action::RenameFrom,
    })
}

fn number(value: &Bson) -> Result<Bson, UpdateErrorKind> {
    match value {
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => Ok(value.clone()),
        other => Err(operand("a number", other, 14)),
    }
}

fn instant(value: &Bson) -> Result<Instant, UpdateErrorKind> {
    let expected = "`true` or {\"$type\": \"date\"} or {\"$type\": \"timestamp\"}";
    match value {
        Bson::Boolean(_) => Ok(Instant::Date),
        Bson::Document(document) if document.len() == 1 => match document.get("$type") {
            Some(Bson::String(kind)) if kind == "date" => Ok(Instant::Date),
            Some(Bson::String(kind)) if kind == "timestamp" => Ok(Instant::Timestamp),
            _ => Err(operand(expected, value, 2)),
        },
        other => Err(operand(expected, other, 2)),
    }
}

fn pull(value: &Bson, patterns: &PatternAllowance) -> Result<Pull, UpdateErrorKind> {
    Ok(match value {
        // As in MongoDB, which parses it as a condition on the fields of documents.
        Bson::Document(document) if document.keys().next().is_some_and(|first| first == "$not") => {
            return Err(operand("a value or a condition such as {\"$gt\": 1}", value, 2));
        }
        Bson::Document(document) if is_element_condition(document) => {
            Pull::Elements(Box::new(ElementFilter::of_element(value.clone(), patterns)?))
        }
        Bson::Document(document) => Pull::Documents(Box::new(Filter::compile_within(document, patterns)?)),
        Bson::RegularExpression(_) => Pull::Elements(Box::new(ElementFilter::of_element(value.clone(), patterns)?)),
        value => Pull::Equal(written(value)?.value),
    })
}

fn bits(value: &Bson) -> Result<Vec<(Bits, Bson)>, UpdateErrorKind> {
    let expected = "a document such as {\"and\": 5}";
    let Bson::Document(document) = value else { return Err(operand(expected, value, 2)) };
    if document.is_empty() {
        return Err(operand(expected, value, 2));
    }
    document
        .iter()
        .map(|(name, value)| {
            let bits = match name.as_str() {
                "and" => Bits::And,
                "or" => Bits::Or,
                "xor" => Bits::Xor,
                _ => {
                    let found = format!("`{name}`");
                    return Err(UpdateErrorKind::Operand { expected: "`and`, `or` and `xor`", found, code: 2 });
                }
            };
            match value {
                Bson::Int32(_) | Bson::Int64(_) => Ok((bits, value.clone())),
                other => Err(operand("integers", other, 2)),
            }
        })
        .collect()
}
