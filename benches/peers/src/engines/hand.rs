//! Rust code written by hand for the same rules: with the BSON library field by field, or in one pass over the bytes.

use bson::{Bson, Document, RawArray, RawBsonRef, RawDocument, RawDocumentBuf};

use super::{Contender, REDACTION, everything, only_bson};
use crate::clock::Stopwatch;
use crate::decisions::{Answer, Decision, NO_ROLE, Tier, answer, is_allowed, user};
use crate::documents::Documents;
use crate::fields::Fields;
use crate::versions::HAND_WRITTEN;

pub(super) fn redacts(decision: Decision, tier: Tier) -> bool {
    decision == Decision::B && tier != Tier::Json
}

pub(super) fn contenders() -> Vec<Contender> {
    let plain = Contender { engine: HAND_WRITTEN, variant: None, prepared_bytes: 4_000, runs: everything, race };
    vec![
        Contender { variant: Some("one pass"), runs: only_bson, race: race_in_one_pass, ..plain },
        Contender { variant: Some(REDACTION), runs: redacts, race: redact, ..plain },
        plain,
    ]
}

/// The fields that the rules use, whatever the form of the document.
trait Employee {
    fn owner(&self) -> Option<&str>;
    fn team(&self) -> Option<&str>;
    fn site(&self) -> Option<&str>;
    fn status(&self) -> Option<&str>;
    fn age(&self) -> Option<i32>;
    fn has_member(&self, id: &str) -> bool;
}

/// The user, with everything that does not depend on a document computed once.
struct User {
    id: &'static str,
    team: &'static str,
    site: &'static str,
    teams: Vec<&'static str>,
    administers: bool,
    inspects: bool,
    edits: bool,
    is_editor: bool,
    views: bool,
    has_grade: bool,
}

impl User {
    fn bind() -> Self {
        let role = std::hint::black_box(user::ROLE);
        Self {
            id: user::ID,
            team: user::TEAM,
            site: user::SITE,
            teams: user::TEAMS.to_vec(),
            administers: role == "admin",
            inspects: role == "inspector",
            edits: matches!(role, "editor" | "admin"),
            is_editor: role == "editor",
            views: matches!(role, "editor" | "viewer"),
            has_grade: std::hint::black_box(user::GRADE) >= 3,
        }
    }

    fn a(&self, document: &impl Employee) -> bool {
        (self.edits && document.owner() == Some(self.id)) || document.has_member(self.id)
    }

    fn b(&self, document: &impl Employee) -> Answer {
        let status = document.status();
        let is_live = matches!(status, Some("active" | "pending"));
        if self.administers && document.site() == Some(self.site) {
            return answer(0, status != Some("gone"));
        }
        if self.inspects && status == Some("gone") {
            return answer(1, document.age() >= Some(18));
        }
        if self.edits && document.owner() == Some(self.id) {
            return answer(2, is_live);
        }
        let (team, site) = (document.team(), document.site());
        if self.is_editor && team == Some(self.team) && site == Some(self.site) {
            return answer(3, status == Some("active"));
        }
        if self.is_editor && document.has_member(self.id) {
            return answer(4, is_live);
        }
        if self.has_grade && site == Some(self.site) {
            return answer(5, document.age() >= Some(40));
        }
        if self.has_grade && team.is_some_and(|team| self.teams.contains(&team)) {
            return answer(6, status == Some("active"));
        }
        if self.views && document.age() >= Some(55) {
            return answer(7, status == Some("gone"));
        }
        NO_ROLE
    }

    fn c(&self, before: &impl Employee, after: &impl Employee) -> Answer {
        let role = match () {
            () if self.edits && before.owner() == Some(self.id) => 0,
            () if before.has_member(self.id) => 1,
            () => return NO_ROLE,
        };
        answer(role, before.owner() == after.owner() && before.site() == after.site())
    }

    /// Decision (a) in one pass over the bytes, which stops as early as possible.
    fn a_in_one_pass(&self, document: &RawDocument) -> bool {
        let mut left = 2;
        for element in document.iter_elements() {
            let Ok(element) = element else { return false };
            let holds = match (element.key().as_str(), element.value()) {
                ("owner", Ok(RawBsonRef::String(owner))) => self.edits && owner == self.id,
                ("members", Ok(RawBsonRef::Array(members))) => has(members, self.id),
                _ => continue,
            };
            left -= 1;
            if holds || left == 0 {
                return holds;
            }
        }
        false
    }
}

fn has(members: &RawArray, id: &str) -> bool {
    members.into_iter().any(|member| matches!(member, Ok(RawBsonRef::String(member)) if member == id))
}

/// Looks up one field after the other.
impl Employee for RawDocument {
    fn owner(&self) -> Option<&str> {
        self.get_str("owner").ok()
    }

    fn team(&self) -> Option<&str> {
        self.get_str("team").ok()
    }

    fn site(&self) -> Option<&str> {
        self.get_str("site").ok()
    }

    fn status(&self) -> Option<&str> {
        self.get_str("status").ok()
    }

    fn age(&self) -> Option<i32> {
        self.get_i32("age").ok()
    }

    fn has_member(&self, id: &str) -> bool {
        self.get_array("members").is_ok_and(|members| has(members, id))
    }
}

impl Employee for Document {
    fn owner(&self) -> Option<&str> {
        self.get_str("owner").ok()
    }

    fn team(&self) -> Option<&str> {
        self.get_str("team").ok()
    }

    fn site(&self) -> Option<&str> {
        self.get_str("site").ok()
    }

    fn status(&self) -> Option<&str> {
        self.get_str("status").ok()
    }

    fn age(&self) -> Option<i32> {
        self.get_i32("age").ok()
    }

    fn has_member(&self, id: &str) -> bool {
        let is_id = |member: &Bson| matches!(member, Bson::String(member) if member == id);
        self.get_array("members").is_ok_and(|members| members.iter().any(is_id))
    }
}

/// The fields of a document as found in one pass over its bytes.
#[derive(Default)]
struct Seen<'d> {
    owner: Option<&'d str>,
    team: Option<&'d str>,
    site: Option<&'d str>,
    status: Option<&'d str>,
    age: Option<i32>,
    members: Option<&'d RawArray>,
}

impl<'d> Seen<'d> {
    /// Reads until all of these fields have been found.
    fn new(document: &'d RawDocument, fields: &[&str]) -> Self {
        let mut seen = Self::default();
        let mut left = fields.len();
        for element in document.iter_elements() {
            let Ok(element) = element else { break };
            match (element.key().as_str(), element.value()) {
                ("owner", Ok(RawBsonRef::String(owner))) => seen.owner = Some(owner),
                ("team", Ok(RawBsonRef::String(team))) => seen.team = Some(team),
                ("site", Ok(RawBsonRef::String(site))) => seen.site = Some(site),
                ("status", Ok(RawBsonRef::String(status))) => seen.status = Some(status),
                ("age", Ok(RawBsonRef::Int32(age))) => seen.age = Some(age),
                ("members", Ok(RawBsonRef::Array(members))) => seen.members = Some(members),
                _ => continue,
            }
            if fields.contains(&element.key().as_str()) {
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        seen
    }
}

impl Employee for Seen<'_> {
    fn owner(&self) -> Option<&str> {
        self.owner
    }

    fn team(&self) -> Option<&str> {
        self.team
    }

    fn site(&self) -> Option<&str> {
        self.site
    }

    fn status(&self) -> Option<&str> {
        self.status
    }

    fn age(&self) -> Option<i32> {
        self.age
    }

    fn has_member(&self, id: &str) -> bool {
        self.members.is_some_and(|members| has(members, id))
    }
}

/// An application's own struct, parsed from JSON text.
impl Employee for Fields<'_> {
    fn owner(&self) -> Option<&str> {
        Some(&self.owner)
    }

    fn team(&self) -> Option<&str> {
        Some(&self.team)
    }

    fn site(&self) -> Option<&str> {
        Some(&self.site)
    }

    fn status(&self) -> Option<&str> {
        Some(&self.status)
    }

    fn age(&self) -> Option<i32> {
        Some(self.age)
    }

    fn has_member(&self, id: &str) -> bool {
        self.members.iter().any(|member| **member == *id)
    }
}

fn race(decision: Decision, tier: Tier, documents: &Documents, stopwatch: &mut Stopwatch) {
    let user = User::bind();
    let n = documents.len();
    match (decision, tier) {
        (Decision::A, Tier::Prepared) => {
            let prepared = decoded(documents);
            stopwatch.measure(n, |at| user.a(&prepared[at]).into());
        }
        (Decision::A, Tier::Bson) => stopwatch.measure(n, |at| user.a(&documents.bson(at)).into()),
        (Decision::A, Tier::Json) => stopwatch.measure(n, |at| user.a(&Fields::parse(documents.json(at))).into()),
        (Decision::B, Tier::Prepared) => {
            let prepared = decoded(documents);
            stopwatch.measure(n, |at| user.b(&prepared[at]));
        }
        (Decision::B, Tier::Bson) => stopwatch.measure(n, |at| user.b(&documents.bson(at))),
        (Decision::B, Tier::Json) => stopwatch.measure(n, |at| user.b(&Fields::parse(documents.json(at)))),
        (Decision::C, Tier::Prepared) => {
            let (before, after) = (decoded(documents), decoded_after(documents));
            stopwatch.measure(n, |at| user.c(&before[at], &after[at]));
        }
        (Decision::C, Tier::Bson) => {
            stopwatch.measure(n, |at| user.c(&documents.bson(at), &documents.bson_after(at)));
        }
        (Decision::C, Tier::Json) => stopwatch
            .measure(n, |at| user.c(&Fields::parse(documents.json(at)), &Fields::parse(documents.json_after(at)))),
    }
}

impl<E: Employee + ?Sized> Employee for &E {
    fn owner(&self) -> Option<&str> {
        (**self).owner()
    }

    fn team(&self) -> Option<&str> {
        (**self).team()
    }

    fn site(&self) -> Option<&str> {
        (**self).site()
    }

    fn status(&self) -> Option<&str> {
        (**self).status()
    }

    fn age(&self) -> Option<i32> {
        (**self).age()
    }

    fn has_member(&self, id: &str) -> bool {
        (**self).has_member(id)
    }
}

fn race_in_one_pass(decision: Decision, _: Tier, documents: &Documents, stopwatch: &mut Stopwatch) {
    let user = User::bind();
    let fields = decision.fields();
    stopwatch.measure(documents.len(), |at| match decision {
        Decision::A => user.a_in_one_pass(documents.bson(at)).into(),
        Decision::B => user.b(&Seen::new(documents.bson(at), fields)),
        Decision::C => {
            let before = Seen::new(documents.bson(at), fields);
            user.c(&before, &Seen::new(documents.bson_after(at), Decision::FIELDS_AFTER))
        }
    });
}

/// The answer if the visible part of a document is written: based on its length, and odd if there is one.
pub(super) const fn answer_of_visible(length: Option<usize>) -> Answer {
    match length {
        Some(length) => answer((length % 100) as u8, true),
        None => 0,
    }
}

/// Decision (b), with the visible part written: a decoded document for a decoded one, bytes for bytes.
fn redact(_: Decision, tier: Tier, documents: &Documents, stopwatch: &mut Stopwatch) {
    let user = User::bind();
    let n = documents.len();
    match tier {
        Tier::Prepared => {
            let prepared = decoded(documents);
            stopwatch.measure(n, |at| {
                let may = is_allowed(user.b(&prepared[at]));
                answer_of_visible(may.then(|| visible(&prepared[at]).len()))
            });
        }
        Tier::Bson => stopwatch.measure(n, |at| {
            let document = documents.bson(at);
            let may = is_allowed(user.b(&Seen::new(document, Decision::B.fields())));
            answer_of_visible(may.then(|| visible_bytes(document).as_bytes().len()))
        }),
        Tier::Json => unreachable!("redaction is timed where there are documents to write"),
    }
}

fn visible(document: &Document) -> Document {
    let mut visible = Document::new();
    for (key, value) in document {
        match key.as_str() {
            "name" | "email" | "team" | "status" => {
                visible.insert(key, value.clone());
            }
            "address" => {
                if let Some(city) = value.as_document().and_then(|address| address.get("city")) {
                    visible.insert(key, bson::doc! { "city": city.clone() });
                }
            }
            _ => {}
        }
    }
    visible
}

fn visible_bytes(document: &RawDocument) -> RawDocumentBuf {
    let mut visible = RawDocumentBuf::new();
    for element in document.iter_elements() {
        let element = element.expect("BSON");
        match (element.key().as_str(), element.value().expect("BSON")) {
            ("name" | "email" | "team" | "status", value) => visible.append(element.key(), value),
            ("address", RawBsonRef::Document(address)) => {
                let mut inner = RawDocumentBuf::new();
                if let Ok(Some(city)) = address.get("city") {
                    inner.append(bson::raw::cstr!("city"), city);
                    visible.append(element.key(), inner);
                }
            }
            _ => {}
        }
    }
    visible
}

pub(super) fn decoded(documents: &Documents) -> Vec<Document> {
    (0..documents.len()).map(|at| documents.bson(at).try_into().expect("BSON")).collect()
}

fn decoded_after(documents: &Documents) -> Vec<Document> {
    (0..documents.len()).map(|at| documents.bson_after(at).try_into().expect("BSON")).collect()
}
