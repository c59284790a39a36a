//! Findings about filters that restrict nobody, and about projections that let requests fail.

use super::catalogue::{FILTER_WITHOUT_EFFECT, PROJECTION_MIXED, PROJECTIONS_MAY_MIX};
use super::extent::{always, never};
use super::report::Report;
use super::shape::text;
use crate::policy::Filter;
use crate::predicate::Predicate;
use crate::projection::Projection;

pub(super) fn lint(filters: &[Filter], report: &mut Report) {
    for filter in filters {
        effect(filter, report);
        if let Some(projection) = &filter.projection
            && let (Some(included), Some(excluded)) = (projection.inclusion(), projection.exclusion())
        {
            let message =
                format!("the projection includes `{included}` and excludes `{excluded}`: every request fails");
            report.add(PROJECTION_MIXED, projection.span(), message, "name what is shown, or what is hidden, not both");
        }
    }
    for (index, filter) in filters.iter().enumerate() {
        for other in filters.iter().skip(index + 1) {
            pair(filter, other, report);
        }
    }
}

fn title(filter: &Filter) -> String {
    if filter.name.is_empty() { "a filter".to_owned() } else { format!("filter `{}`", filter.name) }
}

fn effect(filter: &Filter, report: &mut Report) {
    let name = title(filter);
    if never(Some(&filter.apply_when)) {
        let message = format!("{name} never applies");
        report.add(FILTER_WITHOUT_EFFECT, filter.apply_when.expr.span, message, "write {} if it should apply to all");
    } else if filter.query.as_ref().is_none_or(|query| always(Some(query)))
        && filter.projection.as_ref().is_none_or(Projection::is_empty)
    {
        let message = format!("{name} neither restricts nor hides anything");
        report.add(FILTER_WITHOUT_EFFECT, filter.span, message, "give it a `query` or a `projection`");
    }
}

fn pair(one: &Filter, other: &Filter, report: &mut Report) {
    let (Some(a), Some(b)) = (&one.projection, &other.projection) else { return };
    let mixed = |a: &Projection| a.inclusion().is_some() && a.exclusion().is_some();
    let (included, excluded) = match (a.inclusion(), a.exclusion(), b.inclusion(), b.exclusion()) {
        _ if mixed(a) || mixed(b) => return,
        (Some(included), _, _, Some(excluded)) | (_, Some(excluded), Some(included), _) => (included, excluded),
        _ => return,
    };
    if [one, other].iter().any(|filter| never(Some(&filter.apply_when)))
        || contrary(&one.apply_when.predicate, &other.apply_when.predicate)
    {
        return;
    }
    let what =
        format!("this projection and that of {} mix `{included}` included with `{excluded}` excluded", title(one));
    let help = "let both include, or both exclude";
    if [one, other].iter().all(|filter| always(Some(&filter.apply_when))) {
        report.add(PROJECTION_MIXED, b.span(), format!("{what}: every request fails"), help);
    } else {
        report.add(PROJECTIONS_MAY_MIX, b.span(), format!("{what}: a request fails to which both apply"), help);
    }
}

/// Whether one predicate is the negation of the other.
fn contrary(a: &Predicate, b: &Predicate) -> bool {
    let negates = |a: &Predicate, b: &Predicate| matches!(a, Predicate::Not(inner) if text(inner) == text(b));
    negates(a, b) || negates(b, a)
}
