//! The contenders, with one file per engine.

mod cedar;
mod cel;
mod datalogic;
mod hand;
mod portcullis;
mod regorus;
mod zen;

use bson::RawDocument;

use crate::clock::Stopwatch;
use crate::decisions::{Decision, Tier};
use crate::documents::Documents;

/// An engine, used in a particular way.
pub struct Contender {
    pub engine: &'static str,
    /// The name of the way in which it is used, unless it is the default one.
    pub variant: Option<&'static str>,
    /// The approximate memory for a prepared document, which determines how many are prepared at once.
    pub prepared_bytes: usize,
    /// Whether this contender takes part for a decision and a tier.
    pub runs: fn(Decision, Tier) -> bool,
    /// Compiles the rule, prepares the documents if necessary, and times the decisions.
    pub race: fn(Decision, Tier, &Documents, &mut Stopwatch),
}

/// All contenders, beginning with Portcullis, to which the others are compared.
pub fn all() -> Vec<Contender> {
    [portcullis::contenders, hand::contenders, datalogic::contenders, zen::contenders, cel::contenders]
        .into_iter()
        .chain([regorus::contenders, cedar::contenders])
        .flat_map(|contenders| contenders())
        .collect()
}

/// The variant that also writes the visible part of a document.
pub const REDACTION: &str = "redaction";

/// The variant in which hand-written code extracts exactly the fields that the rule names, for engines that take
/// whole values and would otherwise have to be given the whole document.
pub const NAMED: &str = "named fields";

fn everything(_: Decision, _: Tier) -> bool {
    true
}

fn only_bson(_: Decision, tier: Tier) -> bool {
    tier == Tier::Bson
}

/// The fields of a document that are converted to an engine's values: those that the rule names, or all.
#[derive(Clone, Copy)]
enum Wanted {
    Named(&'static [&'static str]),
    Whole,
}

impl Wanted {
    fn of(decision: Decision) -> Self {
        Self::Named(decision.fields())
    }

    /// The same selection for the new document of a decision.
    const fn after(self) -> Self {
        match self {
            Self::Named(_) => Self::Named(Decision::FIELDS_AFTER),
            Self::Whole => Self::Whole,
        }
    }

    /// Visits the wanted fields of a document, and stops after the last of them.
    fn each<'d>(self, document: &'d RawDocument, mut take: impl FnMut(&'d str, bson::RawBsonRef<'d>)) {
        let mut left = match self {
            Self::Named(names) => names.len(),
            Self::Whole => usize::MAX,
        };
        for element in document.iter_elements() {
            let element = element.expect("BSON");
            let key = element.key().as_str();
            if let Self::Named(names) = self
                && !names.contains(&key)
            {
                continue;
            }
            take(key, element.value().expect("BSON"));
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
}
