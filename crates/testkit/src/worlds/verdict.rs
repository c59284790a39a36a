//! Decides whether two answers tell the worlds apart.

use bson::Document;
use portcullis::Guard;
use serde_json::Value as Json;

use super::ask::{Answer, Kind, Request, answer, view};
use super::moved::only_hidden_objects_moved;
use super::scene::{Eyes, Scene, Seen, is_deletable, same_documents};
use super::{Base, Ground};

/// The result of comparing the answers to a request.
pub enum Verdict {
    Same(Answer),
    /// The answers are equal except for an order that is unspecified.
    Unsteady(Answer),
    /// The answers differ as the rules or the database permit: see [`is_told_rightly`].
    Told,
    /// The answers differ: a leak.
    Differs {
        answers: [String; 2],
    },
}

/// Performs a case's request in both worlds, which must contain the documents of the scene. After a write, the scene
/// is updated to the documents as stored.
pub async fn verdict<B: Base>(base: &B, scene: &mut Scene, eyes: &Eyes, case: &Json, request: &Request) -> Verdict {
    let guard = &eyes.guard;
    let mut answers = Vec::new();
    for number in 0..2 {
        let (store, namespace) = base.world(number);
        answers.push(answer(store, namespace, guard, request).await);
    }
    let [one, other] = &answers[..] else { panic!("two worlds") };
    if !request.writes() {
        if one.text == other.text {
            return Verdict::Same(one.clone());
        }
        if let Request::Aggregate(_) = request
            && is_unsteady(base, guard, case, request, one, other).await
        {
            return Verdict::Unsteady(one.clone());
        }
        return Verdict::Differs { answers: [one.text.clone(), other.text.clone()] };
    }
    let before = scene.worlds.clone();
    let mut views = Vec::new();
    for number in 0..2 {
        let (store, namespace) = base.world(number);
        views.push(view(store, namespace, guard).await.text);
        scene.worlds[number] = base.stored(number).await;
    }
    let [one_view, other_view] = &views[..] else { panic!("two worlds") };
    if one.text == other.text && one_view == other_view {
        return Verdict::Same(one.clone());
    }
    // A write into a hidden object, such as an empty one, reveals the object's position among the fields.
    let is_order = one.text == other.text && only_hidden_objects_moved(guard, &before, &scene.worlds);
    let told = is_order || is_told_rightly([one, other], &before, &scene.worlds, eyes);
    if told {
        return Verdict::Told;
    }
    Verdict::Differs { answers: [format!("{}then {one_view}", one.text), format!("{}then {other_view}", other.text)] }
}

/// Whether one world performed a write and the other did not, for a reason that the user may know:
/// - *the database rejected a change that the rules let this user make*, because of a duplicate key in a document that
///   he may not read, or a validator that checks hidden fields. The world that made the change reveals that he may make
///   it, since the data that write permissions depend on is the same in both. Refusals do not count, nor two failures
///   that differ.
/// - *the rules let him delete a document in one world only*: a delete requires permission to write every field, so a
///   user who may delete a document knows that it has no other fields. The document must then have been deleted; a
///   refusal of something else in the same request must not be revealed.
///
/// The world that did not perform the write must be unchanged.
fn is_told_rightly(
    answers: [&Answer; 2],
    before: &[Vec<Document>; 2],
    after: &[Vec<Document>; 2],
    eyes: &Eyes,
) -> bool {
    let (done, undone) = match (answers[0].kind, answers[1].kind) {
        (Kind::Done { some: true }, Kind::Failed | Kind::Denied) => (0, 1),
        (Kind::Failed | Kind::Denied, Kind::Done { some: true }) => (1, 0),
        _ => return false,
    };
    if !same_documents(&before[undone], &after[undone]) {
        return false;
    }
    if answers[undone].kind == Kind::Failed {
        return true;
    }
    let is_gone = |document: &&Document| !after[done].iter().any(|left| left.get("_id") == document.get("_id"));
    let readable = |world: usize| before[world].iter().filter(|document| eyes.see(document) != Seen::Nothing);
    // Documents that cannot be distinguished are in the same order.
    let pairs = readable(done).zip(readable(undone));
    pairs.filter(|(gone, _)| is_gone(gone)).any(|(_, kept)| !is_deletable(&eyes.guard, kept))
}

/// Stages and operators whose results have an unspecified order.
const UNORDERED: [&str; 5] = ["$group", "$bucket", "$sortByCount", "$addToSet", "$setUnion"];

/// How often a pipeline is repeated in each world.
const AGAIN: usize = 24;

/// Whether two answers differ only by an unspecified order, that of groups or of sets.
async fn is_unsteady<B: Base>(
    base: &B,
    guard: &Guard,
    case: &Json,
    request: &Request,
    one: &Answer,
    other: &Answer,
) -> bool {
    let text = case.to_string();
    if !UNORDERED.iter().any(|name| text.contains(&format!("\"{name}\""))) {
        return false;
    }
    let letters = |answer: &Answer| {
        let mut letters: Vec<char> = answer.text.chars().collect();
        letters.sort_unstable();
        letters
    };
    if letters(one) == letters(other) {
        return true;
    }
    // After later stages, more than the order may differ, so compare with repeated answers of the other world.
    let mut texts = [vec![one.text.clone()], vec![other.text.clone()]];
    for _ in 0..AGAIN {
        for number in 0..2 {
            let (store, namespace) = base.world(number);
            let again = answer(store, namespace, guard, request).await.text;
            if texts[1 - number].contains(&again) {
                return true;
            }
            texts[number].push(again);
        }
    }
    false
}

/// Stores both worlds. Indexes are omitted if the documents violate one: equal values in a unique index, or two
/// arrays in a compound index.
pub async fn fill<B: Base>(base: &B, scene: &mut Scene) {
    for number in 0..2 {
        if base.fill(number, &scene.worlds[number], &scene.ground).await.is_err() {
            scene.ground = Ground { validator: scene.ground.validator.clone(), ..Ground::default() };
            for number in 0..2 {
                base.fill(number, &scene.worlds[number], &scene.ground).await.expect("documents that can be stored");
            }
            return;
        }
    }
}
