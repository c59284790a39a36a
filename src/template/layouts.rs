use std::sync::OnceLock;

use super::escape::Escape;
use super::form::Form;
use super::layout::Layout;
use super::text::Text;

/// The layouts of a template, one per output format, each compiled on first use. `None` means that the template has no
/// layout in that format.
#[derive(Clone, Debug, Default)]
pub(super) struct Layouts {
    json: OnceLock<Option<Layout>>,
    bson: OnceLock<Option<Layout>>,
    text: OnceLock<Option<Layout>>,
}

impl Layouts {
    pub(super) fn json(&self, form: &Form, escape: Option<Escape>) -> Option<&Layout> {
        // A text template with an escape has no JSON layout, because a JSON layout does not apply the escape.
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
