use std::borrow::Cow;

use bson::Bson;

use super::Expression;
use super::failure::{FindError, Outcome, refused};
use super::number::Num;
use super::operators::convert::CONVERSION;
use super::operators::{Args, arrays};
use super::value::{Value, copy, is_nullish, is_true, kind, made, owned, weight};
use crate::value::{DocumentRef, Malformed, Steps};

/// Decodes a document, as evaluation requires.
pub(crate) fn decoded(document: DocumentRef<'_>, steps: &Steps) -> Result<Bson, Malformed> {
    let document = Bson::Document(document.to_document()?);
    steps.take(weight(&document) / 8)?;
    Ok(document)
}

/// The state of an evaluation.
struct Frame<'a> {
    root: &'a Bson,
    variables: Vec<Value<'a>>,
    steps: &'a Steps,
}

impl Expression {
    /// The value of the expression for a document; `None` is missing.
    pub(crate) fn value(&self, root: &Bson, steps: &Steps) -> Outcome<Option<Bson>> {
        let value = Frame { root, variables: Vec::new(), steps }.of(self)?;
        value.map(|value| owned(value, steps)).transpose()
    }

    /// Whether the value of the expression for a document is truthy.
    pub(crate) fn holds(&self, root: &Bson, steps: &Steps) -> Outcome<bool> {
        Ok(is_true(Frame { root, variables: Vec::new(), steps }.of(self)?.as_deref()))
    }
}

impl<'a> Frame<'a> {
    fn of(&mut self, expression: &'a Expression) -> Outcome<Value<'a>> {
        self.steps.take(1)?;
        Ok(match expression {
            Expression::Literal(value) => Some(Cow::Borrowed(value)),
            Expression::Missing => None,
            Expression::Field(path) => self.path(Cow::Borrowed(self.root), path)?,
            Expression::Variable(None, path) => self.path(Cow::Borrowed(self.root), path)?,
            Expression::Variable(Some(at), path) => match self.variables.get(*at).cloned().flatten() {
                // Of a computed value, only the part that the path selects is copied.
                Some(Cow::Owned(value)) => {
                    self.steps.take(weight(&value))?;
                    self.path(Cow::Owned(value), path)?
                }
                Some(value) => self.path(value, path)?,
                None => None,
            },
            Expression::Object(fields) => {
                let mut document = bson::Document::new();
                for (name, part) in fields {
                    if let Some(value) = self.of(part)? {
                        document.insert(name.clone(), owned(value, self.steps)?);
                    }
                }
                made(document)
            }
            Expression::Array(parts) => {
                let mut list = Vec::with_capacity(parts.len());
                for part in parts {
                    list.push(self.of(part)?.map_or(Ok(Bson::Null), |value| owned(value, self.steps))?);
                }
                made(list)
            }
            Expression::Call { operator, operands, given } => return self.call(operator, operands, given),
            Expression::All(parts) => {
                for part in parts {
                    if !self.is_true(part)? {
                        return Ok(made(false));
                    }
                }
                made(true)
            }
            Expression::Any(parts) => {
                for part in parts {
                    if self.is_true(part)? {
                        return Ok(made(true));
                    }
                }
                made(false)
            }
            Expression::Cond(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.is_true(condition)? { then } else { otherwise };
                return self.of(chosen);
            }
            Expression::IfNull(parts) => {
                let Some((last, first)) = parts.split_last() else { return Ok(None) };
                for part in first {
                    let value = self.of(part)?;
                    if !is_nullish(value.as_deref()) {
                        return Ok(value);
                    }
                }
                return self.of(last);
            }
            Expression::Switch(branches, otherwise) => {
                for (case, then) in branches {
                    if self.is_true(case)? {
                        return self.of(then);
                    }
                }
                return match otherwise {
                    Some(otherwise) => self.of(otherwise),
                    None => refused(
                        40066,
                        "$switch could not find a matching branch for an input, and no default was specified.",
                    ),
                };
            }
            Expression::Let(values, inner) => {
                let values = values.iter().map(|value| self.of(value)).collect::<Outcome<Vec<_>>>()?;
                let before = self.variables.len();
                self.variables.extend(values);
                let value = self.of(inner);
                self.variables.truncate(before);
                return value;
            }
            Expression::Map(parts) => {
                let [input, inner] = &**parts;
                let Some(elements) = self.elements(input, "$map", 16883)? else { return Ok(made(Bson::Null)) };
                let mut list = Vec::with_capacity(elements.len());
                for element in elements {
                    let value = self.with(Some(element), inner)?;
                    list.push(value.map_or(Ok(Bson::Null), |value| owned(value, self.steps))?);
                }
                made(list)
            }
            Expression::Filter(parts, limit) => {
                let [input, condition] = &**parts;
                let Some(elements) = self.elements(input, "$filter", 28651)? else { return Ok(made(Bson::Null)) };
                let limit = match limit {
                    None => usize::MAX,
                    Some(limit) => match self.of(limit)? {
                        value if is_nullish(value.as_deref()) => usize::MAX,
                        value => {
                            let number = value.as_deref().and_then(Num::of).and_then(Num::integer);
                            match number.and_then(|number| usize::try_from(number).ok()).filter(|limit| *limit > 0) {
                                Some(limit) => limit,
                                None => return refused(327392, "$filter: limit must be a whole number above 0"),
                            }
                        }
                    },
                };
                let mut list = Vec::new();
                for element in elements {
                    if list.len() >= limit {
                        break;
                    }
                    self.steps.take(if matches!(element, Cow::Owned(_)) { weight(&element) } else { 0 })?;
                    if is_true(self.with(Some(element.clone()), condition)?.as_deref()) {
                        list.push(owned(element, self.steps)?);
                    }
                }
                made(list)
            }
            Expression::Reduce(parts) => {
                let [input, first, inner] = &**parts;
                let Some(elements) = self.elements(input, "$reduce", 40080)? else { return Ok(made(Bson::Null)) };
                let mut value = self.of(first)?;
                for element in elements {
                    let before = self.variables.len();
                    self.variables.extend([value, Some(element)]);
                    let next = self.of(inner);
                    self.variables.truncate(before);
                    value = next?;
                }
                return Ok(value);
            }
            Expression::SortArray(input, order) => match self.of(input)?.as_deref() {
                value if is_nullish(value) => made(Bson::Null),
                Some(Bson::Array(elements)) => made(arrays::sorted(elements, order, self.steps)?),
                other => {
                    return refused(
                        2942504,
                        format!("The input argument to $sortArray must be an array, but was of type: {}", kind(other)),
                    );
                }
            },
            Expression::GetField(name, input) => {
                let Expression::Literal(Bson::String(name)) = &**name else { return Ok(None) };
                match self.of(input)? {
                    value if is_nullish(value.as_deref()) && value.is_some() => made(Bson::Null),
                    Some(Cow::Borrowed(Bson::Document(fields))) => fields.get(name).map(Cow::Borrowed),
                    Some(Cow::Owned(Bson::Document(mut fields))) => fields.remove(name).map(Cow::Owned),
                    _ => None,
                }
            }
        })
    }

    fn is_true(&mut self, expression: &'a Expression) -> Outcome<bool> {
        Ok(is_true(self.of(expression)?.as_deref()))
    }

    /// Evaluates an expression with another variable in scope.
    fn with(&mut self, variable: Value<'a>, inner: &'a Expression) -> Outcome<Value<'a>> {
        self.variables.push(variable);
        let value = self.of(inner);
        self.variables.pop();
        value
    }

    /// The elements of an array; `None` if it is null or missing.
    fn elements(&mut self, input: &'a Expression, name: &str, code: i32) -> Outcome<Option<Vec<Cow<'a, Bson>>>> {
        match self.of(input)? {
            value if is_nullish(value.as_deref()) => Ok(None),
            Some(Cow::Borrowed(Bson::Array(elements))) => {
                self.steps.take(elements.len())?;
                Ok(Some(elements.iter().map(Cow::Borrowed).collect()))
            }
            Some(Cow::Owned(Bson::Array(elements))) => {
                self.steps.take(elements.len())?;
                Ok(Some(elements.into_iter().map(Cow::Owned).collect()))
            }
            other => refused(code, format!("input to {name} must be an array not {}", kind(other.as_deref()))),
        }
    }

    fn call(
        &mut self,
        operator: &'static super::table::Operator,
        operands: &'a [Expression],
        given: &'a [bool],
    ) -> Outcome<Value<'a>> {
        // `onError` and `onNull` are evaluated only if needed.
        let (on_error, on_null) = match operator.name {
            "$convert" => (Some(2), Some(3)),
            "$dateFromString" => (Some(3), Some(4)),
            "$dateToString" => (None, Some(3)),
            _ => (None, None),
        };
        let mut values = Vec::with_capacity(operands.len());
        for (at, operand) in operands.iter().enumerate() {
            let waits = Some(at) == on_error || Some(at) == on_null;
            values.push(if waits { None } else { self.of(operand)? });
        }
        let args = Args { name: operator.name, values: &values, given, steps: self.steps };
        let substitute = |at: Option<usize>| at.filter(|at| args.is_given(*at)).and_then(|at| operands.get(at));
        if args.is_nullish(0)
            && let Some(instead) = substitute(on_null)
        {
            return self.of(instead);
        }
        let outcome = (operator.run)(&args);
        match (outcome, substitute(on_error)) {
            (Err(FindError::Refused { code: CONVERSION, .. }), Some(instead)) => self.of(instead),
            (outcome, _) => Ok(outcome?.map(Cow::Owned)),
        }
    }

    fn path(&self, value: Cow<'a, Bson>, path: &[String]) -> Outcome<Value<'a>> {
        let Some((name, rest)) = path.split_first() else { return Ok(Some(value)) };
        self.steps.take(1)?;
        match value {
            Cow::Borrowed(Bson::Document(fields)) => match fields.get(name) {
                Some(field) => self.path(Cow::Borrowed(field), rest),
                None => Ok(None),
            },
            Cow::Owned(Bson::Document(mut fields)) => match fields.remove(name) {
                Some(field) => self.path(Cow::Owned(field), rest),
                None => Ok(None),
            },
            Cow::Borrowed(Bson::Array(elements)) => self.through(elements, path),
            Cow::Owned(Bson::Array(elements)) => self.through(&elements, path),
            _ => Ok(None),
        }
    }

    /// The values at a path in each document of an array.
    fn through<'b>(&self, elements: &[Bson], path: &[String]) -> Outcome<Value<'b>> {
        let mut list = Vec::new();
        for element in elements {
            self.steps.take(1)?;
            if matches!(element, Bson::Document(_))
                && let Some(found) = follow(element, path, self.steps)?
            {
                list.push(found);
            }
        }
        Ok(made(list))
    }
}

/// A copy of the value at a path.
fn follow(value: &Bson, path: &[String], steps: &Steps) -> Outcome<Option<Bson>> {
    let Some((name, rest)) = path.split_first() else { return copy(value, steps).map(Some) };
    steps.take(1)?;
    match value {
        Bson::Document(fields) => fields.get(name).map_or(Ok(None), |field| follow(field, rest, steps)),
        Bson::Array(elements) => {
            let mut list = Vec::new();
            for element in elements.iter().filter(|element| matches!(element, Bson::Document(_))) {
                list.extend(follow(element, path, steps)?);
            }
            Ok(Some(Bson::Array(list)))
        }
        _ => Ok(None),
    }
}
