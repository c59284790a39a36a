use std::cmp::Ordering;

use super::UpdateErrorKind;
use super::limits::MAX_LEVELS;

/// A segment of an update path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A field name or an array index.
    Name(Name),
    /// `$`
    Position,
    /// `$[]`
    All,
    /// `$[name]`, an element that an array filter selects
    Filtered(Box<str>),
}

/// A field name or array index. The order is MongoDB's: numbers by value, then names by bytes.
#[derive(Clone, Debug)]
pub(super) struct Name {
    text: Box<str>,
    number: Option<u64>,
}

impl Name {
    pub(super) fn new(text: &str) -> Self {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        Self { text: text.into(), number: if digits { text.parse().ok() } else { None } }
    }

    pub(super) const fn text(&self) -> &str {
        &self.text
    }

    /// The array index that the name denotes, if any. Unlike in a query, `05` is the index 5.
    pub(super) fn index(&self) -> Option<usize> {
        self.number.and_then(|number| usize::try_from(number).ok())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.number, other.number) {
            (Some(a), Some(b)) => a.cmp(&b).then_with(|| self.text.cmp(&other.text)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.text.cmp(&other.text),
        }
    }
}

/// Parses the path of an update operator.
pub(super) fn parse(path: &str) -> Result<Vec<Step>, UpdateErrorKind> {
    if path.contains('\0') {
        return Err(UpdateErrorKind::PathEmpty);
    }
    if path.split('.').count() >= MAX_LEVELS {
        return Err(UpdateErrorKind::TooDeep);
    }
    let mut positions = 0;
    let mut steps = Vec::new();
    for (place, name) in path.split('.').enumerate() {
        let step = step(name);
        match &step {
            Step::Name(_) if name.is_empty() => return Err(UpdateErrorKind::PathEmpty),
            Step::Name(_) if place == 0 && name.starts_with('$') => return Err(UpdateErrorKind::PathDollar),
            Step::Name(_) => {}
            _ if place == 0 => return Err(UpdateErrorKind::PathBegin),
            Step::Position if positions > 0 => return Err(UpdateErrorKind::PositionRepeated),
            Step::Position => positions += 1,
            Step::All | Step::Filtered(_) => {}
        }
        steps.push(step);
    }
    Ok(steps)
}

fn step(name: &str) -> Step {
    match name {
        "$" => Step::Position,
        "$[]" => Step::All,
        name => match name.strip_prefix("$[").and_then(|rest| rest.strip_suffix(']')) {
            Some(identifier) => Step::Filtered(identifier.into()),
            None => Step::Name(Name::new(name)),
        },
    }
}
