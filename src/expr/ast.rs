use bson::Bson;

use super::{Comparison, Conversion, Expansion, Logic, Pattern};
use crate::path::FieldPath;
use crate::text::Spanned;
use crate::value::TypeSet;

/// An expression, as parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `true` or `false`
    Boolean(bool),
    /// `{…}`: the conjunction of its clauses, so `{}` always holds
    All(Vec<Clause>),
}

/// One member of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// A logical operator: `"%and": [{…}, {…}]`
    Logic(Logic, Vec<Spanned<Expr>>),
    /// A negation: `"%not": {…}`
    Not(Box<Spanned<Expr>>),
    /// A condition on a value: `"%%user.id": "x"`, `"owner.id": {"$exists": true}`
    Test(Spanned<Name>, Condition),
}

/// The left side of a clause.
#[derive(Clone, Debug, PartialEq)]
pub enum Name {
    /// A field path: `owner.id`
    Path(FieldPath),
    /// An expansion: `%%user.id`
    Expansion(Expansion),
}

/// The right side of a clause.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A value to which the left side must be equal: `5`, `"%%user.id"`, `{"city": "Bern"}`
    Equals(Spanned<Operand>),
    /// Operators, all of which must hold: `{"$gt": 1, "$lt": 9}`
    Checks(Vec<Spanned<Check>>),
    /// For `%%true` and `%%false`: an expression whose result must be equal to the left side, as in `{"%%true": {…}}`
    Expression(Box<Spanned<Expr>>),
}

/// A right operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value without expansions: `5`, `{"$oid": "…"}`, `["a", "b"]`
    Literal(Bson),
    /// An expansion: `"%%user.id"`
    Expansion(Expansion),
    /// A document that contains expansions: `{"city": "%%user.data.city"}`
    Document(Vec<(String, Spanned<Operand>)>),
    /// An array that contains expansions: `["%%user.id", 1]`
    Array(Vec<Spanned<Operand>>),
}

/// An operator with its operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// `"$gt": 5`
    Compare(Comparison, Spanned<Operand>),
    /// `"$in": ["a", "b"]`, `"$in": "%%user.custom_data.teams"`
    In(List),
    /// `"$nin": ["a", "b"]`
    Nin(List),
    /// `"$all": ["a", "b"]`
    All(Vec<Spanned<Operand>>),
    /// `"$exists": true`
    Exists(bool),
    /// `"$size": 2`
    Size(i64),
    /// `"$type": "string"`, `"$type": ["int", "long"]`
    Type(TypeSet),
    /// `"$mod": [4, 0]`
    Mod {
        /// The divisor, which is not 0.
        divisor: i64,
        /// The expected remainder.
        remainder: i64,
    },
    /// `"$regex": "^a", "$options": "i"`
    Regex(Pattern),
    /// `"$elemMatch": {…}`
    ElemMatch(ElemMatch),
    /// `"$not": {"$gt": 5}`
    Not(Vec<Spanned<Check>>),
    /// `"%or": [{"$lt": 1}, {"$gt": 9}]`
    Logic(Logic, Vec<Vec<Spanned<Check>>>),
    /// `"%stringToOid": "%%user.id"`
    Convert(Conversion, Spanned<Operand>),
    /// `"%function": {"name": "f", "arguments": []}`
    Function(FunctionCall),
}

/// The right side of `$in` and `$nin`.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// An array of operands: `["a", "%%user.id"]`
    Elements(Vec<Spanned<Operand>>),
    /// An expansion that resolves to an array: `"%%user.custom_data.teams"`
    Expansion(Spanned<Expansion>),
}

/// The condition of `$elemMatch` on array elements.
#[derive(Clone, Debug, PartialEq)]
pub enum ElemMatch {
    /// Operators, applied to the element itself: `{"$gt": 5}`
    Element(Vec<Spanned<Check>>),
    /// An expression over the fields of the element: `{"product": "x", "score": {"$gt": 5}}`
    Fields(Box<Spanned<Expr>>),
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCall {
    /// The name of the function.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Spanned<Argument>>,
}

/// An argument of a function. Unlike other operands, it may be a whole context object such as `%%user`.
pub type Argument = Operand;
