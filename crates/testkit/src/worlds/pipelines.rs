//! Random pipelines with every permitted stage and every permitted expression operator.

use serde_json::{Map, Value as Json, json};

use super::choices::Choices;
use super::documents::{name, number, path, text, value};
use super::reads::{filter, sort};

/// Every stage, with its relative frequency.
pub const STAGES: [(&str, usize); 15] = [
    ("$match", 4),
    ("$project", 4),
    ("$set", 3),
    ("$addFields", 2),
    ("$unset", 1),
    ("$group", 4),
    ("$bucket", 1),
    ("$sort", 3),
    ("$sortByCount", 2),
    ("$count", 1),
    ("$limit", 1),
    ("$skip", 1),
    ("$unwind", 2),
    ("$replaceRoot", 1),
    ("$replaceWith", 1),
];

/// Operators, the types of their results, and examples of their use. A capital letter stands for an expression that
/// returns a number, a string, an array, a date, an object, a boolean, a timestamp, zero or one, or anything; `P`
/// stands for a field path.
///
/// If an argument may be anything, some uses fail on some values; both worlds must then return the same error.
fn expressions() -> Vec<(&'static str, char, Json)> {
    let mut all = vec![
        ("$add", 'N', json!(["N", "N"])),
        ("$add", 'D', json!(["D", 1000])),
        ("$subtract", 'N', json!(["N", "N"])),
        ("$multiply", 'N', json!(["N", "N"])),
        ("$divide", 'N', json!(["N", "N"])),
        ("$mod", 'N', json!(["N", 3])),
        ("$pow", 'N', json!(["Z", "Z"])),
        ("$log", 'N', json!([8, 2])),
        ("$atan2", 'N', json!(["N", "N"])),
        ("$round", 'N', json!(["N", "Z"])),
        ("$trunc", 'N', json!(["N", 1])),
        ("$cmp", 'N', json!(["E", "E"])),
        ("$sum", 'N', json!(["E", "E"])),
        ("$avg", 'N', json!("A")),
        ("$max", 'E', json!(["E", "E"])),
        ("$min", 'E', json!("A")),
        ("$indexOfArray", 'N', json!(["A", "E"])),
        ("$indexOfBytes", 'N', json!(["S", "S"])),
        ("$indexOfCP", 'N', json!(["S", "a"])),
        ("$strcasecmp", 'N', json!(["S", "S"])),
        ("$dateDiff", 'N', json!({"startDate": "D", "endDate": "D", "unit": "day"})),
        ("$dateAdd", 'D', json!({"startDate": "D", "unit": "day", "amount": "Z"})),
        ("$dateSubtract", 'D', json!({"startDate": "D", "unit": "hour", "amount": 2})),
        ("$dateFromParts", 'D', json!({"year": 2000, "month": "Z", "day": 3})),
        ("$dateFromString", 'D', json!({"dateString": "S", "onError": {"$literal": {"$date": {"$numberLong": "5"}}}})),
        ("$dateToParts", 'O', json!({"date": "D"})),
        ("$dateToString", 'S', json!({"date": "D", "format": "%Y-%m-%d"})),
        ("$dateTrunc", 'D', json!({"date": "D", "unit": "month"})),
        ("$toDate", 'D', json!({"$literal": {"$numberLong": "7"}})),
        ("$convert", 'S', json!({"input": "E", "to": "string", "onError": "error", "onNull": "null"})),
        ("$convert", 'N', json!({"input": "E", "to": "int", "onError": -1, "onNull": -2})),
        ("$convert", 'E', json!({"input": "P", "to": "objectId", "onError": "error"})),
        ("$concat", 'S', json!(["S", "S"])),
        ("$ltrim", 'S', json!({"input": "S"})),
        ("$rtrim", 'S', json!({"input": "S", "chars": "a"})),
        ("$trim", 'S', json!({"input": "S", "chars": "b"})),
        ("$replaceAll", 'S', json!({"input": "S", "find": "a", "replacement": "S"})),
        ("$replaceOne", 'S', json!({"input": "S", "find": "S", "replacement": "z"})),
        ("$substr", 'S', json!(["S", 0, 1])),
        ("$substrBytes", 'S', json!(["S", 0, 1])),
        ("$substrCP", 'S', json!(["S", "Z", 2])),
        ("$regexFind", 'E', json!({"input": "S", "regex": "a"})),
        ("$regexFindAll", 'A', json!({"input": "S", "regex": "[ab]"})),
        ("$regexMatch", 'B', json!({"input": "S", "regex": "^a"})),
        ("$split", 'A', json!(["S", "a"])),
        ("$arrayElemAt", 'E', json!(["A", "Z"])),
        ("$arrayToObject", 'O', json!({"$objectToArray": "O"})),
        ("$concatArrays", 'A', json!(["A", "A"])),
        ("$filter", 'A', json!({"input": "A", "as": "x", "cond": {"$gt": ["$$x", "E"]}})),
        ("$map", 'A', json!({"input": "A", "as": "x", "in": {"$type": "$$x"}})),
        ("$map", 'A', json!({"input": "A", "in": ["$$this", "E"]})),
        (
            "$reduce",
            'S',
            json!({"input": "A", "initialValue": "S", "in": {"$concat": ["$$value", {"$type": "$$this"}]}}),
        ),
        ("$first", 'E', json!("A")),
        ("$last", 'E', json!("A")),
        ("$firstN", 'A', json!({"n": 2, "input": "A"})),
        ("$lastN", 'A', json!({"n": 1, "input": "A"})),
        ("$maxN", 'A', json!({"n": 2, "input": "A"})),
        ("$minN", 'A', json!({"n": 2, "input": "A"})),
        ("$range", 'A', json!([0, {"$add": ["Z", 2]}])),
        ("$slice", 'A', json!(["A", 2])),
        ("$sortArray", 'A', json!({"input": "A", "sortBy": 1})),
        ("$setDifference", 'A', json!(["A", "A"])),
        ("$setIntersection", 'A', json!(["A", "A"])),
        ("$setUnion", 'A', json!(["A", "A"])),
        ("$setEquals", 'B', json!(["A", "A"])),
        ("$setIsSubset", 'B', json!(["A", "A"])),
        ("$zip", 'A', json!({"inputs": ["A", "A"]})),
        ("$in", 'B', json!(["E", "A"])),
        ("$and", 'B', json!(["B", "E"])),
        ("$or", 'B', json!(["B", "B"])),
        ("$not", 'B', json!(["E"])),
        ("$eq", 'B', json!(["E", "E"])),
        ("$ne", 'B', json!(["E", "E"])),
        ("$gt", 'B', json!(["E", "E"])),
        ("$gte", 'B', json!(["E", "E"])),
        ("$lt", 'B', json!(["E", "E"])),
        ("$lte", 'B', json!(["E", "E"])),
        ("$cond", 'E', json!(["B", "E", "E"])),
        ("$cond", 'S', json!({"if": "B", "then": "S", "else": "S"})),
        ("$switch", 'E', json!({"branches": [{"case": "B", "then": "E"}], "default": "E"})),
        ("$ifNull", 'E', json!(["P", "E"])),
        ("$let", 'E', json!({"vars": {"v": "E"}, "in": ["$$v", {"$type": "$$v"}]})),
        ("$literal", 'E', json!("$n")),
        ("$getField", 'E', json!({"field": "n", "input": "O"})),
        ("$getField", 'E', json!("code")),
        ("$setField", 'O', json!({"field": "z", "input": "O", "value": "E"})),
        ("$unsetField", 'O', json!({"field": "n", "input": "O"})),
        ("$mergeObjects", 'O', json!(["O", {"more": "E"}])),
        ("$toObjectId", 'E', json!("010101010101010101010101")),
        ("$tsIncrement", 'N', json!("T")),
        ("$tsSecond", 'N', json!("T")),
    ];
    let unary: [(char, char, &[&str]); 12] = [
        ('N', 'N', &["$abs", "$ceil", "$floor", "$degreesToRadians", "$radiansToDegrees", "$asinh", "$tanh", "$atan"]),
        (
            'Z',
            'N',
            &[
                "$acos",
                "$asin",
                "$cos",
                "$cosh",
                "$exp",
                "$sin",
                "$sinh",
                "$sqrt",
                "$tan",
                "$toInt",
                "$toLong",
                "$toDouble",
                "$toDecimal",
            ],
        ),
        ('1', 'N', &["$acosh", "$ln", "$log10"]),
        ('0', 'N', &["$atanh"]),
        ('S', 'N', &["$binarySize", "$strLenBytes", "$strLenCP"]),
        ('O', 'N', &["$bsonSize"]),
        ('A', 'N', &["$size", "$stdDevPop", "$stdDevSamp"]),
        (
            'D',
            'N',
            &[
                "$dayOfMonth",
                "$dayOfWeek",
                "$dayOfYear",
                "$hour",
                "$isoDayOfWeek",
                "$isoWeek",
                "$isoWeekYear",
                "$millisecond",
                "$minute",
                "$month",
                "$second",
                "$week",
                "$year",
            ],
        ),
        ('S', 'S', &["$toLower", "$toUpper", "$toString"]),
        ('E', 'S', &["$type"]),
        ('E', 'B', &["$isArray", "$isNumber", "$toBool"]),
        ('A', 'A', &["$reverseArray"]),
    ];
    for (of, gives, names) in unary {
        all.extend(names.iter().map(|name| (*name, gives, json!([of.to_string()]))));
    }
    all.push(("$objectToArray", 'A', json!("O")));
    all.push(("$allElementsTrue", 'B', json!(["A"])));
    all.push(("$anyElementTrue", 'B', json!(["A"])));
    all
}

fn accumulators() -> Vec<(&'static str, Json)> {
    vec![
        ("$push", json!("E")),
        ("$push", json!("E")),
        ("$addToSet", json!("E")),
        ("$sum", json!("N")),
        ("$avg", json!("E")),
        ("$first", json!("E")),
        ("$last", json!("E")),
        ("$max", json!("E")),
        ("$min", json!("E")),
        ("$stdDevPop", json!("N")),
        ("$stdDevSamp", json!("N")),
        ("$mergeObjects", json!("O")),
        ("$count", json!({})),
        ("$top", json!({"output": "E", "sortBy": {"n": 1}})),
        ("$topN", json!({"n": 2, "output": "E", "sortBy": {"s": -1}})),
        ("$bottom", json!({"output": "E", "sortBy": {"code": 1}})),
        ("$bottomN", json!({"n": 2, "output": "E", "sortBy": {"m": 1}})),
        ("$firstN", json!({"n": 2, "input": "E"})),
        ("$lastN", json!({"n": 2, "input": "E"})),
        ("$maxN", json!({"n": 2, "input": "E"})),
        ("$minN", json!({"n": 2, "input": "E"})),
    ]
}

/// The names of all expression operators that are permitted, according to the engine.
pub fn allowed() -> Vec<&'static str> {
    let source = include_str!("../../../../src/aggregation/table.rs");
    let names = |list: &str| {
        let (_, list) = source.split_once(list).expect("the list of operators");
        let (list, _) = list.split_once("];").expect("its end");
        list.split('"').filter(|part| part.starts_with('$')).collect::<Vec<_>>()
    };
    [names("const OPERATORS"), names("const ACCUMULATORS")].concat()
}

pub struct Pipelines {
    expressions: Vec<(&'static str, char, Json)>,
    accumulators: Vec<(&'static str, Json)>,
    /// The index of the operator that was used last: they are used in turn, so that each of them occurs.
    turn: usize,
}

impl Pipelines {
    pub fn new() -> Self {
        Self { expressions: expressions(), accumulators: accumulators(), turn: 0 }
    }

    pub fn request(&mut self, choices: &mut Choices) -> Json {
        if choices.chance(12) {
            return json!({"aggregate": whole(choices)});
        }
        let mut stages = Vec::new();
        let count = choices.pick(&[1, 1, 2, 2, 3, 4]);
        for number in 1..=count {
            let stage = self.stage(choices);
            let groups = ["$group", "$bucket", "$sortByCount"].iter().any(|name| stage.get(name).is_some());
            stages.push(stage);
            // Groups come in an unspecified order, on which the next stage may depend.
            if groups && (number < count || choices.chance(80)) {
                stages.push(json!({"$sort": {"_id": 1}}));
            }
        }
        json!({"aggregate": stages})
    }

    fn stage(&mut self, choices: &mut Choices) -> Json {
        let total = STAGES.iter().map(|(_, often)| often).sum();
        let mut at = choices.below(total);
        let (name, _) =
            STAGES.iter().find(|(_, often)| at.checked_sub(*often).map(|left| at = left).is_none()).unwrap();
        let operand = match *name {
            "$match" if choices.chance(40) => json!({"$expr": self.expression(choices, 'B', 2)}),
            "$match" => filter(choices, 2),
            "$project" => self.project(choices),
            "$set" | "$addFields" => self.set(choices),
            "$unset" => json!([name_or_path(choices), "more"]),
            "$group" => self.group(choices),
            "$bucket" => json!({
                "groupBy": self.expression(choices, 'N', 1), "boundaries": [-10, 0, 2, 100], "default": "other",
                "output": {"all": self.accumulator(choices)},
            }),
            "$sort" => sort(choices),
            "$sortByCount" => self.expression(choices, 'E', 1),
            "$count" => json!("count"),
            "$limit" => json!(choices.pick(&[1, 2, 5])),
            "$skip" => json!(choices.pick(&[0, 1, 2])),
            "$unwind" if choices.chance(50) => json!(format!("${}", path(choices))),
            "$unwind" => json!({
                "path": format!("${}", path(choices)), "includeArrayIndex": "at", "preserveNullAndEmptyArrays": true,
            }),
            "$replaceRoot" => json!({"newRoot": self.expression(choices, 'O', 1)}),
            _ => self.expression(choices, 'O', 1),
        };
        json!({*name: operand})
    }

    fn project(&mut self, choices: &mut Choices) -> Json {
        let mut fields = Map::new();
        let excludes = choices.chance(30);
        for _ in 0..=choices.below(3) {
            let name = if choices.chance(25) { path(choices) } else { name(choices).to_owned() };
            let meets = |given: &String| given.starts_with(&name) || name.starts_with(given.as_str());
            if fields.keys().any(meets) {
                continue;
            }
            let value = match (excludes, choices.chance(40)) {
                (true, _) => json!(0),
                (false, true) => json!(1),
                (false, false) => self.expression(choices, 'E', 2),
            };
            fields.insert(name, value);
        }
        Json::Object(fields)
    }

    fn set(&mut self, choices: &mut Choices) -> Json {
        let mut fields = Map::new();
        for _ in 0..=choices.below(2) {
            let name = match choices.below(5) {
                0 => choices.pick(&["sub.a", "sub.new", "sub.deep.x", "rows.a", "rows.new"]).to_owned(),
                1 => "more".to_owned(),
                _ => name(choices).to_owned(),
            };
            let meets = |given: &String| given.starts_with(&name) || name.starts_with(given.as_str());
            if !fields.keys().any(meets) {
                let value = self.expression(choices, 'E', 2);
                fields.insert(name, value);
            }
        }
        Json::Object(fields)
    }

    fn group(&mut self, choices: &mut Choices) -> Json {
        let id = if choices.chance(40) { json!(null) } else { self.expression(choices, 'E', 1) };
        let mut group = json!({"_id": id});
        for field in ["one", "two"] {
            if field == "one" || choices.chance(40) {
                group[field] = self.accumulator(choices);
            }
        }
        group
    }

    fn accumulator(&mut self, choices: &mut Choices) -> Json {
        let (name, operand) = choices.pick(&self.accumulators);
        json!({name: self.fill(choices, &operand, 1)})
    }

    /// An expression that usually returns what the letter stands for.
    fn expression(&mut self, choices: &mut Choices, letter: char, depth: usize) -> Json {
        if depth == 0 || choices.chance(20) {
            return self.leaf(choices, letter);
        }
        if letter == 'E' && choices.chance(50) {
            // Take the operators in turn, so that each of them occurs.
            self.turn = (self.turn + 1) % self.expressions.len();
            let (name, _, operand) = self.expressions[self.turn].clone();
            return self.operator(choices, name, &operand, depth);
        }
        let fitting: Vec<_> =
            self.expressions.iter().filter(|(_, gives, _)| letter == 'E' || *gives == letter).cloned().collect();
        if fitting.is_empty() {
            return self.leaf(choices, letter);
        }
        let (name, _, operand) = choices.pick(&fitting);
        self.operator(choices, name, &operand, depth)
    }

    fn operator(&mut self, choices: &mut Choices, name: &str, operand: &Json, depth: usize) -> Json {
        if name == "$literal" {
            return json!({name: operand});
        }
        json!({name: self.fill(choices, operand, depth - 1)})
    }

    fn fill(&mut self, choices: &mut Choices, template: &Json, depth: usize) -> Json {
        match template {
            Json::String(text)
                if text.len() == 1 && text.starts_with(|letter: char| "NSADOBTZE01P".contains(letter)) =>
            {
                let letter = text.chars().next().unwrap();
                self.expression(choices, letter, depth)
            }
            Json::Object(members) if members.contains_key("$literal") => template.clone(),
            Json::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.fill(choices, value, depth))).collect()
            }
            Json::Array(elements) => elements.iter().map(|element| self.fill(choices, element, depth)).collect(),
            other => other.clone(),
        }
    }

    fn leaf(&mut self, choices: &mut Choices, letter: char) -> Json {
        let field = reference(choices);
        // Sometimes use the field without converting it, whatever its type.
        if choices.chance(4) {
            return field;
        }
        match letter {
            'N' => match choices.below(4) {
                0 => number(choices),
                _ => json!({"$convert": {"input": field, "to": "double", "onError": 1.0, "onNull": 2}}),
            },
            'Z' => json!({"$cond": [{"$gt": [field, 2]}, 1, 0]}),
            '0' => json!({"$cond": [{"$gt": [field, 2]}, 0.5, 0]}),
            '1' => json!({"$cond": [{"$gt": [field, 2]}, 3, 1]}),
            'S' => match choices.below(4) {
                0 => literal(&text(choices)),
                1 => json!({"$type": field}),
                _ => json!({"$cond": [{"$eq": [{"$type": field}, "string"]}, field, "none"]}),
            },
            'A' => match choices.below(4) {
                0 => json!([field, reference(choices)]),
                1 => json!({"$objectToArray": "$$ROOT"}),
                _ => json!({"$cond": [{"$isArray": [field]}, field, [field]]}),
            },
            'D' => json!({"$convert": {
                "input": field, "to": "date", "onError": {"$date": {"$numberLong": "1000"}}, "onNull": {"$date": {"$numberLong": "2000"}},
            }}),
            'O' => match choices.below(5) {
                0 => json!({"made": field}),
                1 => json!({"$cond": [{"$eq": [{"$type": field}, "object"]}, field, {"other": field}]}),
                2 => json!("$$CURRENT"),
                _ => json!("$$ROOT"),
            },
            'B' => json!({choices.pick(&["$gt", "$lt", "$eq"]): [field, literal(&value(choices, 0))]}),
            'T' => {
                json!({"$cond": [{"$eq": [{"$type": field}, "timestamp"]}, field, {"$timestamp": {"t": 5, "i": 6}}]})
            }
            _ => match choices.below(8) {
                0 => literal(&value(choices, 1)),
                1 | 2 => json!("$$ROOT"),
                3 => json!("$$REMOVE"),
                4 => json!({"$gt": ["$$NOW", field]}),
                _ => field,
            },
        }
    }
}

fn literal(value: &Json) -> Json {
    json!({"$literal": value})
}

fn reference(choices: &mut Choices) -> Json {
    let path = path(choices);
    json!(match choices.below(10) {
        0 => format!("$$ROOT.{path}"),
        1 => format!("$$CURRENT.{path}"),
        2 => "$$ROOT".to_owned(),
        3 => "$$CURRENT".to_owned(),
        _ => format!("${path}"),
    })
}

fn name_or_path(choices: &mut Choices) -> String {
    if choices.chance(50) { path(choices) } else { name(choices).to_owned() }
}

/// A pipeline that uses whole documents, after a stage that a server may merge with the stages before it. MongoDB
/// executes some of these in its newer engine, which omits projections that it considers unnecessary.
fn whole(choices: &mut Choices) -> Json {
    let document = choices.pick(&[json!("$$ROOT"), json!("$$CURRENT"), json!({"of": "$$ROOT"}), json!(["$$CURRENT"])]);
    let size = json!({"$bsonSize": choices.pick(&["$$ROOT", "$$CURRENT"])});
    let mut stages = match choices.below(6) {
        0 => vec![json!({"$match": filter(choices, 1)})],
        1 => vec![json!({"$skip": choices.below(2)})],
        2 => vec![json!({"$limit": 4})],
        3 => vec![json!({"$sort": sort(choices)})],
        _ => Vec::new(),
    };
    stages.push(match choices.below(8) {
        0 | 1 => json!({"$group": {"_id": 0, "all": {"$push": document}}}),
        2 => json!({"$group": {"_id": null, "one": {choices.pick(&["$first", "$last", "$min", "$max"]): document}}}),
        3 => json!({"$group": {"_id": document, "count": {"$sum": 1}}}),
        4 => json!({"$group": {"_id": reference(choices), "all": {"$push": document}, "size": {"$max": size}}}),
        5 => json!({"$sortByCount": document}),
        6 => json!({"$bucket": {
            "groupBy": size, "boundaries": [0, 60, 120, 240], "default": "more", "output": {"all": {"$push": document}},
        }}),
        _ => json!({"$project": {"all": document, "size": size}}),
    });
    stages.push(json!({"$sort": {"_id": 1}}));
    Json::Array(stages)
}

/// A pipeline for use as an update.
pub fn update(choices: &mut Choices) -> Json {
    let mut pipelines = Pipelines::new();
    pipelines.turn = choices.below(pipelines.expressions.len());
    let stage = match choices.below(4) {
        0 => json!({"$unset": [name(choices)]}),
        1 => json!({"$project": pipelines.project(choices)}),
        2 => json!({"$replaceWith": pipelines.expression(choices, 'O', 1)}),
        _ => json!({"$set": pipelines.set(choices)}),
    };
    json!([stage])
}
