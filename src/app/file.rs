use std::sync::Arc;

use crate::json::Node;
use crate::text::{Finding, Source, Style};

/// A configuration file, or part of one, with its templates replaced.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The file as written, with its path relative to the application directory. Positions in `node` refer to this
    /// text.
    pub source: Arc<Source>,
    /// The content of the file or part.
    pub node: Node,
}

impl ConfigFile {
    /// The part at a key.
    #[must_use]
    pub fn part(&self, key: &str) -> Option<Self> {
        self.node.get(key).map(|node| self.at(node))
    }

    /// The part at this node, which must belong to the file.
    pub(super) fn at(&self, node: &Node) -> Self {
        Self { source: Arc::clone(&self.source), node: node.clone() }
    }

    /// Whether it has no `"disabled": true`.
    pub(super) fn is_enabled(&self) -> bool {
        self.node.get("disabled").and_then(Node::as_bool) != Some(true)
    }

    /// The string at a key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.node.get(key)?.as_str()
    }
}

/// A piece of the application's configuration, which one file should contain. A file that cannot be read is different
/// from one that does not exist: whatever it was meant to protect must stay closed.
#[derive(Clone, Debug, Default)]
pub enum ConfigPart {
    /// No file contains it.
    #[default]
    Absent,
    /// One file contains it.
    Present(ConfigFile),
    /// A file contains it but cannot be read, is not JSON, or uses templates whose values are missing; see the
    /// findings.
    Broken(Arc<Source>),
    /// Several files contain it, and it is unclear which of them applies.
    Contested(Vec<ConfigFile>),
}

impl ConfigPart {
    /// The file, if there is exactly one and it was read.
    #[must_use]
    pub const fn present(&self) -> Option<&ConfigFile> {
        match self {
            Self::Present(file) => Some(file),
            _ => None,
        }
    }

    /// Whether no file contains it.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// All files that contain it and were read, contested ones included.
    #[must_use]
    pub fn files(&self) -> &[ConfigFile] {
        match self {
            Self::Present(file) => std::slice::from_ref(file),
            Self::Contested(files) => files,
            Self::Absent | Self::Broken(_) => &[],
        }
    }

    /// The names of all files that contain it, whether they were read or not.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Broken(source) => vec![source.name().to_owned()],
            _ => self.files().iter().map(|file| file.source.name().to_owned()).collect(),
        }
    }

    /// Adds another file that contains it.
    pub(super) fn join(&mut self, other: Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Absent, part) | (part, Self::Absent) => part,
            (Self::Broken(source), _) | (_, Self::Broken(source)) => Self::Broken(source),
            (one, other) => Self::Contested([one.files(), other.files()].concat()),
        };
    }
}

/// A finding, with the file it is about.
#[derive(Clone, Debug)]
pub struct FileFinding {
    /// The file. Its text is empty if the file could not be read.
    pub source: Arc<Source>,
    /// The JSON pointer of the finding's position, if the file is JSON.
    pub pointer: Option<String>,
    /// The finding.
    pub finding: Finding,
}

impl FileFinding {
    /// Renders the finding for people to read; see [`Source::render`].
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        self.source.render(&self.finding, self.pointer.as_deref(), style)
    }
}
