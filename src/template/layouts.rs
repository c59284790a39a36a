use std::sync::OnceLock;

use super::escape::Escape;
use super::form::Form;
use super::layout::Layout;
use super::text::Text;

/// The layouts of a template, each made when it is first needed; `None` if there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Layouts {
    json: OnceLock<Option<Layout>>,
    bson: OnceLock<Option<Layout>>,
    text: OnceLock<Option<Layout>>,
}

impl Layouts {
    pub(super) fn json(&self, form: &Form, escape: Option<Escape>) -> Option<&Layout> {
        // What is escaped for a text is not what stands in JSON.
        let is_escaped = escape.is_some_and(|escape| escape != Escape::None);
        self.json.get_or_init(|| if is_escaped { None } else { Layout::json(form) }).as_ref()
    }

    pub(super) fn bson(&self, form: &Form) -> Option<&Layout> {
        self.bson.get_or_init(|| Layout::bson(form)).as_ref()
    }

    pub(super) fn text(&self, text: &Text, escape: Escape) -> Option<&Layout> {
        self.text.get_or_init(|| Layout::text(text, escape)).as_ref()
    }
}
