use bson::RawDocumentBuf;

use super::failure::refused;
use super::stage::{Stage, counted};
use portcullis::aggregation::Groups;
use portcullis::eval::Errors;
use portcullis::mongo_query::{Sort, SortKey};
use portcullis::store::documents::DocumentsError;
use portcullis::value::{DocumentRef, MAX_STEPS, Steps};

/// How many bytes of documents a sort may hold in memory; the same limit as MongoDB's.
pub(super) const MAX_SORTED: usize = 100 * 1024 * 1024;

/// Stages with their state: documents are put in one by one, and results are taken out.
pub(super) struct Pipeline {
    parts: Vec<Part>,
    /// Results that have not been taken yet.
    out: Vec<RawDocumentBuf>,
    out_bytes: usize,
}

struct Part {
    stage: Stage,
    /// The number of documents that have passed through.
    count: u64,
    held: Vec<(SortKey, RawDocumentBuf)>,
    held_bytes: usize,
    groups: Groups,
}

/// How many steps may be spent on one document. If the rules have conditions, they form the first stage. Its steps
/// are counted separately from those of later stages, which may come from a client and must not reveal how many steps
/// the rules took.
struct Work {
    first: Errors,
    others: Errors,
}

/// The limit for the first stage: enough for the rules and the few client conditions next to them, even on the
/// largest document.
pub(super) const FIRST_STAGE_STEPS: usize = 10 * MAX_STEPS;

/// Writing this many bytes of a new document counts as one step.
const BYTES_PER_STEP: usize = 8;

impl Work {
    fn new() -> Self {
        Self { first: Errors::within(Steps::new(FIRST_STAGE_STEPS)), others: Errors::default() }
    }

    const fn at(&self, stage: usize) -> &Errors {
        if stage == 0 { &self.first } else { &self.others }
    }
}

/// Whether the pipeline needs more documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    More,
    Nothing,
}

impl Pipeline {
    pub(super) fn new(stages: Vec<Stage>) -> Self {
        let part = |stage| Part { stage, count: 0, held: Vec::new(), held_bytes: 0, groups: Groups::default() };
        Self { parts: stages.into_iter().map(part).collect(), out: Vec::new(), out_bytes: 0 }
    }

    /// Takes the results so far.
    pub(super) fn take(&mut self) -> Vec<RawDocumentBuf> {
        self.out_bytes = 0;
        std::mem::take(&mut self.out)
    }

    /// The size in bytes of what `take` would return.
    pub(super) const fn out_bytes(&self) -> usize {
        self.out_bytes
    }

    /// The approximate number of bytes that the pipeline holds.
    pub(super) fn held_bytes(&self) -> usize {
        self.parts.iter().fold(self.out_bytes, |bytes, part| bytes.saturating_add(part.held_bytes))
    }

    /// Feeds a document of the collection into the pipeline.
    pub(super) fn put(&mut self, document: DocumentRef<'_>) -> Result<Need, DocumentsError> {
        self.pass(0, document, &Work::new())
    }

    fn pass(&mut self, at: usize, document: DocumentRef<'_>, work: &Work) -> Result<Need, DocumentsError> {
        let Some(part) = self.parts.get_mut(at) else {
            let document = owned(document)?;
            self.out_bytes += document.as_bytes().len();
            self.out.push(document);
            return Ok(Need::More);
        };
        match &part.stage {
            Stage::Match(filter) if !filter.matches_within(document, work.at(at))? => Ok(Need::More),
            Stage::Match(_) => self.pass(at + 1, document, work),
            Stage::Skip(skipped) => {
                part.count += 1;
                if part.count > *skipped { self.pass(at + 1, document, work) } else { Ok(Need::More) }
            }
            Stage::Limit(0) => Ok(Need::Nothing),
            Stage::Limit(limit) => {
                let limit = *limit;
                part.count += 1;
                let count = part.count;
                if count > limit {
                    return Ok(Need::Nothing);
                }
                let need = self.pass(at + 1, document, work)?;
                Ok(if count == limit { Need::Nothing } else { need })
            }
            Stage::Count(_) => {
                part.count += 1;
                Ok(Need::More)
            }
            Stage::Project(projection) => {
                let mut bytes = Vec::new();
                work.at(at).steps().take(raw_length(document) / BYTES_PER_STEP)?;
                projection.write_raw(document, &mut bytes)?;
                let projected = RawDocumentBuf::from_bytes(bytes).map_err(portcullis::value::Malformed::from)?;
                self.pass(at + 1, DocumentRef::Raw(&projected), work)
            }
            Stage::Each(each) => {
                let made = each.apply(document, work.at(at).steps())?;
                for document in made {
                    if self.pass(at + 1, DocumentRef::Raw(&document), work)? == Need::Nothing {
                        return Ok(Need::Nothing);
                    }
                }
                Ok(Need::More)
            }
            Stage::Group(grouping) => {
                grouping.add(&mut part.groups, document, work.at(at).steps())?;
                Ok(Need::More)
            }
            Stage::Sort(sort, wanted) => {
                let document = owned(document)?;
                let key = sort.key_within(&*document, work.at(at).steps())?;
                part.held_bytes += document.as_bytes().len();
                part.held.push((key, document));
                if let Some(wanted) = wanted {
                    let wanted = usize::try_from(*wanted).unwrap_or(usize::MAX);
                    if part.held.len() > wanted.saturating_mul(2).saturating_add(64) {
                        order(sort, &mut part.held);
                        part.held.truncate(wanted);
                        part.held_bytes = part.held.iter().map(|(_, document)| document.as_bytes().len()).sum();
                    }
                }
                if part.held_bytes > MAX_SORTED {
                    return Err(refused(
                        292,
                        format!("ordering this many documents takes more than {MAX_SORTED} bytes"),
                    ));
                }
                Ok(Need::More)
            }
        }
    }

    /// Signals that there are no more documents.
    pub(super) fn finish(&mut self) -> Result<(), DocumentsError> {
        for at in 0..self.parts.len() {
            let Some(part) = self.parts.get_mut(at) else { break };
            match &part.stage {
                Stage::Sort(sort, _) => {
                    let mut held = std::mem::take(&mut part.held);
                    order(sort, &mut held);
                    for (_, document) in held {
                        if self.pass(at + 1, DocumentRef::Raw(&document), &Work::new())? == Need::Nothing {
                            break;
                        }
                    }
                }
                Stage::Group(grouping) => {
                    let groups = grouping.finish(std::mem::take(&mut part.groups))?;
                    for document in groups {
                        if self.pass(at + 1, DocumentRef::Raw(&document), &Work::new())? == Need::Nothing {
                            break;
                        }
                    }
                }
                Stage::Count(name) if part.count > 0 => {
                    let count = counted(name, part.count)?;
                    self.pass(at + 1, DocumentRef::Raw(&count), &Work::new())?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Stable: equal documents keep their order.
fn order(sort: &Sort, held: &mut [(SortKey, RawDocumentBuf)]) {
    held.sort_by(|(a, _), (b, _)| sort.compare(a, b));
}

fn raw_length(document: DocumentRef<'_>) -> usize {
    match document {
        DocumentRef::Raw(document) => document.as_bytes().len(),
        _ => 0,
    }
}

fn owned(document: DocumentRef<'_>) -> Result<RawDocumentBuf, DocumentsError> {
    match document {
        DocumentRef::Raw(document) => Ok(document.to_owned()),
        other => Ok(RawDocumentBuf::try_from(&other.to_document()?).map_err(portcullis::value::Malformed::from)?),
    }
}
