use bson::Bson;

use super::{Comparison, Conversion, Expansion, Logic, Pattern};
use crate::path::FieldPath;
use crate::text::Spanned;
use crate::value::TypeSet;

/// An expression as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `true`, `false`
    Boolean(bool),
    /// `{…}`: all clauses hold; `{}` always holds
    All(Vec<Clause>),
}

/// One member of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// `"%and": [{…}, {…}]`
    Logic(Logic, Vec<Spanned<Expr>>),
    /// `"%not": {…}`
    Not(Box<Spanned<Expr>>),
    /// `"%%user.id": "x"`, `"owner.id": {"$exists": true}`
    Test(Spanned<Name>, Condition),
}

/// The left side of a clause.
#[derive(Clone, Debug, PartialEq)]
pub enum Name {
    /// `owner.id`
    Path(FieldPath),
    /// `%%user.id`
    Expansion(Expansion),
}

/// The right side of a clause.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `5`, `"%%user.id"`, `{"city": "Bern"}`
    Equals(Spanned<Operand>),
    /// `{"$gt": 1, "$lt": 9}`
    Checks(Vec<Spanned<Check>>),
    /// `{"%%true": {…}}`: an expression whose result must equal the left operand
    Expression(Box<Spanned<Expr>>),
}

/// A right operand.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// `5`, `{"$oid": "…"}`, `["a", "b"]`: without expansions inside
    Literal(Bson),
    /// `"%%user.id"`
    Expansion(Expansion),
    /// `{"city": "%%user.data.city"}`: with an expansion somewhere inside
    Document(Vec<(String, Spanned<Operand>)>),
    /// `["%%user.id", 1]`: with an expansion somewhere inside
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
        /// The divisor; not 0.
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

/// The operand of `$in` and `$nin`.
#[derive(Clone, Debug, PartialEq)]
pub enum List {
    /// `["a", "%%user.id"]`
    Elements(Vec<Spanned<Operand>>),
    /// `"%%user.custom_data.teams"`
    Expansion(Spanned<Expansion>),
}

/// The condition on an element of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum ElemMatch {
    /// `{"$gt": 5}`: on the element itself
    Element(Vec<Spanned<Check>>),
    /// `{"product": "x", "score": {"$gt": 5}}`: on the element's fields
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

/// An argument of a function: a value, or a whole context object such as `%%user`, which is allowed only here.
pub type Argument = Operand;
