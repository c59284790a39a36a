//! `$group`, and the stages that MongoDB defines in terms of it.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawDocumentBuf};

use super::Expression;
use super::accumulator::{Gathered, Kept, Ordered};
use super::document_stage::raw;
use super::failure::{Outcome, refused, unsupported};
use super::number::Num;
use super::parse::names;
use super::sort::Sort;
use super::table;
use super::value::{compare, weight};
use crate::value::{DocumentRef, Steps};

/// The memory limit of all groups, in steps of about 12 bytes: about 100 MiB.
const MAX_HELD: usize = 8_000_000;

/// A stage that creates one document per group of documents: `$group`, `$bucket` or the first half of `$sortByCount`.
#[derive(Clone, Debug)]
pub struct Grouping {
    key: Expression,
    fields: Vec<(String, Accumulating)>,
    /// Whether the result is sorted by group key.
    sorted: bool,
}

#[derive(Clone, Debug)]
struct Accumulating {
    name: String,
    /// The expression that is evaluated for each document and accumulated.
    input: Expression,
    count: usize,
    /// The sort order of `$top` and the like. Its fields are evaluated as expressions, and the order is one of the
    /// lists of their values.
    sort: Option<(Sort, Vec<Expression>)>,
}

/// The groups found so far.
#[derive(Default)]
pub struct Groups {
    places: BTreeMap<Ordered, usize>,
    groups: Vec<(Bson, Vec<Gathered>)>,
    held: usize,
}

/// The field that holds the list of values by which `$top` and the like sort. Like MongoDB, they are found there by
/// index, so arrays among them are elements of another array, which a sort order compares as a whole.
const LIST: &str = "values";

const SEVERAL: [&str; 4] = ["$firstN", "$lastN", "$maxN", "$minN"];
const TOP: [&str; 4] = ["$top", "$topN", "$bottom", "$bottomN"];

impl Grouping {
    /// Compiles `$group`.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn parse(fields: &Document) -> Outcome<Self> {
        let Some(key) = fields.get("_id") else { return refused(15955, "a group specification must include an _id") };
        if let Bson::Document(members) = key
            && !members.keys().next().is_some_and(|first| first.starts_with('$'))
            && members.values().any(|value| Num::of(value).is_some() || matches!(value, Bson::Boolean(_)))
        {
            return refused(17390, "$group does not support inclusion-style expressions");
        }
        let fields =
            fields.iter().filter(|(name, _)| *name != "_id").map(|(name, accumulator)| field(name, accumulator));
        Ok(Self { key: Expression::parse(key)?, fields: fields.collect::<Outcome<_>>()?, sorted: false })
    }

    /// Compiles the first half of `$sortByCount`: the groups with their counts, not yet sorted.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn counting(key: &Bson) -> Outcome<Self> {
        let is_expression = match key {
            Bson::String(path) => path.starts_with('$'),
            Bson::Document(members) => members.len() == 1 && members.keys().all(|key| key.starts_with('$')),
            _ => false,
        };
        if !is_expression {
            return refused(40149, "`$sortByCount` takes a path or an expression");
        }
        Self::parse(&bson::doc! { "_id": key.clone(), "count": { "$sum": 1 } })
    }

    /// Compiles `$bucket`.
    ///
    /// # Errors
    /// If it is malformed or unsupported.
    pub fn bucket(members: &Document) -> Outcome<Self> {
        let (Some(by), Some(Bson::Array(boundaries))) = (members.get("groupBy"), members.get("boundaries")) else {
            return refused(40198, "`$bucket` needs `groupBy` and an array of `boundaries`");
        };
        let is_expression = match by {
            Bson::String(path) => path.starts_with('$'),
            Bson::Document(members) => members.len() == 1 && members.keys().all(|key| key.starts_with('$')),
            _ => false,
        };
        if !is_expression {
            return refused(40202, "the `groupBy` of `$bucket` must be a path or an expression");
        }
        if boundaries.len() < 2 {
            return refused(40192, "`$bucket` requires at least two boundaries");
        }
        let steps = Steps::default();
        let mut values = Vec::new();
        for boundary in boundaries {
            let expression = Expression::parse(boundary)?;
            let mut is_constant = true;
            expression
                .each(&mut |part| is_constant &= !matches!(part, Expression::Field(_) | Expression::Variable(None, _)));
            match expression.value(&Bson::Document(Document::new()), &steps)? {
                Some(value) if is_constant => values.push(value),
                _ => return refused(40191, "the boundaries of `$bucket` must be constants"),
            }
        }
        for pair in values.windows(2) {
            let [low, high] = pair else { continue };
            let class =
                |value: &Bson| if Num::of(value).is_some() { "number" } else { super::value::kind(Some(value)) };
            if class(low) != class(high) {
                return refused(40193, "the boundaries of `$bucket` must be of one type");
            }
            if !compare(Some(low), Some(high))?.is_lt() {
                return refused(40194, "the boundaries of `$bucket` must be in ascending order");
            }
        }
        let otherwise = match members.get("default") {
            None => None,
            Some(value) => {
                let expression = Expression::parse(value)?;
                let value = expression.value(&Bson::Document(Document::new()), &steps)?;
                let (low, high) = (values.first(), values.last());
                let inside = compare(value.as_ref(), low)?.is_ge() && compare(value.as_ref(), high)?.is_lt();
                let Some(value) = value.filter(|_| !inside) else {
                    return refused(40199, "the `default` of `$bucket` must be a constant outside its boundaries");
                };
                Some(Box::new(Expression::Literal(value)))
            }
        };
        let literal = |value: &Bson| bson::doc! { "$literal": value.clone() };
        let mut branches = Vec::new();
        for pair in values.windows(2) {
            let [low, high] = pair else { continue };
            let case = bson::doc! { "$and": [
                { "$gte": [by.clone(), literal(low)] }, { "$lt": [by.clone(), literal(high)] },
            ] };
            branches.push((Expression::parse(&case.into())?, Expression::Literal(low.clone())));
        }
        let fields = match members.get("output") {
            None => vec![field("count", &bson::doc! { "$sum": 1 }.into())?],
            Some(Bson::Document(output)) => {
                output.iter().map(|(name, one)| field(name, one)).collect::<Outcome<_>>()?
            }
            Some(_) => return refused(40196, "the `output` of `$bucket` must be an object"),
        };
        Ok(Self { key: Expression::Switch(branches, otherwise), fields, sorted: true })
    }

    /// Adds a document to its group.
    ///
    /// # Errors
    /// If an expression fails for the document, or the groups exceed the memory limit.
    pub fn add(&self, groups: &mut Groups, document: DocumentRef<'_>, steps: &Steps) -> Outcome<()> {
        let root = super::decoded(document, steps)?;
        let key = self.key_of(&root, steps)?;
        steps.take(weight(&key).saturating_mul(8))?;
        let key = Ordered(key);
        let place = match groups.places.get(&key) {
            Some(place) => *place,
            None => {
                let id = self.id_of(&key.0);
                groups.held += weight(&key.0) + weight(&id) + 16 * (1 + self.fields.len());
                let place = groups.groups.len();
                groups.groups.push((id, self.fields.iter().map(|(_, one)| one.start()).collect()));
                groups.places.insert(key, place);
                place
            }
        };
        let Some((_, gathered)) = groups.groups.get_mut(place) else { return Ok(()) };
        for ((_, accumulating), gathered) in self.fields.iter().zip(gathered) {
            if gathered.is_settled() {
                continue;
            }
            let value = accumulating.input.value(&root, steps)?;
            steps.take(value.as_ref().map_or(1, weight))?;
            groups.held += match &accumulating.sort {
                Some((sort, fields)) => {
                    let values = fields.iter().map(|field| Ok(field.value(&root, steps)?.unwrap_or(Bson::Null)));
                    let values = bson::doc! { LIST: values.collect::<Outcome<Vec<_>>>()? };
                    16 + gathered.add_keyed(sort.key_within(&values, steps)?, value)
                }
                None => gathered.add(value)?,
            };
        }
        if groups.held > MAX_HELD {
            return refused(292, "the groups take more than 100 MiB of memory");
        }
        Ok(())
    }

    /// By what a document is grouped. A missing key becomes null. If the key is an object, MongoDB groups by the list of
    /// its members' values, of which a missing one becomes null only if it is the only one.
    fn key_of(&self, root: &Bson, steps: &Steps) -> Outcome<Bson> {
        let Expression::Object(members) = &self.key else {
            return Ok(self.key.value(root, steps)?.unwrap_or(Bson::Null));
        };
        // Missing equals undefined in MongoDB's order, which sets it apart from null.
        let missing = if members.len() == 1 { Bson::Null } else { Bson::Undefined };
        let values =
            members.iter().map(|(_, member)| Ok(member.value(root, steps)?.unwrap_or_else(|| missing.clone())));
        Ok(Bson::Array(values.collect::<Outcome<_>>()?))
    }

    /// The `_id` of the group with this key. Members without a value are left out.
    fn id_of(&self, key: &Bson) -> Bson {
        let (Expression::Object(members), Bson::Array(values)) = (&self.key, key) else { return key.clone() };
        let present = members.iter().zip(values).filter(|(_, value)| **value != Bson::Undefined);
        Bson::Document(present.map(|((name, _), value)| (name.clone(), value.clone())).collect())
    }

    /// Creates the document of each group.
    ///
    /// # Errors
    /// If an accumulator fails, or a document is too large.
    pub fn finish(&self, groups: Groups) -> Outcome<Vec<RawDocumentBuf>> {
        let Groups { places, groups, .. } = groups;
        let mut made: Vec<Option<(Bson, Vec<Gathered>)>> = groups.into_iter().map(Some).collect();
        let order: Vec<usize> = if self.sorted { places.into_values().collect() } else { (0..made.len()).collect() };
        let mut all = Vec::new();
        for at in order {
            let Some((key, gathered)) = made.get_mut(at).and_then(Option::take) else { continue };
            let mut document = Document::new();
            document.insert("_id", key);
            for ((name, _), gathered) in self.fields.iter().zip(gathered) {
                document.insert(name.clone(), gathered.finish()?.unwrap_or(Bson::Null));
            }
            all.push(raw(&Bson::Document(document), &Steps::default())?);
        }
        Ok(all)
    }
}

impl Accumulating {
    fn start(&self) -> Gathered {
        let (name, count) = (self.name.as_str(), self.count);
        if let Some((sort, _)) = &self.sort {
            let (top, one) = (name.starts_with("$top"), !name.ends_with('N'));
            return Gathered::Top { sort: sort.clone(), top, count, one, held: Vec::new() };
        }
        let kept = match name {
            "$firstN" => Kept::First,
            "$lastN" => Kept::Last,
            "$minN" => Kept::Least,
            "$maxN" => Kept::Greatest,
            "$count" => return Gathered::Sum(super::number::Sum::default()),
            name => return Gathered::new(name).unwrap_or_else(|| Gathered::Push(Vec::new())),
        };
        Gathered::Several(kept, count, Vec::new())
    }
}

fn field(name: &str, accumulator: &Bson) -> Outcome<(String, Accumulating)> {
    if name.contains('.') || name.starts_with('$') {
        return refused(40235, format!("the field name `{name}` of a group must not contain dots or begin with `$`"));
    }
    let Bson::Document(members) = accumulator else {
        return refused(40234, format!("the field `{name}` must be an accumulator object"));
    };
    let mut members = members.iter();
    let (Some((operator, operand)), None) = (members.next(), members.next()) else {
        return refused(40238, format!("the field `{name}` must specify one accumulator"));
    };
    let plain = |input: Expression| Accumulating { name: operator.clone(), input, count: 1, sort: None };
    let accumulating = match (operator.as_str(), operand) {
        (name, Bson::Array(_)) => return refused(40237, format!("The {name} accumulator is a unary operator")),
        ("$count", Bson::Document(nothing)) if nothing.is_empty() => plain(Expression::Literal(Bson::Int32(1))),
        ("$count", _) => return refused(9, "`$count` takes an empty object"),
        (several, operand) if SEVERAL.contains(&several) => {
            let members = named(several, operand, &["input", "n"])?;
            let input = Expression::parse(members.get("input").unwrap_or(&Bson::Null))?;
            Accumulating { count: count(members.get("n"))?, ..plain(input) }
        }
        (top, operand) if TOP.contains(&top) => {
            let has_count = top.ends_with('N');
            let members: &[&str] = if has_count { &["output", "sortBy", "n"] } else { &["output", "sortBy"] };
            let members = named(top, operand, members)?;
            let Some(Bson::Document(order)) = members.get("sortBy") else {
                return refused(10065, format!("`{top}` takes an object as `sortBy`"));
            };
            Sort::compile(order)?;
            let directions = order.values().enumerate();
            let sort = directions.map(|(place, direction)| (format!("{LIST}.{place}"), direction.clone()));
            let sort = Sort::compile(&sort.collect())?;
            let fields = order.keys().map(|name| Ok(Expression::Field(names(name)?))).collect::<Outcome<_>>()?;
            let input = Expression::parse(members.get("output").unwrap_or(&Bson::Null))?;
            let count = if has_count { count(members.get("n"))? } else { 1 };
            Accumulating { count, sort: Some((sort, fields)), ..plain(input) }
        }
        (name, _) if Gathered::new(name).is_none() => {
            return Err(match table::find(name) {
                Some(_) => super::failure::refusal(15952, format!("unknown group operator '{name}'")),
                None => table::refusal(name),
            });
        }
        (_, operand) => plain(Expression::parse(operand)?),
    };
    Ok((name.to_owned(), accumulating))
}

fn named<'d>(operator: &str, operand: &'d Bson, names: &[&str]) -> Outcome<&'d Document> {
    match operand {
        Bson::Document(members)
            if members.len() == names.len() && names.iter().all(|name| members.contains_key(*name)) =>
        {
            Ok(members)
        }
        _ => refused(5788001, format!("`{operator}` takes an object of {}", names.join(", "))),
    }
}

fn count(value: Option<&Bson>) -> Outcome<usize> {
    let Some(value) = value else { return Ok(1) };
    let Some(number) = Num::of(value) else {
        return unsupported("a computed `n`", "use a constant");
    };
    match number.integer().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0) {
        Some(count) => Ok(count),
        None => refused(5787908, "`n` must be a whole number above 0"),
    }
}
