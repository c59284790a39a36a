//! The fields that rules name, as an application's own struct has them: read from JSON text without the others.

use std::borrow::Cow;

use serde::Deserialize;

/// What a rule may name of an employee.
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

/// A string that is copied only if it is written with escapes.
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
