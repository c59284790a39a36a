use bson::Bson;
use portcullis::endpoint::ReturnType;

use super::incoming::Incoming;
use super::plain_json::plain_json;

/// The format of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Plain JSON, in which an ObjectId is a string of hexadecimal digits and a date is an ISO 8601 string.
    Json,
    /// Canonical extended JSON, which preserves all types.
    Ejson,
}

impl Form {
    /// The format that a request prefers, by its `Accept` headers; without a preference, the configured one.
    pub(super) fn wanted(incoming: &Incoming<'_>, configured: ReturnType) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in incoming.header("accept").flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().map(str::to_ascii_lowercase).as_deref() {
                Some("application/json") => Self::Json,
                Some("application/ejson") => Self::Ejson,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            let weight = weight.filter(|weight| *weight > 0.0);
            // Among equal weights, the first one wins.
            if let Some(weight) = weight
                && best.is_none_or(|(known, _)| weight > known)
            {
                best = Some((weight, form));
            }
        }
        match (best, configured) {
            (Some((_, form)), _) => form,
            (None, ReturnType::Ejson) => Self::Ejson,
            (None, _) => Self::Json,
        }
    }

    /// The content type of this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ejson => "application/ejson",
        }
    }

    /// Writes a value in this format.
    #[must_use]
    pub fn write(self, value: Bson) -> String {
        match self {
            Self::Json => plain_json(&value).to_string(),
            Self::Ejson => value.into_canonical_extjson().to_string(),
        }
    }
}
