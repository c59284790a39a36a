//! Findings about rules that compare the old and the new document where there is no change.

use super::catalogue::{CHANGE_UNSEEN, PREVIOUS_IN_READ};
use super::report::Report;
use super::shape::{rights, root_name};
use crate::predicate::{DocumentRoot, Left, Right, Test};

/// The occasion on which a rule is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// A role or filter is selected.
    Choosing,
    /// A document is read.
    Reading,
    /// A document is written.
    Writing,
}

pub(super) fn lint(test: &Test, time: Time, report: &mut Report) {
    if time == Time::Writing {
        return;
    }
    let rights = rights(test);
    let change = rights.iter().any(|right| match (&test.left, right) {
        (Left::Document(left, a), Right::Document(right, b)) => a == b && twins(*left, *right),
        _ => false,
    });
    if change {
        let (message, help) = match time {
            Time::Choosing => (
                "a role is chosen by the stored document alone, which is both `%%root` and `%%prevRoot`",
                "compare before and after in `write` or in `document_filters.write`",
            ),
            _ => (
                "a document that is read is both before and after",
                "compare before and after in `write`; a read has the stored document only",
            ),
        };
        return report.add(CHANGE_UNSEEN, test.span, message, help);
    }
    let previous = |root: &DocumentRoot| matches!(root, DocumentRoot::PrevRoot | DocumentRoot::Prev);
    let left = match &test.left {
        Left::Document(root, _) => Some(root),
        _ => None,
    };
    let right = rights.iter().filter_map(|right| match right {
        Right::Document(root, _) => Some(root),
        _ => None,
    });
    if let (Time::Reading, Some(root)) = (time, left.into_iter().chain(right).find(|root| previous(root))) {
        let same = if *root == DocumentRoot::Prev { "%%this" } else { "%%root" };
        let message = format!("when a document is read, `{}` is the same as `{same}`", root_name(*root));
        report.add(PREVIOUS_IN_READ, test.span, message, format!("write `{same}`"));
    }
}

fn twins(a: DocumentRoot, b: DocumentRoot) -> bool {
    use DocumentRoot::{Prev, PrevRoot, Root, This};
    matches!((a, b), (Root, PrevRoot) | (PrevRoot, Root) | (This, Prev) | (Prev, This))
}
