use std::collections::HashSet;

use super::LintInfo;
use super::catalogue::{FIELD_READS_DEAD, WRITE_SHOWS_ALL};
use crate::text::{Finding, Span};

/// Collects findings; duplicates at the same position are dropped.
#[derive(Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    seen: HashSet<(&'static str, Span)>,
}

impl Report {
    pub(super) fn add(&mut self, lint: LintInfo, span: Span, message: impl Into<String>, help: impl Into<String>) {
        if self.seen.insert((lint.code, span)) {
            let help = Some(help.into()).filter(|help: &String| !help.is_empty());
            self.findings.push(Finding {
                severity: lint.severity,
                code: lint.code,
                message: message.into(),
                span,
                help,
            });
        }
    }

    /// The findings in source order.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        // Whatever reveals a field whose rule is never evaluated, the cause is the same and reported once.
        let dead = |span| self.seen.contains(&(FIELD_READS_DEAD.code, span));
        self.findings.retain(|finding| finding.code != WRITE_SHOWS_ALL.code || !dead(finding.span));
        self.findings.sort_by_key(|finding| (finding.span, finding.code));
        self.findings
    }
}
