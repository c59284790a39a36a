use bson::{Bson, Document, doc};

use super::{Args, null, some};
use crate::aggregation::failure::{FindError, Outcome, refused};
use crate::aggregation::value::{is_nullish, kind};
use crate::expr::Pattern;

/// `$regexFind`, `$regexFindAll` and `$regexMatch`.
pub(crate) fn find(args: &Args<'_>) -> Outcome<Option<Bson>> {
    let options = match args.get(2) {
        value if is_nullish(value) => None,
        Some(Bson::String(options)) => Some(options.as_str()),
        other => {
            return refused(51106, format!("{} needs 'options' to be of type string, not {}", args.name, kind(other)));
        }
    };
    let text = match args.get(0) {
        value if is_nullish(value) => None,
        Some(Bson::String(text)) => Some(text),
        other => {
            return refused(51104, format!("{} needs 'input' to be of type string, not {}", args.name, kind(other)));
        }
    };
    let (pattern, own) = match args.get(1) {
        value if is_nullish(value) => (None, ""),
        Some(Bson::String(pattern)) => (Some(pattern.as_str()), ""),
        Some(Bson::RegularExpression(regex)) => (Some(regex.pattern.as_str()), regex.options.as_str()),
        other => {
            return refused(51105, format!("{} needs 'regex' to be a string or regex, not {}", args.name, kind(other)));
        }
    };
    if !own.is_empty() && options.is_some() {
        return refused(
            51107,
            format!("{} found regex option(s) specified in both 'regex' and 'option' fields", args.name),
        );
    }
    let nothing = || match args.name {
        "$regexMatch" => some(false),
        "$regexFindAll" => some(Vec::<Bson>::new()),
        _ => null(),
    };
    let (Some(text), Some(pattern)) = (text, pattern) else { return nothing() };
    let pattern = Pattern::new(pattern, options.unwrap_or(own))
        .map_err(|error| FindError::Unsupported { what: format!("this pattern ({error})"), help: None })?;
    args.steps.take(
        pattern.steps(text.len()).saturating_mul(4).saturating_add(pattern.pattern().len().saturating_mul(200)),
    )?;
    if args.name == "$regexMatch" {
        return some(pattern.is_match(text));
    }
    let mut all = Vec::new();
    let mut passed = (0, 0_i32);
    for captures in pattern.captures(text) {
        let mut groups = captures.iter();
        let Some(Some(whole)) = groups.next() else { continue };
        let captured: Vec<Bson> =
            groups.map(|group| group.map_or(Bson::Null, |group| Bson::from(group.as_str()))).collect();
        args.steps.take(16 + 8 * captured.len() + text.len() / 32)?;
        let between = text.get(passed.0..whole.start()).map_or(0, |text| text.chars().count());
        passed = (whole.start(), passed.1 + i32::try_from(between).unwrap_or(i32::MAX));
        let found: Document = doc! { "match": whole.as_str(), "idx": passed.1, "captures": captured };
        if args.name == "$regexFind" {
            return some(found);
        }
        all.push(Bson::Document(found));
    }
    if args.name == "$regexFind" { null() } else { some(all) }
}
