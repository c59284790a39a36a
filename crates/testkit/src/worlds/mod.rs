//! The law of two worlds: for any rules, any user and any request, two collections that differ only in what this user
//! may not read return the same answer: the same documents in the same order, the same counts, the same errors. After
//! a write, what the user can read is again the same in both. The exceptions are defined by
//! [`verdict::is_told_rightly`].
//!
//! The second world is made by changes that [`Guard::read`] does not show: of fields, elements, types, sizes,
//! positions of fields, or whole documents. A leak is printed as rules, user, both collections and request, after
//! shrinking.
//!
//! `PORTCULLIS_WORLDS_CASES` is the number of policies, `PORTCULLIS_WORLDS_FIRST` and `PORTCULLIS_WORLDS_SEED` select
//! which ones, and `PORTCULLIS_WORLDS_SHOWN` is the number of leaks after which the search ends.
//!
//! [`Guard::read`]: portcullis::Guard::read

use std::env;

use bson::Document;
use portcullis::BoxFuture;
use portcullis::store::documents::{self as stored, Namespace};
use serde_json::{Value as Json, json};

mod ask;
mod choices;
mod documents;
mod moved;
mod pipelines;
mod policies;
mod reads;
mod scene;
mod shrink;
mod tally;
mod updates;
mod verdict;

use ask::{Kind, Request};
use choices::Choices;
pub use scene::Ground;
use scene::{Extent, Eyes, Scene, Seen, same_documents, worlds};
use tally::Tally;
use verdict::{Verdict, fill, verdict};

use crate::naive;

/// Where the two collections are stored.
pub trait Base: Sync {
    fn kind(&self) -> Store;

    /// The store and the namespace of world 0 or 1.
    fn world(&self, number: usize) -> (&dyn stored::DocumentStore, &Namespace);

    /// Recreates a world with these documents, in this order. Fails if they violate the constraints of `ground`.
    fn fill<'a>(
        &'a self,
        number: usize,
        documents: &'a [Document],
        ground: &'a Ground,
    ) -> BoxFuture<'a, Result<(), String>>;

    /// All documents of a world, in natural order.
    fn stored(&self, number: usize) -> BoxFuture<'_, Vec<Document>>;
}

/// The store under test.
#[allow(dead_code, reason = "each test binary has one of them")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Embedded,
    MongoDb,
}

/// The number of cases.
#[derive(Clone, Copy)]
pub struct Effort {
    /// The number of policies.
    pub policies: usize,
    /// The number of requests of each kind under each policy.
    pub reads: usize,
    pub pipelines: usize,
    pub writes: usize,
}

impl Effort {
    fn asked(self) -> Self {
        let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
        Self { policies: number("PORTCULLIS_WORLDS_CASES").unwrap_or(self.policies), ..self }
    }
}

/// The factor by which the environment increases the usual number of policies.
#[allow(dead_code, reason = "the tests of one store have no limit of time")]
pub fn factor(usual: usize) -> u32 {
    let asked = Effort { policies: usual, reads: 0, pipelines: 0, writes: 0 }.asked().policies;
    u32::try_from(asked.div_ceil(usual)).unwrap()
}

fn seed() -> u64 {
    env::var("PORTCULLIS_WORLDS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The number of leaks after which the search ends.
fn shown() -> usize {
    env::var("PORTCULLIS_WORLDS_SHOWN").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Tries to tell two worlds apart, and fails if any request does.
pub async fn no_request_distinguishes_two_worlds<B: Base>(base: &B, effort: Effort) {
    let effort = effort.asked();
    let mut trying =
        Trying { base, effort, tally: Tally::default(), leaks: Vec::new(), pipelines: pipelines::Pipelines::new() };
    let first = env::var("PORTCULLIS_WORLDS_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for number in first..first + effort.policies {
        let mut choices = Choices::new(seed().wrapping_mul(1_000_003).wrapping_add(u64::try_from(number).unwrap()));
        match number % 5 {
            4 => trying.foreign(&mut choices).await,
            _ => trying.own(&mut choices).await,
        }
        if trying.leaks.len() >= shown() {
            break;
        }
    }
    let Trying { tally, leaks, .. } = trying;
    println!("{tally}");
    assert!(leaks.is_empty(), "{} leaks:\n\n{}", leaks.len(), leaks.join("\n\n"));
    tally.assert_enough(base.kind());
}

struct Trying<'b, B: Base> {
    base: &'b B,
    effort: Effort,
    tally: Tally,
    leaks: Vec<String>,
    pipelines: pipelines::Pipelines,
}

impl<B: Base> Trying<'_, B> {
    /// Uses a policy generated for other tests, with all kinds of conditions and hostile documents. It is used for
    /// reads only, since its write permissions may depend on hidden data.
    async fn foreign(&mut self, choices: &mut Choices) {
        let file = naive::generate::reads(u64::try_from(choices.below(1_000_000)).unwrap());
        let policies = file["policies"].as_array().unwrap();
        let rules = choices.pick(policies);
        let user = file["users"][choices.pick(&["u0", "u1", "u2"])].clone();
        let mut context = json!({});
        for part in ["values", "environment", "request", "functions"] {
            if let Some(value) = file.get(part) {
                context[part] = value.clone();
            }
        }
        let documents = file["documents"].as_array().unwrap().iter().filter_map(scene::document).take(8).collect();
        self.scene(choices, context, rules, user, Extent::Reads, documents).await;
    }

    async fn own(&mut self, choices: &mut Choices) {
        let rules = policies::policy(choices);
        let documents = (0..choices.pick(&[2, 4, 6, 8]))
            .map(|id| scene::document(&documents::document(choices, &json!(id))).unwrap())
            .collect();
        self.scene(choices, json!({}), rules, policies::user(), Extent::Writes, documents).await;
    }

    async fn scene(
        &mut self,
        choices: &mut Choices,
        context: Json,
        rules: Json,
        user: Json,
        extent: Extent,
        documents: Vec<Document>,
    ) {
        let Some(eyes) = Eyes::new(&context, &rules, &user, extent) else { return };
        let worlds = worlds(choices, &eyes, documents);
        let mut scene = Scene { context, rules, user, extent, ground: Ground::new(choices), worlds };
        if !scene.is_fair(&eyes) {
            return;
        }
        self.tally.policies += 1;
        self.measure(&scene, &eyes);
        fill(self.base, &mut scene).await;
        let leaks = self.leaks.len();
        for _ in 0..self.effort.reads {
            let request = reads::read(choices);
            self.ask(&mut scene, &eyes, &request).await;
            if self.leaks.len() > leaks {
                break;
            }
        }
        for _ in 0..self.effort.pipelines {
            let request = self.pipelines.request(choices);
            self.ask(&mut scene, &eyes, &request).await;
            if self.leaks.len() > leaks {
                break;
            }
        }
        let leaks = self.leaks.len();
        if extent == Extent::Reads {
            return;
        }
        let (first, writable) = (scene.clone(), policies::writable(&scene.rules));
        let mut is_new = true;
        for _ in 0..self.effort.writes {
            if !is_new && choices.chance(20) {
                scene = first.clone();
                fill(self.base, &mut scene).await;
            }
            let request = updates::request(choices, &writable);
            is_new = self.ask(&mut scene, &eyes, &request).await;
            // A leak would probably occur again; the next policy may reveal another one.
            if self.leaks.len() > leaks {
                return;
            }
        }
    }

    fn measure(&mut self, scene: &Scene, eyes: &Eyes) {
        let [one, other] = &scene.worlds;
        let visible = |world: &[Document]| -> Vec<Document> {
            world.iter().filter(|document| eyes.see(document) != Seen::Nothing).cloned().collect()
        };
        let (one_visible, other_visible) = (visible(one), visible(other));
        self.tally.documents += one.len();
        self.tally.different += one_visible.iter().zip(&other_visible).filter(|(one, other)| one != other).count();
        self.tally.different +=
            one.iter().filter(|document| eyes.see(document) == Seen::Nothing && !other.contains(document)).count();
        let id = |document: &Document| document.get("_id").cloned();
        let extra = |of: &[Document], from: &[Document]| {
            of.iter().filter(|document| !from.iter().any(|other| id(document) == id(other))).count()
        };
        self.tally.extra += extra(one, other) + extra(other, one);
    }

    /// Performs a request and returns whether the worlds are unchanged.
    async fn ask(&mut self, scene: &mut Scene, eyes: &Eyes, request: &Json) -> bool {
        let parsed = match Request::parse(request) {
            Ok(parsed) => parsed,
            // A request that is refused regardless of the stored documents reveals nothing.
            Err(error) => {
                self.tally.count(request, &ask::Answer { kind: Kind::Refused, text: error.to_string() });
                return true;
            }
        };
        let before = scene.clone();
        let verdict = verdict(self.base, scene, eyes, request, &parsed).await;
        match verdict {
            Verdict::Same(answer) => self.tally.count(request, &answer),
            Verdict::Unsteady(answer) => {
                self.tally.unsteady += 1;
                self.tally.count(request, &answer);
            }
            Verdict::Told => {
                self.tally.count_told(request);
                *scene = before.clone();
                fill(self.base, scene).await;
            }
            Verdict::Differs { answers } => {
                let leak = shrink::reproduction(self.base, &before, request, answers).await;
                eprintln!("at request {} under policy {}: {leak}\n", self.tally.asked() + 1, self.tally.policies);
                self.leaks.push(leak);
                *scene = before.clone();
                fill(self.base, scene).await;
            }
        }
        (0..2).all(|world| same_documents(&scene.worlds[world], &before.worlds[world]))
    }
}
