//! The variables of `let` in a `$lookup`, in the stages of its pipeline.

use bson::{Bson, Document, RawDocumentBuf, doc};
use portcullis::store::documents::{DocumentStore, DocumentsError, Namespace};
use portcullis::value::DocumentRef;

use super::joins::all;

/// Variables with their values, those of outer pipelines first.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings(Document);

impl Bindings {
    /// These, and those that each of the documents gives its pipeline.
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
                // What the document has not is missing, as in MongoDB.
                let value = made.get(name).map_or_else(|| "$$REMOVE".into(), |value| doc! { "$literal": value }.into());
                bound.insert::<_, Bson>(name, value);
            }
            Ok(Self(bound))
        });
        each.collect()
    }

    /// A stage in which they stand for their values.
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

    /// An expression that knows them.
    fn expression(&self, expression: &Bson) -> Bson {
        match expression {
            _ if self.0.is_empty() => expression.clone(),
            Bson::Document(_) | Bson::Array(_) | Bson::String(_) => {
                doc! { "$let": { "vars": self.0.clone(), "in": expression.clone() } }.into()
            }
            _ => expression.clone(),
        }
    }

    /// Only `$expr` has expressions: elsewhere in a filter a text is a text.
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

    /// The fields of a projection, which may stand in each other.
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
