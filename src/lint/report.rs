use std::collections::HashSet;

use super::LintInfo;
use super::catalogue::{FIELD_READS_DEAD, WRITE_SHOWS_ALL};
use crate::text::{Finding, Span};

/// Collects findings and drops duplicates at the same position.
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
        // A field rule that is never evaluated is reported once, even if it also causes the field to be shown.
        let dead = |span| self.seen.contains(&(FIELD_READS_DEAD.code, span));
        self.findings.retain(|finding| finding.code != WRITE_SHOWS_ALL.code || !dead(finding.span));
        self.findings.sort_by_key(|finding| (finding.span, finding.code));
        self.findings
    }
}
