use serde_json::Value;

/// How the cases of a file came out.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The cases in order, each with its outcome.
    pub cases: Vec<(String, CaseResult)>,
}

/// How one case came out.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseResult {
    /// As expected.
    Passed,
    /// Otherwise.
    Failed {
        /// What was expected.
        expected: Value,
        /// What came.
        got: Value,
    },
}

impl Report {
    /// How many cases came out as expected.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|(_, outcome)| *outcome == CaseResult::Passed).count()
    }

    /// How many did not.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.len() - self.passed()
    }

    /// The cases that did not come out as expected: name, what was expected, what came.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Value, &Value)> {
        self.cases.iter().filter_map(|(name, outcome)| match outcome {
            CaseResult::Passed => None,
            CaseResult::Failed { expected, got } => Some((name.as_str(), expected, got)),
        })
    }
}
