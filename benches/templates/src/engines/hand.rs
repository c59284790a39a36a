//! Code written for just these templates: bytes, one after the other, from the user's document.

use std::io::Write;

use bson::{Bson, Document};

use super::{Contender, Output};
use crate::race::Race;
use crate::users::User;

pub(super) const CONTENDER: Contender = Contender { engine: "hand-written", outputs: &Output::ALL, race };

fn race(output: Output, race: &mut Race) {
    let user = |user: &User| User { id: user.id.clone(), custom_data: user.custom_data.clone() };
    match output {
        Output::Json => race.run(user, json),
        Output::Bson => race.run(user, bson),
        Output::Text => race.run(user, text),
    }
}

fn field<'d>(document: &'d Document, name: &str) -> &'d str {
    document.get_str(name).expect("a string")
}

/// What a JSON string needs escaped is seldom there: what stands between is copied at once.
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

fn json(user: &User, out: &mut Vec<u8>) {
    let data = &user.custom_data;
    let address = data.get_document("address").expect("a document");
    out.extend_from_slice(br#"{"owner":""#);
    escaped(&user.id, out);
    out.extend_from_slice(br#"","profile":{"team":""#);
    escaped(field(data, "team"), out);
    out.extend_from_slice(br#"","grade":"#);
    write!(out, "{}", data.get_i32("grade").expect("a number")).expect("memory");
    out.extend_from_slice(br#","address":{"street":""#);
    escaped(field(address, "street"), out);
    out.extend_from_slice(br#"","zip":""#);
    escaped(field(address, "zip"), out);
    out.extend_from_slice(br#"","city":""#);
    escaped(field(address, "city"), out);
    out.extend_from_slice(br#""}},"readers":["#);
    for (at, team) in data.get_array("teams").expect("an array").iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
        escaped(team.as_str().expect("a string"), out);
        out.push(b'"');
    }
    out.extend_from_slice(br#"],"title":"Report of "#);
    escaped(field(data, "name"), out);
    out.extend_from_slice(br#"","place":""#);
    escaped(field(data, "site"), out);
    out.extend_from_slice(b", ");
    escaped(field(address, "zip"), out);
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

fn document(kind: u8, name: &[u8], out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    out.extend_from_slice(name);
    whole(out, fill);
}

fn whole(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    out.push(0);
    let length = (out.len() - start) as i32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn bson(user: &User, out: &mut Vec<u8>) {
    let data = &user.custom_data;
    let address = data.get_document("address").expect("a document");
    whole(out, |out| {
        string(b"owner\0", &[&user.id], out);
        document(3, b"profile\0", out, |out| {
            string(b"team\0", &[field(data, "team")], out);
            int(b"grade\0", data.get_i32("grade").expect("a number"), out);
            document(3, b"address\0", out, |out| {
                string(b"street\0", &[field(address, "street")], out);
                string(b"zip\0", &[field(address, "zip")], out);
                string(b"city\0", &[field(address, "city")], out);
            });
        });
        document(4, b"readers\0", out, |out| {
            for (at, team) in data.get_array("teams").expect("an array").iter().enumerate() {
                let Bson::String(team) = team else { panic!("a team is a string") };
                assert!(at < 10, "one digit");
                string(&[b'0' + at as u8, 0], &[team], out);
            }
        });
        string(b"title\0", &["Report of ", field(data, "name")], out);
        string(b"place\0", &[field(data, "site"), ", ", field(address, "zip")], out);
        int(b"version\0", 3, out);
    });
}

fn text(user: &User, out: &mut Vec<u8>) {
    let data = &user.custom_data;
    let address = data.get_document("address").expect("a document");
    for part in [
        "Dear ",
        field(data, "name"),
        ",\n\nyour account ",
        &user.id,
        " now belongs to team ",
        field(data, "team"),
        " at ",
        field(data, "site"),
        ", with grade ",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
    write!(out, "{}", data.get_i32("grade").expect("a number")).expect("memory");
    for part in [
        ".\nWe write to you at ",
        field(address, "street"),
        ", ",
        field(address, "zip"),
        " ",
        field(address, "city"),
        ".\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
}
