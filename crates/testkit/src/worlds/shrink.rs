//! Shrinks a case that tells the worlds apart.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Base;
use super::ask::Request;
use super::scene::{Extent, Scene};
use super::verdict::{Verdict, fill, verdict};
use crate::naive;

const TIME: Duration = Duration::from_secs(25);

/// A leak as text, after shrinking.
pub async fn reproduction<B: Base>(base: &B, scene: &Scene, request: &Json, answers: [String; 2]) -> String {
    let mut subject = scene.to_json();
    subject["ask"] = request.clone();
    let mut answers = answers;
    let first = subject.clone();
    let began = Instant::now();
    let mut is_repeated = false;
    if let Some(still) = ask(base, &subject, scene.extent).await {
        (answers, is_repeated) = (still, true);
        // Repeat until no candidate differs any more.
        'pass: loop {
            let (mut at, mut is_smaller) = (0, false);
            let mut all = candidates(&subject);
            while let Some(smaller) = all.get(at) {
                if began.elapsed() > TIME {
                    break 'pass;
                }
                if let Some(still) = ask(base, smaller, scene.extent).await {
                    (answers, is_smaller) = (still, true);
                    subject = smaller.clone();
                    all = candidates(&subject);
                } else {
                    at += 1;
                }
            }
            if !is_smaller {
                break;
            }
        }
    }
    let note = if is_repeated { "" } else { " (not met again from the beginning)" };
    let subject = if is_repeated { subject } else { first };
    let lines: Vec<String> =
        subject.as_object().unwrap().iter().map(|(name, part)| format!("  {name}: {part}")).collect();
    format!(
        "the worlds can be told apart{note}:\n{}\n  one:   {}\n  other: {}",
        lines.join("\n"),
        answers[0],
        answers[1]
    )
}

/// The case without one document or a part of it in both worlds, or without one part of a single world, of the rules,
/// of the user or of the request.
fn candidates(subject: &Json) -> Vec<Json> {
    let count = |name: &str| subject.get(name).and_then(Json::as_array).map_or(0, Vec::len);
    let mut all = Vec::new();
    if count("documents") == count("others") {
        let mut pointers: Vec<String> = (0..count("documents")).map(|at| format!("/{at}")).collect();
        for (at, document) in subject["documents"].as_array().into_iter().flatten().enumerate() {
            parts(document, &format!("/{at}"), &mut pointers);
        }
        for pointer in pointers {
            let mut smaller = subject.clone();
            for world in ["documents", "others"] {
                remove(&mut smaller[world], &pointer);
            }
            all.push(smaller);
        }
    }
    let subject_with = |name: &str, part: Json| {
        let mut smaller = subject.clone();
        smaller[name] = part;
        smaller
    };
    for name in ["indexes", "unique", "validator", "values", "environment", "request", "functions"] {
        if subject.get(name).is_some() {
            let mut smaller = subject.clone();
            smaller.as_object_mut().unwrap().shift_remove(name);
            all.push(smaller);
        }
    }
    for name in ["rules", "ask", "user", "documents", "others"] {
        all.extend(naive::smaller(&subject[name]).into_iter().map(|part| subject_with(name, part)));
    }
    all
}

/// Collects JSON pointers to the parts of a document.
fn parts(json: &Json, at: &str, pointers: &mut Vec<String>) {
    match json {
        Json::Object(members) if !members.keys().next().is_some_and(|name| name.starts_with('$')) => {
            for (name, value) in members.iter().filter(|(name, _)| *name != "_id") {
                let at = format!("{at}/{name}");
                pointers.push(at.clone());
                parts(value, &at, pointers);
            }
        }
        Json::Array(elements) => {
            for (place, element) in elements.iter().enumerate() {
                let at = format!("{at}/{place}");
                pointers.push(at.clone());
                parts(element, &at, pointers);
            }
        }
        _ => {}
    }
}

fn remove(json: &mut Json, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    match json.pointer_mut(parent) {
        Some(Json::Object(members)) => drop(members.shift_remove(name)),
        Some(Json::Array(elements)) => {
            if let Ok(at) = name.parse::<usize>()
                && at < elements.len()
            {
                elements.remove(at);
            }
        }
        _ => {}
    }
}

/// The answers of the two worlds if they differ where they must not.
async fn ask<B: Base>(base: &B, subject: &Json, extent: Extent) -> Option<[String; 2]> {
    let case = subject.get("ask").filter(|case| **case != json!({}))?;
    let request = Request::parse(case).ok()?;
    let mut scene = Scene::from_json(subject, extent)?;
    let eyes = scene.eyes()?;
    if !scene.is_fair(&eyes) {
        return None;
    }
    let ground = scene.ground.clone();
    fill(base, &mut scene).await;
    if scene.ground != ground {
        return None;
    }
    match verdict(base, &mut scene, &eyes, case, &request).await {
        Verdict::Differs { answers } => Some(answers),
        _ => None,
    }
}
