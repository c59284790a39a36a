//! The contenders: one file an engine.

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

/// An engine, used in one way.
pub struct Contender {
    pub engine: &'static str,
    /// Which way, if it is not the plain one.
    pub variant: Option<&'static str>,
    /// The memory that a prepared document takes, roughly: it says how many are prepared at once.
    pub prepared_bytes: usize,
    /// Whether this way is there for a decision and a tier.
    pub runs: fn(Decision, Tier) -> bool,
    /// Compiles the rule, prepares the documents if they come prepared, and has the decisions timed.
    pub race: fn(Decision, Tier, &Documents, &mut Stopwatch),
}

/// Portcullis first: it is what the others are put in relation to.
pub fn all() -> Vec<Contender> {
    [portcullis::contenders, hand::contenders, datalogic::contenders, zen::contenders, cel::contenders]
        .into_iter()
        .chain([regorus::contenders, cedar::contenders])
        .flat_map(|contenders| contenders())
        .collect()
}

/// The name of the way in which what may be seen of a document is also written out.
pub const REDACTION: &str = "redaction";

/// The name of the way in which code by hand picks the fields that the rule names out of the bytes, for an engine that
/// takes whole values and by itself would be given the whole document.
pub const NAMED: &str = "named fields";

fn everything(_: Decision, _: Tier) -> bool {
    true
}

fn only_bson(_: Decision, tier: Tier) -> bool {
    tier == Tier::Bson
}

/// Which fields of a document are converted into an engine's value: those that the rule names, or all of them.
#[derive(Clone, Copy)]
enum Wanted {
    Named(&'static [&'static str]),
    Whole,
}

impl Wanted {
    fn of(decision: Decision) -> Self {
        Self::Named(decision.fields())
    }

    /// The same for what a document is to become.
    const fn after(self) -> Self {
        match self {
            Self::Named(_) => Self::Named(Decision::FIELDS_AFTER),
            Self::Whole => Self::Whole,
        }
    }

    /// Goes through the wanted fields of a document, no further than the last of them.
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
