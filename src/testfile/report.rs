use serde_json::Value;

/// The results of the cases in a file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The names and results of the cases, in order.
    pub cases: Vec<(String, CaseResult)>,
}

/// The result of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseResult {
    /// The result is as expected.
    Passed,
    /// The result differs.
    Failed {
        /// The expected result.
        expected: Value,
        /// The actual result.
        got: Value,
    },
}

impl Report {
    /// The number of passed cases.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|(_, outcome)| *outcome == CaseResult::Passed).count()
    }

    /// The number of failed cases.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.cases.len() - self.passed()
    }

    /// The cases that failed: name, expected result and actual result.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Value, &Value)> {
        self.cases.iter().filter_map(|(name, outcome)| match outcome {
            CaseResult::Passed => None,
            CaseResult::Failed { expected, got } => Some((name.as_str(), expected, got)),
        })
    }
}
