use std::collections::HashSet;

use bson::{Bson, Document};
use thiserror::Error;

use super::carried::is_carried;
use super::config_error::{ConfigError, ConfigErrorKind};
use super::limits::{MAX_FIELD_NAME, MAX_METADATA_VALUE};
use super::metadata_path::{MetadataPath, MetadataPathError};
use super::reader::Reader;
use crate::json::{self, Node};
use crate::text::{Span, Spanned};

/// An entry of a provider's `metadata_fields`: a claim that becomes a field of `%%user.data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataField {
    pub(super) path: MetadataPath,
    pub(super) field_name: String,
    pub(super) presence: Presence,
}

/// Whether a token must have the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Optional,
    Required,
}

/// Why claims do not comply with a provider's `metadata_fields`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A required claim is missing or null.
    #[error("the token lacks the required claim `{0}`")]
    Missing(MetadataPath),
    /// The value of a claim is too long.
    #[error("the claim `{path}` has {characters} characters; at most {MAX_METADATA_VALUE} are accepted")]
    TooLong {
        /// The claim.
        path: MetadataPath,
        /// The number of characters.
        characters: usize,
    },
    /// A claim would not survive in a token issued by Portcullis: it contains a field such as `$oid`, or more than 98
    /// levels.
    #[error("the claim `{0}` contains a field of extended JSON such as `$oid`, or is nested too deeply")]
    NotCarried(MetadataPath),
}

impl MetadataField {
    /// The path to the claim.
    #[must_use]
    pub const fn path(&self) -> &MetadataPath {
        &self.path
    }

    /// The field of `%%user.data` that contains the value.
    #[must_use]
    pub fn field_name(&self) -> &str {
        &self.field_name
    }

    /// Whether tokens without the claim are rejected.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.presence == Presence::Required
    }

    /// Compiles an entry. Unknown keys are added to `unknown`.
    fn compile(node: &Node, unknown: &mut Vec<Spanned<String>>) -> Result<Spanned<Self>, Vec<ConfigError>> {
        let mut reader = Reader::new("a metadata field", node)?;
        let required = reader.boolean("required").is_some_and(|required| required.value);
        let name = reader.filled("name");
        let given = reader.filled("field_name");
        let path = match name {
            None => {
                reader.missing("name", "name the claim, such as `email` or `profile.email`");
                None
            }
            Some(name) => MetadataPath::parse(&name).map_err(|error| reader.add(path_error(error, name.span))).ok(),
        };
        let named = given.map(|name| (name.value.to_owned(), name.span));
        let defaulted = || Some((path.as_ref()?.last().to_owned(), name?.span));
        let (field_name, span) = named.or_else(defaulted).unwrap_or_default();
        check_name(&mut reader, &field_name, span);
        unknown.extend(reader.finish()?);
        // If there is no path, an error has been reported.
        let Some(path) = path else { return Err(Vec::new()) };
        let presence = if required { Presence::Required } else { Presence::Optional };
        Ok(Spanned::new(Self { path, field_name, presence }, span))
    }

    /// Compiles `metadata_fields`. Unknown keys of the entries are added to `unknown`.
    pub(super) fn compile_all(
        nodes: &[Node],
        unknown: &mut Vec<Spanned<String>>,
    ) -> Result<Vec<Self>, Vec<ConfigError>> {
        let mut fields = Vec::new();
        let mut names = HashSet::new();
        let mut errors = Vec::new();
        for node in nodes {
            match Self::compile(node, unknown) {
                Err(found) => errors.extend(found),
                Ok(field) => {
                    if !names.insert(field.field_name.clone()) {
                        let kind = ConfigErrorKind::FieldNameDuplicate(field.field_name.clone());
                        errors.push(
                            ConfigError::new(kind, field.span).help("give one of them another name with `field_name`"),
                        );
                    }
                    fields.push(field.value);
                }
            }
        }
        if errors.is_empty() && fields.len() == nodes.len() { Ok(fields) } else { Err(errors) }
    }

    /// The value of the claim, of whatever type. Values that would not survive in a token issued by Portcullis are
    /// rejected here, because issuing that token would fail later without telling the provider's mistake.
    pub(super) fn take(&self, claims: &Document) -> Result<Option<Bson>, MetadataError> {
        let value = self.path.look_up(claims);
        if self.is_required() && matches!(value, None | Some(Bson::Null)) {
            return Err(MetadataError::Missing(self.path.clone()));
        }
        let Some(value) = value else { return Ok(None) };
        let characters = match value {
            Bson::String(text) => text.chars().count(),
            other => json::from_bson(other).to_string().chars().count(),
        };
        if characters > MAX_METADATA_VALUE {
            return Err(MetadataError::TooLong { path: self.path.clone(), characters });
        }
        if !is_carried(value) {
            return Err(MetadataError::NotCarried(self.path.clone()));
        }
        Ok(Some(value.clone()))
    }
}

fn path_error(error: MetadataPathError, span: Span) -> ConfigError {
    let found = ConfigError::new(ConfigErrorKind::MetadataPath(error), span);
    match error {
        MetadataPathError::Escape => {
            found.help(r#"in JSON, a dot within a name is written "\\." and a backslash "\\\\""#)
        }
        MetadataPathError::SegmentEmpty => found.help(r#"a dot within a name is written "\\." in JSON"#),
        MetadataPathError::Nul | MetadataPathError::TooLong => found,
    }
}

fn check_name(reader: &mut Reader<'_>, name: &str, span: Span) {
    let characters = name.chars().count();
    if characters > MAX_FIELD_NAME {
        let name: String = name.chars().take(MAX_FIELD_NAME).chain(['…']).collect();
        let kind = ConfigErrorKind::FieldNameLong { name, characters };
        reader.add(ConfigError::new(kind, span).help("set a shorter `field_name`"));
    }
    if name.contains('\0') {
        reader.report(ConfigErrorKind::FieldNameNul, span);
    }
}
