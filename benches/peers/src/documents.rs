//! The documents: employees with about 405 bytes of BSON, the same in every run.

use std::fmt::Write;
use std::ops::Range;

use bson::{RawDocument, rawdoc};

use crate::decisions::user;

/// Some documents as BSON bytes or as JSON text, together with the new documents of updates if needed.
pub struct Documents {
    before: Slab,
    after: Slab,
}

/// The encoding of documents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Bson,
    Json,
}

/// Texts or byte strings in consecutive memory.
#[derive(Default)]
struct Slab {
    bytes: Vec<u8>,
    text: String,
    ends: Vec<usize>,
}

impl Slab {
    fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    fn push_text(&mut self, write: impl FnOnce(&mut String)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    fn range(&self, at: usize) -> Range<usize> {
        at.checked_sub(1).map_or(0, |previous| self.ends[previous])..self.ends[at]
    }

    fn document(&self, at: usize) -> &RawDocument {
        RawDocument::from_bytes(&self.bytes[self.range(at)]).expect("BSON")
    }

    fn text(&self, at: usize) -> &str {
        &self.text[self.range(at)]
    }
}

impl Documents {
    /// Generates the documents with these numbers; number 0 is the one that is used alone.
    pub fn generate(numbers: Range<usize>, form: Form, pairs: bool) -> Self {
        let mut documents = Self { before: Slab::default(), after: Slab::default() };
        let write = |employee: &Employee, slab: &mut Slab| match form {
            Form::Bson => slab.push_bytes(employee.bson().as_bytes()),
            Form::Json => slab.push_text(|text| employee.json(text)),
        };
        for number in numbers {
            let employee = Employee::new(number);
            write(&employee, &mut documents.before);
            if pairs {
                write(&employee.changed(), &mut documents.after);
            }
        }
        documents
    }

    pub fn len(&self) -> usize {
        self.before.ends.len()
    }

    /// A document as BSON.
    pub fn bson(&self, at: usize) -> &RawDocument {
        self.before.document(at)
    }

    /// The new document of an update.
    pub fn bson_after(&self, at: usize) -> &RawDocument {
        self.after.document(at)
    }

    pub fn json(&self, at: usize) -> &str {
        self.before.text(at)
    }

    pub fn json_after(&self, at: usize) -> &str {
        self.after.text(at)
    }
}

/// The names of all fields, including those of embedded documents.
pub const FIELDS: [&str; 15] = [
    "_id", "name", "email", "team", "site", "address", "street", "zip", "city", "owner", "status", "members", "notes",
    "age", "salary",
];

const NAMES: [&str; 8] = ["Ada", "Boris", "Chidi", "Dana", "Emre", "Freya", "Gitte", "Hamid"];
const TEAMS: [&str; 4] = ["pilots", "tugs", "locks", "survey"];
const SITES: [&str; 3] = ["Bremerhaven", "Cuxhaven", "Wilhelmshaven"];
const STATUSES: [&str; 4] = ["active", "active", "pending", "gone"];

struct Employee {
    number: usize,
    name: &'static str,
    team: &'static str,
    site: &'static str,
    owner: String,
    status: &'static str,
    members: Vec<String>,
    age: i32,
    salary: f64,
    random: Random,
}

impl Employee {
    fn new(number: usize) -> Self {
        let mut random = Random::new(number as u64);
        let mut employee = Self {
            number,
            name: random.of(&NAMES),
            team: random.of(&TEAMS),
            site: random.of(&SITES),
            owner: if random.percent() < 30 { user::ID.to_owned() } else { random.person() },
            status: random.of(&STATUSES),
            members: (0..random.below(5)).map(|_| random.person()).collect(),
            age: 18 + random.below(50) as i32,
            salary: 30_000.5 + random.below(60_000) as f64,
            random,
        };
        if employee.random.percent() < 30 {
            let at = employee.random.below(employee.members.len() as u64 + 1) as usize;
            employee.members.insert(at, user::ID.to_owned());
        }
        if number == 0 {
            // Allowed in all three decisions, and in (a) only by the last test.
            employee.owner = "64b7f0c2a1d3e4f5a6b7c8da".to_owned();
            employee.members = vec!["64b7f0c2a1d3e4f5a6b7c8db".to_owned(), user::ID.to_owned()];
            employee.team = "locks";
            employee.status = "active";
        }
        employee
    }

    /// The same employee with another salary; in a third of the cases, a field that must not change changes, too.
    fn changed(&self) -> Self {
        let mut random = self.random;
        let mut changed =
            Self { salary: self.salary + 250.0, owner: self.owner.clone(), members: self.members.clone(), ..*self };
        match random.percent() {
            _ if self.number == 0 => {}
            0..15 => changed.owner = random.person(),
            15..30 => changed.site = if self.site == SITES[0] { SITES[1] } else { SITES[0] },
            _ => {}
        }
        changed
    }

    fn id(&self) -> [u8; 12] {
        let mut id = [7; 12];
        id[4..].copy_from_slice(&(self.number as u64).to_be_bytes());
        id
    }

    fn bson(&self) -> bson::RawDocumentBuf {
        let mut members = bson::RawArrayBuf::new();
        self.members.iter().for_each(|member| members.push(member.as_str()));
        rawdoc! {
            "_id": bson::oid::ObjectId::from_bytes(self.id()),
            "name": self.name,
            "email": "kielmann@harbour.example",
            "team": self.team,
            "site": self.site,
            "address": { "street": "Am Alten Hafen 118", "zip": "27568", "city": "Bremerhaven" },
            "owner": self.owner.as_str(),
            "status": self.status,
            "members": members,
            "notes": "On call in the first week of the month.",
            "age": self.age,
            "salary": self.salary,
        }
    }

    fn json(&self, out: &mut String) {
        out.push_str(r#"{"_id":{"$oid":""#);
        self.id().iter().for_each(|byte| write!(out, "{byte:02x}").expect("memory"));
        let Self { name, team, site, owner, status, age, salary, .. } = self;
        write!(
            out,
            r#""}},"name":"{name}","email":"kielmann@harbour.example","team":"{team}","site":"{site}","address":{{"street":"Am Alten Hafen 118","zip":"27568","city":"Bremerhaven"}},"owner":"{owner}","status":"{status}","members":["#
        )
        .expect("memory");
        for (at, member) in self.members.iter().enumerate() {
            write!(out, "{}\"{member}\"", if at == 0 { "" } else { "," }).expect("memory");
        }
        write!(out, r#"],"notes":"On call in the first week of the month.","age":{age},"salary":{salary}}}"#)
            .expect("memory");
    }
}

/// A SplitMix64 generator, seeded with a document's number, so that documents do not depend on where a run begins.
#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    fn new(number: u64) -> Self {
        Self(number.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x5eed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self) -> u64 {
        self.below(100)
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// The ID of another person, which begins like the user's, as IDs of one application do.
    fn person(&mut self) -> String {
        format!("64b7f0c2{:016x}", self.next())
    }
}
