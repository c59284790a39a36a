//! Compiles expressions from BSON, using the operator table.

use bson::{Bson, DateTime, Document};

use super::Expression;
use super::failure::{FindError, Outcome, refusal, refused, unsupported};
use super::table::{self, Operator, Shape};

/// The maximum nesting depth of expressions, as in MongoDB.
const MAX_DEPTH: usize = 100;

/// The variables in scope.
#[derive(Clone, Default)]
struct Scope {
    names: Vec<String>,
    depth: usize,
}

impl Expression {
    /// Compiles an expression. `$$NOW` becomes the time of compilation.
    pub(crate) fn parse(expression: &Bson) -> Outcome<Self> {
        Scope::default().any(expression)
    }
}

/// Checks the name of a variable in `let`.
///
/// # Errors
/// If MongoDB rejects the name: it does not start with a lower-case letter, or contains a character other than letters,
/// digits and `_`.
pub fn check_variable_name(name: &str) -> Result<(), FindError> {
    if !name.starts_with(|first: char| first.is_ascii_lowercase() || !first.is_ascii())
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())
    {
        return refused(16867, format!("`{name}` cannot be the name of a variable"));
    }
    Ok(())
}

impl Scope {
    fn deeper(&self) -> Outcome<Self> {
        if self.depth >= MAX_DEPTH {
            return refused(15, format!("an expression is nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(Self { names: self.names.clone(), depth: self.depth + 1 })
    }

    fn with(&self, name: &str) -> Outcome<Self> {
        check_variable_name(name)?;
        let mut scope = self.clone();
        scope.names.push(name.to_owned());
        Ok(scope)
    }

    fn any(&self, expression: &Bson) -> Outcome<Expression> {
        match expression {
            Bson::String(text) => self.text(text),
            Bson::Array(parts) => Ok(Expression::Array(self.deeper()?.all(parts)?)),
            Bson::Document(members) => {
                let mut keys = members.iter();
                match (keys.next(), keys.next()) {
                    (Some((name, operand)), None) if name.starts_with('$') => self.deeper()?.call(name, operand),
                    _ => self.deeper()?.object(members),
                }
            }
            Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => {
                unsupported("`code`", "client-supplied code is not executed")
            }
            value => Ok(Expression::Literal(value.clone())),
        }
    }

    fn all(&self, parts: &[Bson]) -> Outcome<Vec<Expression>> {
        parts.iter().map(|part| self.any(part)).collect()
    }

    fn object(&self, members: &Document) -> Outcome<Expression> {
        let mut fields: Vec<(String, Expression)> = Vec::new();
        for (name, value) in members {
            if name.starts_with('$') {
                return refused(15983, format!("operator `{name}` must be the only member of its object"));
            }
            if name.is_empty() || name.contains(['.', '\0']) {
                return refused(16412, "a field name must not be empty or contain dots");
            }
            fields.push((name.clone(), self.any(value)?));
        }
        Ok(Expression::Object(fields))
    }

    /// Compiles a string, which is a literal, a field path or a variable.
    fn text(&self, text: &str) -> Outcome<Expression> {
        let Some(path) = text.strip_prefix('$') else { return Ok(Expression::Literal(text.into())) };
        let Some(variable) = path.strip_prefix('$') else { return Ok(Expression::Field(names(path)?)) };
        let (name, rest) = variable.split_once('.').map_or((variable, None), |(name, rest)| (name, Some(rest)));
        let rest = rest.map_or_else(|| Ok(Vec::new()), names)?;
        if let Some(at) = self.names.iter().rposition(|known| known == name) {
            return Ok(Expression::Variable(Some(at), rest));
        }
        match name {
            "ROOT" | "CURRENT" if rest.is_empty() => Ok(Expression::Variable(None, rest)),
            "ROOT" | "CURRENT" => Ok(Expression::Field(rest)),
            "REMOVE" if rest.is_empty() => Ok(Expression::Missing),
            "NOW" if rest.is_empty() => Ok(Expression::Literal(DateTime::now().into())),
            "REMOVE" | "NOW" => Ok(Expression::Missing),
            name if name.starts_with(|first: char| first.is_ascii_lowercase() || !first.is_ascii()) => {
                refused(17276, format!("undefined variable `$${name}`"))
            }
            _ => Err(FindError::Unsupported {
                what: format!("`{text}`"),
                help: Some(
                    "the variables are `$$ROOT`, `$$CURRENT`, `$$REMOVE`, `$$NOW` and those that the expression defines itself",
                ),
            }),
        }
    }

    fn call(&self, name: &str, operand: &Bson) -> Outcome<Expression> {
        let Some(operator) = table::find(name) else { return Err(table::refusal(name)) };
        match operator.shape {
            Shape::List(least, most) => {
                let operands = match operand {
                    Bson::Array(parts) => self.all(parts)?,
                    one => vec![self.any(one)?],
                };
                if !(least..=most).contains(&operands.len()) {
                    return refused(16020, format!("wrong number of operands for `{name}`"));
                }
                Ok(call(operator, operands))
            }
            Shape::Date => match operand {
                Bson::Document(members) if members.keys().all(|key| !key.starts_with('$')) => {
                    self.members(operator, members, &["date", "timezone"], 1)
                }
                Bson::Array(parts) => match parts.as_slice() {
                    [one] => Ok(call(operator, vec![self.any(one)?])),
                    _ => refused(40536, format!("`{name}` takes one date")),
                },
                one => Ok(call(operator, vec![self.any(one)?])),
            },
            Shape::Named(names, needed) => match operand {
                Bson::Document(members) if name == "$zip" && !matches!(members.get("inputs"), Some(Bson::Array(_))) => {
                    refused(34461, "the inputs of `$zip` must be an array of expressions")
                }
                Bson::Document(members) => self.members(operator, members, names, needed),
                _ => refused(9, format!("`{name}` takes an object")),
            },
            Shape::Special => self.special(name, operand),
        }
    }

    fn members(
        &self,
        operator: &'static Operator,
        members: &Document,
        names: &[&str],
        needed: usize,
    ) -> Outcome<Expression> {
        known(operator.name, members, names)?;
        if let Some(missing) = names.iter().take(needed).find(|name| !members.contains_key(**name)) {
            return refused(9, format!("`{}` needs `{missing}`", operator.name));
        }
        let operands =
            names.iter().map(|name| members.get(*name).map_or(Ok(Expression::Missing), |part| self.any(part)));
        let operands = operands.collect::<Outcome<_>>()?;
        let given = names.iter().map(|name| members.contains_key(*name)).collect();
        Ok(Expression::Call { operator, operands, given })
    }

    fn list(&self, name: &str, operand: &Bson, least: usize, most: usize) -> Outcome<Vec<Expression>> {
        let parts = match operand {
            Bson::Array(parts) => self.all(parts)?,
            one => vec![self.any(one)?],
        };
        if (least..=most).contains(&parts.len()) {
            Ok(parts)
        } else {
            refused(16020, format!("wrong number of operands for `{name}`"))
        }
    }

    fn special(&self, name: &str, operand: &Bson) -> Outcome<Expression> {
        let object = |names: &[&str], needed: usize| {
            let Bson::Document(members) = operand else { return refused(9, format!("`{name}` takes an object")) };
            known(name, members, names)?;
            match names.iter().take(needed).find(|name| !members.contains_key(**name)) {
                Some(missing) => refused(9, format!("`{name}` needs `{missing}`")),
                None => Ok(members),
            }
        };
        let member = |scope: &Self, members: &Document, name: &str| scope.any(members.get(name).unwrap_or(&Bson::Null));
        let variable = |members: &Document| match members.get("as") {
            None => self.with("this"),
            Some(Bson::String(name)) => self.with(name),
            Some(_) => refused(9, format!("the `as` of `{name}` must be the name of a variable")),
        };
        Ok(match name {
            "$literal" => Expression::Literal(operand.clone()),
            "$and" => Expression::All(self.list(name, operand, 0, usize::MAX)?),
            "$or" => Expression::Any(self.list(name, operand, 0, usize::MAX)?),
            "$ifNull" => Expression::IfNull(self.list(name, operand, 2, usize::MAX)?),
            "$cond" => {
                let parts = match operand {
                    Bson::Document(members) if !members.keys().any(|key| key.starts_with('$')) => {
                        let members = object(&["if", "then", "else"], 3).map(|_| members)?;
                        ["if", "then", "else"]
                            .iter()
                            .map(|name| member(self, members, name))
                            .collect::<Outcome<Vec<_>>>()?
                    }
                    operand => self.list(name, operand, 3, 3)?,
                };
                let parts =
                    <[Expression; 3]>::try_from(parts).map_err(|_| refusal(16020, "`$cond` takes three operands"))?;
                Expression::Cond(Box::new(parts))
            }
            "$switch" => {
                let members = object(&["branches", "default"], 1)?;
                let Some(Bson::Array(branches)) = members.get("branches") else {
                    return refused(40061, "`$switch` takes an array of branches");
                };
                if branches.is_empty() {
                    return refused(40068, "`$switch` requires at least one branch");
                }
                let branch = |branch: &Bson| {
                    let Bson::Document(branch) = branch else {
                        return refused(40062, "a branch of `$switch` must be an object");
                    };
                    known(name, branch, &["case", "then"])?;
                    if branch.len() != 2 {
                        return refused(40067, "a branch of `$switch` requires a `case` and a `then`");
                    }
                    Ok((member(self, branch, "case")?, member(self, branch, "then")?))
                };
                let otherwise = members.get("default").map(|part| self.any(part)).transpose()?;
                Expression::Switch(branches.iter().map(branch).collect::<Outcome<_>>()?, otherwise.map(Box::new))
            }
            "$let" => {
                let members = object(&["vars", "in"], 2)?;
                let Some(Bson::Document(vars)) = members.get("vars") else {
                    return refused(10065, "`$let` takes an object of `vars`");
                };
                let (mut inner, mut values) = (self.clone(), Vec::new());
                for (name, value) in vars {
                    inner = inner.with(name)?;
                    values.push(self.any(value)?);
                }
                Expression::Let(values, Box::new(member(&inner, members, "in")?))
            }
            "$map" => {
                let members = object(&["input", "in", "as"], 2)?;
                Expression::Map(Box::new([
                    member(self, members, "input")?,
                    member(&variable(members)?, members, "in")?,
                ]))
            }
            "$filter" => {
                let members = object(&["input", "cond", "as", "limit"], 2)?;
                let limit = members.get("limit").map(|part| self.any(part)).transpose()?;
                let parts = [member(self, members, "input")?, member(&variable(members)?, members, "cond")?];
                Expression::Filter(Box::new(parts), limit.map(Box::new))
            }
            "$reduce" => {
                let members = object(&["input", "initialValue", "in"], 3)?;
                let inner = self.with("value")?.with("this")?;
                Expression::Reduce(Box::new([
                    member(self, members, "input")?,
                    member(self, members, "initialValue")?,
                    member(&inner, members, "in")?,
                ]))
            }
            "$sortArray" => {
                let members = object(&["input", "sortBy"], 2)?;
                let order = members.get("sortBy").cloned().unwrap_or(Bson::Null);
                let is_direction = |value: &Bson| {
                    super::number::Num::of(value)
                        .and_then(super::number::Num::integer)
                        .is_some_and(|number| number.abs() == 1)
                };
                match &order {
                    Bson::Document(order) if !order.is_empty() && order.values().all(is_direction) => {}
                    order if is_direction(order) => {}
                    _ => return refused(2942503, "`$sortArray` takes a sort order of 1 or -1"),
                }
                Expression::SortArray(Box::new(member(self, members, "input")?), order)
            }
            _ => {
                let (field, input) = match operand {
                    Bson::Document(members) if members.keys().all(|key| !key.starts_with('$')) => {
                        let members = object(&["field", "input"], 2)?;
                        (member(self, members, "field")?, member(self, members, "input")?)
                    }
                    operand => (self.any(operand)?, Expression::Variable(None, Vec::new())),
                };
                if !matches!(field, Expression::Literal(Bson::String(_))) {
                    return refused(5654602, "`$getField` takes the name of a field as a constant");
                }
                Expression::GetField(Box::new(field), Box::new(input))
            }
        })
    }
}

fn call(operator: &'static Operator, operands: Vec<Expression>) -> Expression {
    let given = vec![true; operands.len()];
    Expression::Call { operator, operands, given }
}

fn known(operator: &str, members: &Document, names: &[&str]) -> Outcome<()> {
    match members.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => refused(9, format!("`{operator}` has no argument `{key}`")),
        None => Ok(()),
    }
}

/// Splits a path into its segments.
pub(super) fn names(path: &str) -> Outcome<Vec<String>> {
    let names: Vec<String> = path.split('.').map(str::to_owned).collect();
    if names.len() > 200 || names.iter().any(|name| name.is_empty() || name.starts_with('$') || name.contains('\0')) {
        return refused(16410, "the field names of a path must not be empty or begin with `$`");
    }
    Ok(names)
}
