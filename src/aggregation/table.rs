//! The table of expression operators. Clients may use exactly these, whether they are evaluated here or by a database.

use super::accumulator;
use super::failure::{FindError, Outcome};
use super::operators::{
    Args, arithmetic, arrays, convert, dates, dates_math, objects, regexes, rounding, sets, strings, trigonometry,
};
use bson::Bson;

/// The form of an operator's operands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// An array of this minimum and maximum length. A single operand may be written without the array.
    List(usize, usize),
    /// A document with these keys, of which this many, from the start, are required.
    Named(&'static [&'static str], usize),
    /// A date, or a document with `date` and `timezone`.
    Date,
    /// Specific to the operator.
    Special,
}

pub(super) type Run = fn(&Args<'_>) -> Outcome<Option<Bson>>;

#[derive(Clone, Copy)]
pub(crate) struct Operator {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) run: Run,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const UNLIMITED: usize = usize::MAX;

const fn list(name: &'static str, least: usize, most: usize, run: Run) -> Operator {
    Operator { name, shape: Shape::List(least, most), run }
}

const fn named(name: &'static str, members: &'static [&'static str], needed: usize, run: Run) -> Operator {
    Operator { name, shape: Shape::Named(members, needed), run }
}

const fn date(name: &'static str, run: Run) -> Operator {
    Operator { name, shape: Shape::Date, run }
}

const fn special(name: &'static str) -> Operator {
    Operator { name, shape: Shape::Special, run: |_| Ok(None) }
}

pub(super) fn find(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// The reason to report for an operator that clients may not use.
pub(crate) fn refusal_of(name: &str) -> &'static str {
    match name {
        "$function" | "$accumulator" | "$where" | "$_internalJsEmit" | "$_internalJsReduce" => {
            "client-supplied code is not executed"
        }
        "$meta" => "it reveals the keys of an index, whose fields may be hidden",
        "$rand" | "$sampleRate" => "its result is not reproducible",
        _ => "it is not on the list of operators",
    }
}

pub(super) fn refusal(name: &str) -> FindError {
    FindError::Unsupported { what: format!("`{name}`"), help: Some(refusal_of(name)) }
}

const OPERATORS: &[Operator] = &[
    list("$abs", 1, 1, rounding::abs),
    list("$acos", 1, 1, trigonometry::run),
    list("$acosh", 1, 1, trigonometry::run),
    list("$add", 0, UNLIMITED, arithmetic::add),
    list("$allElementsTrue", 1, 1, sets::all_elements_true),
    special("$and"),
    list("$anyElementTrue", 1, 1, sets::any_element_true),
    list("$arrayElemAt", 2, 2, arrays::elem_at),
    list("$arrayToObject", 1, 1, objects::array_to_object),
    list("$asin", 1, 1, trigonometry::run),
    list("$asinh", 1, 1, trigonometry::run),
    list("$atan", 1, 1, trigonometry::run),
    list("$atan2", 2, 2, trigonometry::atan2),
    list("$atanh", 1, 1, trigonometry::run),
    list("$avg", 0, UNLIMITED, accumulator::of_operands),
    list("$binarySize", 1, 1, objects::binary_size),
    list("$bsonSize", 1, 1, objects::bson_size),
    list("$ceil", 1, 1, rounding::ceil),
    list("$cmp", 2, 2, sets::comparison),
    list("$concat", 0, UNLIMITED, strings::concat),
    list("$concatArrays", 0, UNLIMITED, arrays::concat),
    special("$cond"),
    named("$convert", &["input", "to", "onError", "onNull"], 2, convert::convert),
    list("$cos", 1, 1, trigonometry::run),
    list("$cosh", 1, 1, trigonometry::run),
    named("$dateAdd", &["startDate", "unit", "amount", "timezone"], 3, dates_math::add),
    named("$dateDiff", &["startDate", "endDate", "unit", "timezone", "startOfWeek"], 3, dates_math::diff),
    named(
        "$dateFromParts",
        &[
            "year",
            "isoWeekYear",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "millisecond",
            "isoWeek",
            "isoDayOfWeek",
            "timezone",
        ],
        0,
        dates::from_parts,
    ),
    named("$dateFromString", &["dateString", "format", "timezone", "onError", "onNull"], 1, dates::from_string),
    named("$dateSubtract", &["startDate", "unit", "amount", "timezone"], 3, dates_math::add),
    named("$dateToParts", &["date", "timezone", "iso8601"], 1, dates::to_parts),
    named("$dateToString", &["date", "format", "timezone", "onNull"], 1, dates::to_string),
    named("$dateTrunc", &["date", "unit", "binSize", "timezone", "startOfWeek"], 2, dates_math::trunc),
    date("$dayOfMonth", dates::part),
    date("$dayOfWeek", dates::part),
    date("$dayOfYear", dates::part),
    list("$degreesToRadians", 1, 1, trigonometry::run),
    list("$divide", 2, 2, arithmetic::divide),
    list("$eq", 2, 2, sets::comparison),
    list("$exp", 1, 1, trigonometry::run),
    special("$filter"),
    list("$first", 1, 1, arrays::first),
    named("$firstN", &["input", "n"], 2, arrays::some_of),
    list("$floor", 1, 1, rounding::floor),
    special("$getField"),
    list("$gt", 2, 2, sets::comparison),
    list("$gte", 2, 2, sets::comparison),
    date("$hour", dates::part),
    special("$ifNull"),
    list("$in", 2, 2, arrays::contains),
    list("$indexOfArray", 2, 4, arrays::index_of),
    list("$indexOfBytes", 2, 4, strings::index_of),
    list("$indexOfCP", 2, 4, strings::index_of),
    list("$isArray", 1, 1, arrays::is_array),
    list("$isNumber", 1, 1, convert::is_number),
    date("$isoDayOfWeek", dates::part),
    date("$isoWeek", dates::part),
    date("$isoWeekYear", dates::part),
    list("$last", 1, 1, arrays::last),
    named("$lastN", &["input", "n"], 2, arrays::some_of),
    special("$let"),
    special("$literal"),
    list("$ln", 1, 1, trigonometry::run),
    list("$log", 2, 2, trigonometry::log),
    list("$log10", 1, 1, trigonometry::run),
    list("$lt", 2, 2, sets::comparison),
    list("$lte", 2, 2, sets::comparison),
    named("$ltrim", &["input", "chars"], 1, strings::trim),
    special("$map"),
    list("$max", 0, UNLIMITED, accumulator::of_operands),
    named("$maxN", &["input", "n"], 2, arrays::some_of),
    list("$mergeObjects", 0, UNLIMITED, objects::merge),
    date("$millisecond", dates::part),
    list("$min", 0, UNLIMITED, accumulator::of_operands),
    named("$minN", &["input", "n"], 2, arrays::some_of),
    date("$minute", dates::part),
    list("$mod", 2, 2, arithmetic::modulo),
    date("$month", dates::part),
    list("$multiply", 0, UNLIMITED, arithmetic::multiply),
    list("$ne", 2, 2, sets::comparison),
    list("$not", 1, 1, sets::not),
    list("$objectToArray", 1, 1, objects::object_to_array),
    special("$or"),
    list("$pow", 2, 2, arithmetic::pow),
    list("$radiansToDegrees", 1, 1, trigonometry::run),
    list("$range", 2, 3, arrays::range),
    special("$reduce"),
    named("$regexFind", &["input", "regex", "options"], 2, regexes::find),
    named("$regexFindAll", &["input", "regex", "options"], 2, regexes::find),
    named("$regexMatch", &["input", "regex", "options"], 2, regexes::find),
    named("$replaceAll", &["input", "find", "replacement"], 3, strings::replace),
    named("$replaceOne", &["input", "find", "replacement"], 3, strings::replace),
    list("$reverseArray", 1, 1, arrays::reverse),
    list("$round", 1, 2, rounding::round),
    named("$rtrim", &["input", "chars"], 1, strings::trim),
    date("$second", dates::part),
    list("$setDifference", 2, 2, sets::difference),
    list("$setEquals", 2, UNLIMITED, sets::equals),
    named("$setField", &["field", "input", "value"], 3, objects::set_field),
    list("$setIntersection", 0, UNLIMITED, sets::intersection),
    list("$setIsSubset", 2, 2, sets::is_subset),
    list("$setUnion", 0, UNLIMITED, sets::union),
    list("$sin", 1, 1, trigonometry::run),
    list("$sinh", 1, 1, trigonometry::run),
    list("$size", 1, 1, arrays::size),
    list("$slice", 2, 3, arrays::slice),
    special("$sortArray"),
    list("$split", 2, 2, strings::split),
    list("$sqrt", 1, 1, trigonometry::run),
    list("$stdDevPop", 0, UNLIMITED, accumulator::of_operands),
    list("$stdDevSamp", 0, UNLIMITED, accumulator::of_operands),
    list("$strLenBytes", 1, 1, strings::length),
    list("$strLenCP", 1, 1, strings::length),
    list("$strcasecmp", 2, 2, strings::case_compare),
    list("$substr", 3, 3, strings::sub_bytes),
    list("$substrBytes", 3, 3, strings::sub_bytes),
    list("$substrCP", 3, 3, strings::sub_points),
    list("$subtract", 2, 2, arithmetic::subtract),
    list("$sum", 0, UNLIMITED, accumulator::of_operands),
    special("$switch"),
    list("$tan", 1, 1, trigonometry::run),
    list("$tanh", 1, 1, trigonometry::run),
    list("$toBool", 1, 1, convert::to),
    list("$toDate", 1, 1, convert::to),
    list("$toDecimal", 1, 1, convert::to),
    list("$toDouble", 1, 1, convert::to),
    list("$toInt", 1, 1, convert::to),
    list("$toLong", 1, 1, convert::to),
    list("$toLower", 1, 1, strings::case),
    list("$toObjectId", 1, 1, convert::to),
    list("$toString", 1, 1, convert::to),
    list("$toUpper", 1, 1, strings::case),
    named("$trim", &["input", "chars"], 1, strings::trim),
    list("$trunc", 1, 2, rounding::trunc),
    list("$tsIncrement", 1, 1, convert::timestamp_part),
    list("$tsSecond", 1, 1, convert::timestamp_part),
    list("$type", 1, 1, convert::type_of),
    named("$unsetField", &["field", "input"], 2, objects::set_field),
    date("$week", dates::part),
    date("$year", dates::part),
    named("$zip", &["inputs", "useLongestLength", "defaults"], 1, arrays::zip),
];

/// Operators that are allowed only as accumulators of `$group`.
const ACCUMULATORS: [&str; 7] = ["$addToSet", "$bottom", "$bottomN", "$count", "$push", "$top", "$topN"];

/// Whether clients may use the operator, in expressions or as an accumulator.
#[must_use]
pub fn is_operator(name: &str) -> bool {
    find(name).is_some() || ACCUMULATORS.contains(&name)
}
