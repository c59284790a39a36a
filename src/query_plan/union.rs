use std::collections::{HashMap, HashSet};

use bson::{Bson, RawDocumentBuf, doc};

use super::bounds::Range;
use super::field_test::Operator;
use super::filter::Filter;

/// The number of ranges from which [`gather`] is used for a union.
const GATHER_FROM: usize = 16;

/// The maximum number of paths for which sets are merged into lists.
const MAX_PATHS: usize = 16;

/// The union of many similar sets, such as one for each element of a list: common conditions are factored out, and sets
/// that differ in one value are merged into a list. This takes time linear in the number of sets.
pub(super) fn gather(parts: impl IntoIterator<Item = Filter>) -> Filter {
    let mut sets = Vec::new();
    // Sets that cannot be compared, because they have no key.
    let mut apart = Vec::new();
    let mut seen = HashSet::new();
    for part in parts {
        for alternative in part.alternatives() {
            match Conjunction::new(alternative) {
                Some(set) if set.members.is_empty() => return Filter::Always,
                Some(set) => {
                    if seen.insert(set.key_without(None)) {
                        sets.push(set);
                    }
                }
                None if *alternative == Filter::Never => {}
                None => apart.push(alternative.clone()),
            }
        }
    }
    let common = take_common(&mut sets);
    let differing = if sets.iter().any(|set| set.members.is_empty()) {
        Filter::Always
    } else {
        for path in listed_paths(&sets) {
            sets = merge(sets, &path);
        }
        Filter::any(sets.into_iter().map(Conjunction::into_filter))
    };
    Filter::any([Filter::all(common.into_iter().chain([differing]))].into_iter().chain(apart))
}

/// The union of ranges. Many ranges are gathered; a few are simplified by comparing all of them with each other.
pub(crate) fn united(parts: Vec<Range>) -> Range {
    if parts.len() < GATHER_FROM { Range::any(parts) } else { gathered(parts) }
}

/// [`gather`] for ranges.
pub(super) fn gathered(parts: Vec<Range>) -> Range {
    let is_exact = parts.iter().all(|range| range.lower == range.upper);
    let (lowers, uppers): (Vec<_>, Vec<_>) = parts.into_iter().map(|range| (range.lower, range.upper)).unzip();
    let lower = gather(lowers);
    let upper = if is_exact { lower.clone() } else { gather(uppers) };
    Range { lower, upper }
}

/// The intersection of many similar sets.
pub(super) fn gather_all(parts: impl IntoIterator<Item = Filter>) -> Filter {
    gather(parts.into_iter().map(|part| part.negate())).negate()
}

/// A conjunction, by its members.
struct Conjunction {
    members: Vec<Member>,
}

struct Member {
    key: Vec<u8>,
    filter: Filter,
}

impl Conjunction {
    /// `None` for the empty set, and for a set that has no key.
    fn new(filter: &Filter) -> Option<Self> {
        if *filter == Filter::Never {
            return None;
        }
        let members = filter.conjuncts().iter().filter(|member| **member != Filter::Always);
        let mut members = members
            .map(|member| Some(Member { key: member.key()?, filter: member.clone() }))
            .collect::<Option<Vec<_>>>()?;
        let mut seen = HashSet::new();
        members.retain(|member| seen.insert(member.key.clone()));
        Some(Self { members })
    }

    /// A key that is equal for equal conjunctions, disregarding one of the members.
    fn key_without(&self, left_out: Option<usize>) -> Vec<u8> {
        let members = self.members.iter().enumerate().filter(|(place, _)| Some(*place) != left_out);
        let mut keys: Vec<&[u8]> = members.map(|(_, member)| &*member.key).collect();
        keys.sort_unstable();
        // Each key is preceded by its length, so that different lists of keys yield different bytes.
        keys.iter().flat_map(|key| key.len().to_le_bytes().into_iter().chain(key.iter().copied())).collect()
    }

    fn into_filter(self) -> Filter {
        Filter::all(self.members.into_iter().map(|member| member.filter))
    }
}

/// Removes and returns the members that all sets have in common.
fn take_common(sets: &mut [Conjunction]) -> Vec<Filter> {
    let [first, others @ ..] = sets else { return Vec::new() };
    if others.is_empty() {
        return Vec::new();
    }
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    for set in &*others {
        for member in &set.members {
            *counts.entry(&member.key).or_default() += 1;
        }
    }
    let is_common = |member: &&Member| counts.get(&*member.key) == Some(&others.len());
    let common: Vec<(Vec<u8>, Filter)> =
        first.members.iter().filter(is_common).map(|member| (member.key.clone(), member.filter.clone())).collect();
    let keys: HashSet<&[u8]> = common.iter().map(|(key, _)| &**key).collect();
    for set in sets {
        set.members.retain(|member| !keys.contains(&*member.key));
    }
    common.into_iter().map(|(_, filter)| filter).collect()
}

/// The paths that have equalities, in order of occurrence.
fn listed_paths(sets: &[Conjunction]) -> Vec<Box<str>> {
    let mut paths: Vec<Box<str>> = Vec::new();
    for member in sets.iter().flat_map(|set| &set.members) {
        if let Some((path, _)) = member.filter.listed()
            && paths.len() < MAX_PATHS
            && !paths.iter().any(|known| **known == *path)
        {
            paths.push(path.into());
        }
    }
    paths
}

/// Merges sets that differ only in the values at a path.
fn merge(sets: Vec<Conjunction>, path: &str) -> Vec<Conjunction> {
    let mut merged: Vec<(Conjunction, Option<Values>)> = Vec::with_capacity(sets.len());
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    for set in sets {
        let asks = |member: &Member| member.filter.listed().is_some_and(|(of, _)| of == path);
        let mut asking = set.members.iter().enumerate().filter(|(_, member)| asks(member)).map(|(place, _)| place);
        let (Some(place), None) = (asking.next(), asking.next()) else {
            merged.push((set, None));
            continue;
        };
        let values = set.members.get(place).and_then(|member| member.filter.listed()).map(|(_, values)| values);
        let values = values.unwrap_or_default();
        let key = set.key_without(Some(place));
        if let Some((_, Some(list))) = known.get(&key).and_then(|number| merged.get_mut(*number)) {
            list.add(values);
        } else {
            known.insert(key, merged.len());
            let mut list = Values { place, values: Vec::new(), seen: HashSet::new() };
            list.add(values);
            merged.push((set, Some(list)));
        }
    }
    let filled = merged.into_iter().map(|(set, values)| match values {
        Some(values) => values.into_set(set, path),
        None => set,
    });
    filled.collect()
}

/// The values that replace a member, without duplicates.
struct Values {
    place: usize,
    values: Vec<Bson>,
    seen: HashSet<Vec<u8>>,
}

impl Values {
    fn add(&mut self, values: &[Bson]) {
        for value in values {
            let is_new = RawDocumentBuf::try_from(&doc! { "": value })
                .map_or(true, |bytes| self.seen.insert(bytes.as_bytes().to_vec()));
            if is_new {
                self.values.push(value.clone());
            }
        }
    }

    fn into_set(mut self, mut set: Conjunction, path: &str) -> Conjunction {
        let filter = match self.values.len() {
            1 => Filter::test(path, Operator::Eq, self.values.remove(0)),
            _ => Filter::test(path, Operator::In, self.values),
        };
        if let (Some(member), Some(key)) = (set.members.get_mut(self.place), filter.key()) {
            *member = Member { key, filter };
        }
        set
    }
}
