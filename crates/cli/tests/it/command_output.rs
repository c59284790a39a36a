//! What a command has said, to be compared whole with a snapshot.
//!
//! `UPDATE_EXPECT=1 cargo test -p portcullis-cli` writes the snapshots anew; their diff is then to be reviewed.

use std::fmt;
use std::process::Output;

use expect_test::Expect;

/// The exit code and the two outputs of a command.
pub(crate) struct CommandOutput {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { exit: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The same with a name in the place of a text that differs from run to run.
    pub(crate) fn redacted(self, text: &str, name: &str) -> Self {
        Self { stdout: self.stdout.replace(text, name), stderr: self.stderr.replace(text, name), ..self }
    }

    /// The same without what follows one of these texts on a line of standard output, such as a token or an age.
    pub(crate) fn redacted_after(self, labels: &[&str]) -> Self {
        let redacted = |line: &str| {
            let label = labels.iter().find_map(|label| Some(line.find(label)? + label.len()));
            label.map_or_else(|| format!("{line}\n"), |end| format!("{}<redacted>\n", &line[..end]))
        };
        Self { stdout: self.stdout.lines().map(redacted).collect(), ..self }
    }

    /// What all of these have said: to be compared once, since an update writes a snapshot for each comparison.
    #[track_caller]
    pub(crate) fn alike(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().unwrap();
        all.for_each(|other| assert_eq!(other.to_string(), first.to_string()));
        first
    }

    /// Compares all of it with a snapshot.
    #[track_caller]
    pub(crate) fn is(&self, expected: &Expect) {
        expected.assert_eq(&self.to_string());
    }
}

/// The exit code in a line, then each output that is not empty under its name.
impl fmt::Display for CommandOutput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "exit: {}", self.exit)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(formatter, "{name}:\n{text}")?;
            }
        }
        Ok(())
    }
}
