//! The fields that rules use, as an application's own struct has them, which is parsed from JSON text without the
//! others.

use std::borrow::Cow;

use serde::Deserialize;

/// The fields of an employee that a rule may use.
#[derive(Debug, Deserialize)]
pub struct Fields<'t> {
    #[serde(borrow)]
    pub owner: Text<'t>,
    pub members: Vec<Text<'t>>,
    pub team: Text<'t>,
    pub site: Text<'t>,
    pub status: Text<'t>,
    pub age: i32,
}

/// A string that is only copied if it contains escapes.
#[derive(Debug, Deserialize)]
pub struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t> Fields<'t> {
    pub fn parse(text: &'t str) -> Self {
        serde_json::from_str(text).expect("JSON")
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
