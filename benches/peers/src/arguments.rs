//! The command line.

use crate::cells::Cell;
use crate::decisions::{Decision, Tier};
use crate::engines::Contender;

pub const HELP: &str = "\
A race: the same decisions about the same documents by Portcullis, by other engines and by code written by hand.

Usage: cargo run --release --manifest-path benches/peers/Cargo.toml [-- OPTIONS]

Prints a table of nanoseconds of CPU time for a document, with the ratio to Portcullis, and writes the rows to
target/peers.json. It takes about ten minutes and up to 7 GiB of memory.

Options:
      --quick              Only 1 and 10,000 documents, one round: less than a minute
      --only ENGINE        Only this engine, and Portcullis, to which it is put in relation; may be repeated
      --decision a|b|c     Only this decision; may be repeated
      --tier TIER          Only documents that come as `prepared` values, `bson` bytes or `json` text; may be repeated
  -h, --help               Show this

Decisions:
  a  (doc.owner == user.id AND user.custom_data.role in [editor, admin]) OR user.id in doc.members
  b  which of eight roles applies, tried in order, and whether it may read
  c  may `before` become `after`: the role, and that two fields did not change
";

/// What the command line asks for.
pub enum Request {
    Help,
    Race(Arguments),
    /// A single measurement, which the main process requests from a process of its own.
    Cell(Cell),
}

/// Selects what is measured: everything, unless something is named.
#[derive(Default)]
pub struct Arguments {
    pub quick: bool,
    only: Vec<String>,
    decisions: Vec<Decision>,
    tiers: Vec<Tier>,
}

impl Arguments {
    pub fn wants(&self, cell: &Cell, contender: &Contender) -> bool {
        let is_yardstick = contender.engine == crate::table::YARDSTICK;
        (is_yardstick || self.only.is_empty() || self.only.iter().any(|only| only == contender.engine))
            && (self.decisions.is_empty() || self.decisions.contains(&cell.decision))
            && (self.tiers.is_empty() || self.tiers.contains(&cell.tier))
    }
}

pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut parsed = Arguments::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
        match argument.as_str() {
            "-h" | "--help" => return Ok(Request::Help),
            "--quick" => parsed.quick = true,
            "--only" => {
                let engine = value()?;
                if !crate::engines::all().iter().any(|contender| contender.engine == engine) {
                    return Err(format!("there is no engine `{engine}`"));
                }
                parsed.only.push(engine);
            }
            "--decision" => parsed.decisions.push(decision(&value()?)?),
            "--tier" => parsed.tiers.push(tier(&value()?)?),
            "--cell" => {
                let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
                return Ok(Request::Cell(Cell {
                    contender: number(value()?)?,
                    decision: decision(&value()?)?,
                    tier: tier(&value()?)?,
                    n: number(value()?)?,
                }));
            }
            _ => return Err(format!("unknown option `{argument}`")),
        }
    }
    Ok(Request::Race(parsed))
}

fn decision(name: &str) -> Result<Decision, String> {
    let known = Decision::ALL.into_iter().find(|decision| decision.name() == name);
    known.ok_or(format!("there is no decision `{name}`"))
}

fn tier(name: &str) -> Result<Tier, String> {
    Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or(format!("there is no tier `{name}`"))
}
