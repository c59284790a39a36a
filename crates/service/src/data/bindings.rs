//! Substitution of the `let` variables of a `$lookup` in the stages of its pipeline.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::store::documents::{DocumentStore, DocumentsError, Namespace};
use portcullis::value::DocumentRef;

use super::joins::all;

/// Variables and their values, those of outer pipelines first.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings(Document);

impl Bindings {
    /// For each of the documents, these variables and those that `vars` computes from the document.
    pub(super) async fn of_each(
        &self,
        store: &dyn DocumentStore,
        namespace: &Namespace,
        documents: &[RawDocumentBuf],
        vars: &Document,
    ) -> Result<Vec<Self>, DocumentsError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let made = doc! { "$replaceWith": self.expression(&Bson::Document(vars.clone())) };
        let made = all(store.aggregate_documents(namespace.database(), documents.to_vec(), &[made]).await?).await?;
        let each = made.iter().map(|made| {
            let made = DocumentRef::Raw(made).to_document()?;
            let mut bound = self.0.clone();
            for name in vars.keys() {
                // As in MongoDB, a variable whose expression is missing in the document is missing itself.
                let value = made.get(name).map_or_else(|| "$$REMOVE".into(), |value| doc! { "$literal": value }.into());
                bound.insert::<_, Bson>(name, value);
            }
            Ok(Self(bound))
        });
        each.collect()
    }

    /// A copy of a stage with the variables in scope.
    pub(super) fn stage(&self, stage: &Document) -> Document {
        if self.0.is_empty() {
            return stage.clone();
        }
        stage.iter().map(|(name, operand)| (name.clone(), self.operand(name, operand))).collect()
    }

    fn operand(&self, stage: &str, operand: &Bson) -> Bson {
        match (stage, operand) {
            ("$match", Bson::Document(filter)) => self.filter(filter).into(),
            ("$project" | "$addFields" | "$set", Bson::Document(fields)) => self.fields(fields).into(),
            ("$group", Bson::Document(group)) => {
                let fields = group.iter().map(|(name, operand)| {
                    let made = if name == "_id" { self.expression(operand) } else { self.accumulator(operand) };
                    (name.clone(), made)
                });
                Bson::Document(fields.collect())
            }
            ("$replaceRoot", Bson::Document(root)) => self.named(root, &["newRoot"]),
            ("$bucket", Bson::Document(bucket)) => self.named(bucket, &["groupBy"]),
            ("$replaceWith" | "$sortByCount", operand) => self.expression(operand),
            _ => operand.clone(),
        }
    }

    /// Wraps an expression in a `$let` that defines the variables.
    fn expression(&self, expression: &Bson) -> Bson {
        match expression {
            _ if self.0.is_empty() => expression.clone(),
            Bson::Document(_) | Bson::Array(_) | Bson::String(_) => {
                doc! { "$let": { "vars": self.0.clone(), "in": expression.clone() } }.into()
            }
            _ => expression.clone(),
        }
    }

    /// Binds the variables in a filter. Only `$expr` contains expressions: elsewhere, a string is just a string.
    fn filter(&self, filter: &Document) -> Document {
        let members = filter.iter().map(|(name, operand)| {
            let made = match (name.as_str(), operand) {
                ("$expr", operand) => self.expression(operand),
                ("$and" | "$or" | "$nor", Bson::Array(parts)) => {
                    let parts = parts.iter().map(|part| match part {
                        Bson::Document(part) => Bson::Document(self.filter(part)),
                        part => part.clone(),
                    });
                    Bson::Array(parts.collect())
                }
                (_, operand) => operand.clone(),
            };
            (name.clone(), made)
        });
        members.collect()
    }

    /// Binds the variables in the fields of a projection, which may be nested.
    fn fields(&self, fields: &Document) -> Document {
        let made = fields.iter().map(|(name, value)| {
            let made = match value {
                Bson::Document(inner) if !inner.keys().any(|key| key.starts_with('$')) => self.fields(inner).into(),
                value => self.expression(value),
            };
            (name.clone(), made)
        });
        made.collect()
    }

    fn accumulator(&self, accumulator: &Bson) -> Bson {
        let Bson::Document(accumulator) = accumulator else { return accumulator.clone() };
        let members = accumulator.iter().map(|(name, operand)| {
            let is_plain = matches!(operand, Bson::Document(operand) if operand.is_empty());
            (name.clone(), if is_plain { operand.clone() } else { self.expression(operand) })
        });
        Bson::Document(members.collect())
    }

    fn named(&self, operand: &Document, names: &[&str]) -> Bson {
        let members = operand.iter().map(|(name, value)| {
            let is_expression = names.contains(&name.as_str());
            (name.clone(), if is_expression { self.expression(value) } else { value.clone() })
        });
        Bson::Document(members.collect())
    }
}
