//! Random documents, and random ways to look at and change them, of so few names and values that they meet.

use bson::oid::ObjectId;
use bson::{Binary, Bson, DateTime, Document, Regex, Timestamp, doc, spec::BinarySubtype};

/// Numbers that are the same in every run (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(count).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub(crate) fn name(&mut self) -> &'static str {
        self.pick(&["a", "a", "a", "b", "b", "c", "d", "0", "1"])
    }

    pub(crate) fn scalar(&mut self) -> Bson {
        match self.below(30) {
            0..=7 => Bson::Int32(i32::try_from(self.below(4)).unwrap()),
            8 | 9 => Bson::Double(self.pick(&[1.0, 2.0, 1.5, -1.0])),
            10 => Bson::Double(self.pick(&[f64::NAN, -0.0, 0.0, f64::INFINITY, 1e300])),
            11 | 12 => Bson::Int64(self.pick(&[1, 2, 3, i64::MAX, i64::MIN])),
            13 => Bson::Int32(self.pick(&[i32::MAX, i32::MIN, -1])),
            14..=17 => Bson::String(self.pick(&["", "a", "b", "ab", "A", "é"]).to_owned()),
            18 | 19 => Bson::Null,
            20 | 21 => Bson::Boolean(self.one_in(2)),
            22 => Bson::ObjectId(ObjectId::from_bytes([u8::try_from(self.below(3)).unwrap(); 12])),
            23 => Bson::DateTime(DateTime::from_millis(self.pick(&[0, 1, -1]))),
            24 => Bson::Timestamp(Timestamp { time: 1, increment: u32::try_from(self.below(2)).unwrap() }),
            25 => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: vec![0; self.below(3)] }),
            26 => Bson::Decimal128(self.pick(&["1", "1.0", "2.5", "NaN", "-Infinity"]).parse().unwrap()),
            27 => self.pick(&[Bson::MinKey, Bson::MaxKey]),
            28 => Bson::RegularExpression(Regex { pattern: "a".try_into().unwrap(), options: "".try_into().unwrap() }),
            _ => Bson::Int32(1),
        }
    }

    /// A decimal128 of few or many digits, mostly of an exponent near 0.
    pub(crate) fn decimal(&mut self) -> Bson {
        let digits = self.pick(&[1, 2, 5, 17, 33, 34]);
        let sign = self.pick(&["", "", "-"]);
        let digits: String = (0..digits).map(|_| self.pick(&['0', '1', '4', '5', '5', '9', '9'])).collect();
        let exponent = self.pick(&[0, 0, -1, -2, -17, -33, -34, -36, -40, 1, 3, 30, 40, -6000, 6000]);
        let text = match self.below(20) {
            0 => "NaN".to_owned(),
            1 => format!("{sign}Infinity"),
            _ => format!("{sign}{digits}E{exponent}"),
        };
        Bson::Decimal128(text.parse().unwrap())
    }

    pub(crate) fn value(&mut self, depth: usize) -> Bson {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            4 | 5 => Bson::Array((0..self.below(4)).map(|_| self.value(depth - 1)).collect()),
            6 | 7 => Bson::Document(self.document(depth - 1)),
            _ => self.scalar(),
        }
    }

    pub(crate) fn document(&mut self, depth: usize) -> Document {
        (0..self.below(4)).map(|_| (self.name().to_owned(), self.value(depth))).collect()
    }

    pub(crate) fn path(&mut self) -> String {
        let length = self.pick(&[1, 1, 1, 2, 2, 3]);
        (0..length).map(|_| self.name()).collect::<Vec<_>>().join(".")
    }

    /// A condition that is about a name, now and then a malformed one.
    pub(crate) fn condition(&mut self, depth: usize) -> Bson {
        match self.below(3) {
            0 => self.value(1),
            _ => Bson::Document((0..self.pick(&[1, 1, 1, 2])).map(|_| self.operator(depth)).collect()),
        }
    }

    fn operator(&mut self, depth: usize) -> (String, Bson) {
        let list = |random: &mut Self| Bson::Array((0..random.below(4)).map(|_| random.value(1)).collect());
        let (name, operand) = match self.below(if depth == 0 { 22 } else { 28 }) {
            0 | 1 => ("$eq", self.value(1)),
            2 => ("$ne", self.value(1)),
            3 => (self.pick(&["$gt", "$gte", "$lt", "$lte"]), self.value(2)),
            4 => (
                self.pick(&["$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear"]),
                self.pick(&[
                    1.into(),
                    2.0.into(),
                    (-1).into(),
                    vec![Bson::Int32(0), Bson::Int64(70)].into(),
                    "a".into(),
                ]),
            ),
            5 | 6 => (self.pick(&["$gt", "$gte", "$lt", "$lte"]), Bson::Int32(1)),
            7 | 8 => ("$in", list(self)),
            9 => ("$nin", list(self)),
            10 | 11 => ("$exists", self.pick(&[true.into(), false.into(), 1.into(), Bson::Null])),
            12 => ("$size", self.pick(&[0.into(), 1.into(), 2.into(), 2.0.into(), (-1).into(), 1.5.into()])),
            13 | 14 => (
                "$type",
                self.pick(&["number".into(), "array".into(), 2.into(), 16.into(), (-1).into(), "null".into()]),
            ),
            15 => ("$mod", Bson::Array(self.pick(&[[2, 1], [2, 0], [0, 1]]).map(Bson::Int32).to_vec())),
            16 => ("$all", list(self)),
            17 => ("$regex", self.pick(&["a", "^A", "b$", "."]).into()),
            18 => ("$regex", 5.into()),
            19 => ("$frob", 5.into()),
            20 => ("$all", vec![self.scalar()].into()),
            21 => ("$in", vec![self.scalar()].into()),
            22 | 23 => ("$not", Bson::Document([self.operator(depth - 1)].into_iter().collect())),
            24 | 25 => ("$elemMatch", Bson::Document(self.filter(depth - 1))),
            26 => ("$elemMatch", Bson::Document([self.operator(depth - 1)].into_iter().collect())),
            _ => ("$all", vec![Bson::Document(doc! { "$elemMatch": self.filter(depth - 1) })].into()),
        };
        (name.to_owned(), operand)
    }

    /// A projection in which nested objects stand for paths, now and then one that both includes and excludes.
    pub(crate) fn nested_projection(&mut self, include: bool) -> Bson {
        let depth = self.pick(&[1, 1, 2]);
        self.projected(include, depth)
    }

    fn projected(&mut self, include: bool, depth: usize) -> Bson {
        if depth == 0 {
            return Bson::Int32(i32::from(include != self.one_in(20)));
        }
        (0..self.pick(&[1, 1, 2]))
            .map(|_| (self.path(), self.projected(include, depth - 1)))
            .collect::<Document>()
            .into()
    }

    /// A key by which documents are grouped: a path, or an object of several.
    pub(crate) fn group_key(&mut self) -> Bson {
        if self.one_in(3) {
            return format!("${}", self.path()).into();
        }
        let mut key = Document::new();
        for _ in 0..self.pick(&[1, 2, 2, 3]) {
            let member = match self.below(8) {
                0 => doc! { self.name(): format!("${}", self.path()) }.into(),
                1 => doc! { "$literal": self.value(1) }.into(),
                2 if self.one_in(4) => 1.into(),
                _ => Bson::from(format!("${}", self.path())),
            };
            key.insert(self.name(), member);
        }
        key.into()
    }

    /// An expression that seldom fails.
    pub(crate) fn expression(&mut self, depth: usize) -> Bson {
        if depth == 0 {
            return match self.below(4) {
                0 => doc! { "$literal": self.value(1) }.into(),
                _ => format!("${}", self.path()).into(),
            };
        }
        if self.one_in(12) {
            let date = doc! { "$literal": DateTime::from_millis(self.pick(&[0, 1, -1])) };
            let by = self.pick(&[0.5, 1.5, 1.6, 2.5, -0.5, -1.4, -1.5, -2.6, f64::NAN, 1e19]);
            let by = if self.one_in(4) {
                Bson::Decimal128(self.pick(&["0.5", "1.5", "2.6", "-1.5"]).parse().unwrap())
            } else {
                by.into()
            };
            return doc! { self.pick(&["$add", "$subtract"]): [date, by] }.into();
        }
        let name = self.pick(&[
            "$eq",
            "$ne",
            "$gt",
            "$gte",
            "$lt",
            "$lte",
            "$cmp",
            "$and",
            "$or",
            "$not",
            "$type",
            "$isArray",
            "$isNumber",
            "$ifNull",
            "$cond",
            "$mergeObjects",
            "$sum",
            "$max",
            "$min",
            "$avg",
            "$size",
            "$add",
            "$subtract",
            "$objectToArray",
            "$concatArrays",
        ]);
        let count = match name {
            "$not" | "$type" | "$isArray" | "$isNumber" | "$size" | "$objectToArray" => 1,
            "$mergeObjects" | "$sum" | "$max" | "$min" | "$avg" => self.pick(&[1, 1, 2]),
            "$cond" => 3,
            _ => 2,
        };
        let operands: Vec<Bson> = (0..count).map(|_| self.expression(depth - 1)).collect();
        doc! { name: operands }.into()
    }

    /// A filter without `$expr`. The server evaluates expressions without fields before it looks at any document, and conditions in
    /// an order of its own, so that whether one fails is not the same here and there.
    pub(crate) fn filter_of_fields(&mut self, depth: usize) -> Document {
        loop {
            let filter = self.filter(depth);
            if !format!("{filter:?}").contains("$expr") {
                return filter;
            }
        }
    }

    /// A filter, now and then a malformed one.
    pub(crate) fn filter(&mut self, depth: usize) -> Document {
        let count = self.pick(&[0, 1, 1, 1, 2]);
        (0..count)
            .map(|_| match self.below(if depth == 0 { 6 } else { 8 }) {
                4 => ("$comment".to_owned(), self.scalar()),
                // Only at the top: elsewhere it is refused, and both refuse it.
                5 if depth > 0 => ("$expr".to_owned(), self.expression(2)),
                6 | 7 => {
                    let name = self.pick(&["$and", "$or", "$nor"]).to_owned();
                    let count = self.pick(&[1, 1, 2, 2, 0]);
                    let parts: Vec<Bson> = (0..count).map(|_| self.filter(depth - 1).into()).collect();
                    (name, parts.into())
                }
                _ => (self.path(), self.condition(depth)),
            })
            .collect()
    }
}
