//! Converts a template back to BSON as written.

use bson::{Bson, Document, doc};

use super::form::{Call, Form};
use crate::expr::Operator;

/// A template that is parsed to the form.
pub(super) fn bson(form: &Form) -> Bson {
    match form {
        Form::Literal(literal) if literal.quoted => doc! { "%literal": literal.value.clone() }.into(),
        Form::Literal(literal) => literal.value.clone(),
        Form::Expansion(ask, _) => ask.expansion.to_string().into(),
        Form::Text(text, _) => text.written().into(),
        Form::Array(forms) => Bson::Array(forms.iter().map(bson).collect()),
        Form::Document(members) => {
            Bson::Document(members.iter().map(|member| (member.written().to_owned(), bson(&member.value))).collect())
        }
        Form::Convert(conversion, operand, _) => single(Operator::Convert(*conversion).spelling(), bson(operand)),
        Form::Default(alternatives) => single("%default", Bson::Array(alternatives.iter().map(bson).collect())),
        Form::Call(call, _) => self::call(call, call.arguments.iter().map(bson)),
    }
}

fn call(call: &Call, mut arguments: impl Iterator<Item = Bson>) -> Bson {
    let mut operand = doc! { "name": &call.name };
    if call.listed {
        operand.insert("arguments", Bson::Array(arguments.collect()));
    } else if let Some(argument) = arguments.next() {
        operand.insert("arguments", argument);
    }
    single("%function", operand.into())
}

/// A document with one field.
pub(super) fn single(key: &str, value: Bson) -> Bson {
    let mut document = Document::new();
    document.insert(key, value);
    document.into()
}
