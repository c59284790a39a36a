use super::form::{Form, Part, Site};
use super::text::{Alternative, Text};
use crate::expr::Expansion;
use crate::text::Span;

/// An expansion in a template, and its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The expansion.
    pub expansion: Expansion,
    /// The JSON pointer (RFC 6901) in the template; for a key, that of its member.
    pub pointer: String,
    /// The position in the source text; empty for a template that was not parsed from text.
    pub span: Span,
    /// Whether another alternative is used if it does not resolve.
    pub has_default: bool,
}

/// All expansions in a form, in source order.
pub(super) fn asked(form: &Form) -> Vec<Asked> {
    let mut all = Vec::new();
    form.visit(&mut |part| match part {
        Part::Expansion(expansion, site) => all.push(one(expansion, site, false)),
        Part::Defaulted(expansion, site) => all.push(one(expansion, site, true)),
        Part::Text(text, site) => all.extend(inserted(text, site, false)),
        Part::DefaultedText(text, site) => all.extend(inserted(text, site, true)),
    });
    all
}

/// All expansions in a text.
pub(super) fn inserted<'t>(text: &'t Text, site: &'t Site, has_default: bool) -> impl Iterator<Item = Asked> + 't {
    text.inserts().flat_map(move |insert| {
        let last = insert.alternatives.len().saturating_sub(1);
        insert.alternatives.iter().enumerate().filter_map(move |(index, alternative)| match alternative {
            Alternative::Expansion(ask) => Some(one(&ask.expansion, site, has_default || index != last)),
            Alternative::Literal(_) => None,
        })
    })
}

fn one(expansion: &Expansion, site: &Site, has_default: bool) -> Asked {
    Asked { expansion: expansion.clone(), pointer: site.pointer.to_string(), span: site.span, has_default }
}
