//! Tests that all engines give the same answers for every form of the documents.

use crate::cells::{Cell, Run};
use crate::decisions::{Decision, Tier};
use crate::documents::{Documents, Form};
use crate::engines::{self, REDACTION};

const DOCUMENTS: usize = 3_000;

fn answers(decision: Decision, tier: Tier, is_redaction: bool) -> Vec<(String, Run)> {
    let contenders = engines::all();
    let cells = (0..contenders.len()).map(|contender| Cell { contender, decision, tier, n: DOCUMENTS });
    let raced = cells.filter(|cell| {
        let contender = &contenders[cell.contender];
        (contender.runs)(decision, tier) && (contender.variant == Some(REDACTION)) == is_redaction
    });
    raced.map(|cell| (cell.to_string(), cell.measure())).collect()
}

fn agree(answers: &[(String, Run)]) {
    let (yardstick, expected) = &answers[0];
    assert!(
        (DOCUMENTS / 4..DOCUMENTS * 3 / 4).contains(&expected.allowed),
        "{yardstick} allows {} of {DOCUMENTS} documents: too many or too few to tell engines apart",
        expected.allowed
    );
    for (name, run) in answers {
        assert_eq!(run.allowed, expected.allowed, "{name} and {yardstick}");
        assert_eq!(run.hash, expected.hash, "{name} and {yardstick}");
    }
}

#[test]
fn every_engine_gives_the_same_answers() {
    for decision in Decision::ALL {
        agree(&Tier::ALL.into_iter().flat_map(|tier| answers(decision, tier, false)).collect::<Vec<_>>());
    }
}

#[test]
fn visible_documents_have_the_same_length_by_hand_and_by_rules() {
    for tier in [Tier::Prepared, Tier::Bson] {
        agree(&answers(Decision::B, tier, true));
    }
}

#[test]
fn a_document_has_about_405_bytes() {
    let documents = Documents::generate(0..DOCUMENTS, Form::Bson, false);
    let bytes: usize = (0..DOCUMENTS).map(|at| documents.bson(at).as_bytes().len()).sum();
    let mean = bytes / DOCUMENTS;
    assert!((395..=415).contains(&mean), "{mean} bytes");
}

#[test]
fn a_document_is_the_same_in_bson_and_in_json() {
    let (bytes, texts) = (Documents::generate(0..100, Form::Bson, true), Documents::generate(0..100, Form::Json, true));
    for at in 0..bytes.len() {
        let from_text = |text| serde_json::from_str::<bson::Document>(text).unwrap();
        assert_eq!(bson::Document::try_from(bytes.bson(at)).unwrap(), from_text(texts.json(at)));
        assert_eq!(bson::Document::try_from(bytes.bson_after(at)).unwrap(), from_text(texts.json_after(at)));
    }
}
