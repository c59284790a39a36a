//! Every engine gives the same answers, in whatever form a document comes.

use crate::cells::{Cell, Run};
use crate::decisions::{Decision, Tier};
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
fn what_is_visible_is_as_long_by_hand_as_by_rules() {
    for tier in [Tier::Prepared, Tier::Bson] {
        agree(&answers(Decision::B, tier, true));
    }
}
