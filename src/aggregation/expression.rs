use bson::Bson;

use super::table::Operator;

/// A compiled expression: its operators are resolved and its variables numbered.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Literal(Bson),
    /// `$$REMOVE`, or an omitted argument.
    Missing,
    /// A path in the document: `$a.b`
    Field(Vec<String>),
    /// A path in the document (`None`) or in the variable with this number.
    Variable(Option<usize>, Vec<String>),
    Object(Vec<(String, Expression)>),
    Array(Vec<Expression>),
    Call {
        operator: &'static Operator,
        operands: Vec<Expression>,
        /// For each parameter, whether the argument was given.
        given: Vec<bool>,
    },
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Cond(Box<[Expression; 3]>),
    IfNull(Vec<Expression>),
    /// The branches and the default. Without a default, it is an error if no branch matches.
    Switch(Vec<(Expression, Expression)>, Option<Box<Expression>>),
    /// The values of new variables, which get the next numbers, and the expression in which they are visible.
    Let(Vec<Expression>, Box<Expression>),
    /// The array, and the expression to evaluate for each element. The element is the next variable.
    Map(Box<[Expression; 2]>),
    /// The array and the condition to evaluate for each element, which is the next variable; and the limit, if any.
    Filter(Box<[Expression; 2]>, Option<Box<Expression>>),
    /// The array, the initial value, and the expression for the next value. The accumulated value and the element are
    /// the next two variables.
    Reduce(Box<[Expression; 3]>),
    SortArray(Box<Expression>, Bson),
    /// The name of a field, which may contain any characters, and the value that has the field.
    GetField(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Calls `visit` with this expression and all nested ones.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::Literal(_) | Self::Missing | Self::Field(_) | Self::Variable(..) => {}
            Self::Object(fields) => fields.iter().for_each(|(_, part)| part.each(visit)),
            Self::Array(parts) | Self::All(parts) | Self::Any(parts) | Self::IfNull(parts) => {
                parts.iter().for_each(|part| part.each(visit));
            }
            Self::Call { operands, .. } => operands.iter().for_each(|part| part.each(visit)),
            Self::Cond(parts) | Self::Reduce(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Map(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Filter(parts, limit) => {
                parts.iter().for_each(|part| part.each(visit));
                limit.iter().for_each(|part| part.each(visit));
            }
            Self::Switch(branches, otherwise) => {
                for (case, then) in branches {
                    case.each(visit);
                    then.each(visit);
                }
                otherwise.iter().for_each(|part| part.each(visit));
            }
            Self::Let(values, inner) => {
                values.iter().for_each(|part| part.each(visit));
                inner.each(visit);
            }
            Self::SortArray(input, _) => input.each(visit),
            Self::GetField(name, input) => {
                name.each(visit);
                input.each(visit);
            }
        }
    }

    /// The top-level fields that the expression reads; `None` if it may read any field.
    pub(crate) fn fields(&self) -> Option<Vec<&str>> {
        let (mut fields, mut any) = (Vec::new(), false);
        self.each_field(&mut |field| match field {
            Some(name) => fields.push(name),
            None => any = true,
        });
        (!any).then_some(fields)
    }

    fn each_field<'e>(&'e self, visit: &mut dyn FnMut(Option<&'e str>)) {
        match self {
            Self::Field(path) => visit(path.first().map(String::as_str)),
            Self::Variable(None, path) => visit(path.first().map(String::as_str)),
            Self::All(parts) | Self::Any(parts) | Self::IfNull(parts) | Self::Array(parts) => {
                parts.iter().for_each(|part| part.each_field(visit));
            }
            Self::Call { operands, .. } => operands.iter().for_each(|part| part.each_field(visit)),
            Self::Cond(parts) => parts.iter().for_each(|part| part.each_field(visit)),
            Self::Literal(_) | Self::Missing => {}
            _ => visit(None),
        }
    }

    /// Whether the expression evaluates for every document without an error and with little work. Only then may a
    /// database evaluate it on documents that the client may not read.
    pub(crate) fn never_fails(&self) -> bool {
        let (mut never, mut parts) = (true, 0);
        self.each(&mut |part| {
            parts += 1;
            never &= match part {
                Self::Literal(_) | Self::Field(_) | Self::All(_) | Self::Any(_) | Self::Cond(_) | Self::IfNull(_) => {
                    true
                }
                Self::Call { operator, .. } => {
                    matches!(
                        operator.name,
                        "$eq"
                            | "$ne"
                            | "$gt"
                            | "$gte"
                            | "$lt"
                            | "$lte"
                            | "$cmp"
                            | "$not"
                            | "$type"
                            | "$isNumber"
                            | "$isArray"
                    )
                }
                _ => false,
            };
        });
        never && parts <= MAX_PUSHED
    }
}

/// The maximum size of an expression that may be sent to a database.
const MAX_PUSHED: usize = 64;
