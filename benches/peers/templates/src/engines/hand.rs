//! Code written for just these templates, which writes bytes one after the other: either from the user's document, in
//! which it has to look up the fields and check their types, or from a struct, for which all of that is known at
//! compile time.

use std::io::Write;

use bson::Document;

use super::{Contender, Output};
use crate::users::User;

pub(super) const FROM_DOCUMENT: Contender = Contender {
    engine: "hand-written",
    variant: Some("from the document"),
    outputs: &Output::ALL,
    race: |output, race| {
        let user = |user: User| (user.custom_data(), user.id);
        match output {
            Output::Json => race.run(user, |(data, id), out| json(&Fields::of(id, data), out)),
            Output::Bson => race.run(user, |(data, id), out| bson(&Fields::of(id, data), out)),
            Output::Text => race.run(user, |(data, id), out| text(&Fields::of(id, data), out)),
        }
    },
};

pub(super) const FROM_STRUCT: Contender = Contender {
    engine: "hand-written",
    variant: Some("from a struct"),
    outputs: &Output::ALL,
    race: |output, race| match output {
        Output::Json => race.run(|user| user, json),
        Output::Bson => race.run(|user| user, bson),
        Output::Text => race.run(|user| user, text),
    },
};

/// The values that the templates use.
trait Asked {
    fn id(&self) -> &str;
    fn name(&self) -> &str;
    fn team(&self) -> &str;
    fn site(&self) -> &str;
    fn street(&self) -> &str;
    fn zip(&self) -> &str;
    fn city(&self) -> &str;
    fn grade(&self) -> i32;
    fn each_team(&self, visit: impl FnMut(&str));
}

/// A user's document, with the address already looked up.
struct Fields<'u> {
    id: &'u str,
    data: &'u Document,
    address: &'u Document,
}

impl<'u> Fields<'u> {
    fn of(id: &'u str, data: &'u Document) -> Self {
        Self { id, data, address: data.get_document("address").expect("a document") }
    }
}

fn field<'d>(document: &'d Document, name: &str) -> &'d str {
    document.get_str(name).expect("a string")
}

impl Asked for Fields<'_> {
    fn id(&self) -> &str {
        self.id
    }

    fn name(&self) -> &str {
        field(self.data, "name")
    }

    fn team(&self) -> &str {
        field(self.data, "team")
    }

    fn site(&self) -> &str {
        field(self.data, "site")
    }

    fn street(&self) -> &str {
        field(self.address, "street")
    }

    fn zip(&self) -> &str {
        field(self.address, "zip")
    }

    fn city(&self) -> &str {
        field(self.address, "city")
    }

    fn grade(&self) -> i32 {
        self.data.get_i32("grade").expect("a number")
    }

    fn each_team(&self, mut visit: impl FnMut(&str)) {
        let teams = self.data.get_array("teams").expect("an array");
        teams.iter().for_each(|team| visit(team.as_str().expect("a string")));
    }
}

impl Asked for User {
    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> &str {
        self.name
    }

    fn team(&self) -> &str {
        self.team
    }

    fn site(&self) -> &str {
        self.site
    }

    fn street(&self) -> &str {
        &self.address.street
    }

    fn zip(&self) -> &str {
        &self.address.zip
    }

    fn city(&self) -> &str {
        self.address.city
    }

    fn grade(&self) -> i32 {
        self.grade
    }

    fn each_team(&self, visit: impl FnMut(&str)) {
        self.teams.iter().copied().for_each(visit);
    }
}

/// Characters that JSON escapes are rare, so the stretches between them are copied as a whole.
fn escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => write!(out, "\\u{byte:04x}").expect("memory"),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn json(user: &impl Asked, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"owner":""#);
    escaped(user.id(), out);
    out.extend_from_slice(br#"","profile":{"team":""#);
    escaped(user.team(), out);
    out.extend_from_slice(br#"","grade":"#);
    write!(out, "{}", user.grade()).expect("memory");
    out.extend_from_slice(br#","address":{"street":""#);
    escaped(user.street(), out);
    out.extend_from_slice(br#"","zip":""#);
    escaped(user.zip(), out);
    out.extend_from_slice(br#"","city":""#);
    escaped(user.city(), out);
    out.extend_from_slice(br#""}},"readers":["#);
    let mut before: &[u8] = b"\"";
    user.each_team(|team| {
        out.extend_from_slice(before);
        escaped(team, out);
        out.push(b'"');
        before = b",\"";
    });
    out.extend_from_slice(br#"],"title":"Report of "#);
    escaped(user.name(), out);
    out.extend_from_slice(br#"","place":""#);
    escaped(user.site(), out);
    out.extend_from_slice(b", ");
    escaped(user.zip(), out);
    out.extend_from_slice(br#"","version":3}"#);
}

fn string(name: &[u8], parts: &[&str], out: &mut Vec<u8>) {
    out.push(2);
    out.extend_from_slice(name);
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&(length as i32 + 1).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.push(0);
}

fn int(name: &[u8], number: i32, out: &mut Vec<u8>) {
    out.push(16);
    out.extend_from_slice(name);
    out.extend_from_slice(&number.to_le_bytes());
}

fn container(kind: u8, name: &[u8], out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    out.extend_from_slice(name);
    document(out, fill);
}

fn document(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    out.push(0);
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn bson(user: &impl Asked, out: &mut Vec<u8>) {
    document(out, |out| {
        string(b"owner\0", &[user.id()], out);
        container(3, b"profile\0", out, |out| {
            string(b"team\0", &[user.team()], out);
            int(b"grade\0", user.grade(), out);
            container(3, b"address\0", out, |out| {
                string(b"street\0", &[user.street()], out);
                string(b"zip\0", &[user.zip()], out);
                string(b"city\0", &[user.city()], out);
            });
        });
        container(4, b"readers\0", out, |out| {
            let mut index = b'0';
            user.each_team(|team| {
                assert!(index <= b'9', "one digit");
                string(&[index, 0], &[team], out);
                index += 1;
            });
        });
        string(b"title\0", &["Report of ", user.name()], out);
        string(b"place\0", &[user.site(), ", ", user.zip()], out);
        int(b"version\0", 3, out);
    });
}

fn text(user: &impl Asked, out: &mut Vec<u8>) {
    let mut texts = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    texts(&["Dear ", user.name(), ",\n\nyour account ", user.id(), " now belongs to team ", user.team()]);
    texts(&[" at ", user.site(), ", with grade "]);
    write!(out, "{}", user.grade()).expect("memory");
    let mut texts = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    texts(&[".\nWe write to you at ", user.street(), ", ", user.zip(), " ", user.city(), ".\n"]);
}
