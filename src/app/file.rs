use std::sync::Arc;

use crate::json::Node;
use crate::text::{Finding, Source, Style};

/// A file of the application, or a part of one, with its templates replaced.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The text as written, named by its path relative to the application directory. The positions in `node` refer to
    /// this text.
    pub source: Arc<Source>,
    /// The content of the file or the part.
    pub node: Node,
}

impl ConfigFile {
    /// The part under a key.
    #[must_use]
    pub fn part(&self, key: &str) -> Option<Self> {
        self.node.get(key).map(|node| self.at(node))
    }

    /// A part of this file.
    pub(super) fn at(&self, node: &Node) -> Self {
        Self { source: Arc::clone(&self.source), node: node.clone() }
    }

    /// The text under a key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.node.get(key)?.as_str()
    }
}

/// The configuration of one thing in the application's files. A file that cannot be read is not the same as a missing
/// file: what it was meant to protect must stay closed.
#[derive(Clone, Debug, Default)]
pub enum ConfigPart {
    /// No file configures it.
    #[default]
    Absent,
    /// One file configures it.
    Present(ConfigFile),
    /// A file configures it, but cannot be read, is not JSON, or has templates without a value; see the findings.
    Broken(Arc<Source>),
    /// Several files configure it, and it is unclear which one applies.
    Contested(Vec<ConfigFile>),
}

impl ConfigPart {
    /// The file, if there is exactly one and it could be read.
    #[must_use]
    pub const fn present(&self) -> Option<&ConfigFile> {
        match self {
            Self::Present(file) => Some(file),
            _ => None,
        }
    }

    /// Whether no file configures it.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Every file that could be read, including contested ones.
    #[must_use]
    pub fn files(&self) -> &[ConfigFile] {
        match self {
            Self::Present(file) => std::slice::from_ref(file),
            Self::Contested(files) => files,
            Self::Absent | Self::Broken(_) => &[],
        }
    }

    /// The names of the files, readable or not.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Broken(source) => vec![source.name().to_owned()],
            _ => self.files().iter().map(|file| file.source.name().to_owned()).collect(),
        }
    }

    /// Adds another file about the same thing.
    pub(super) fn join(&mut self, other: Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Absent, part) | (part, Self::Absent) => part,
            (Self::Broken(source), _) | (_, Self::Broken(source)) => Self::Broken(source),
            (one, other) => Self::Contested([one.files(), other.files()].concat()),
        };
    }
}

/// A finding and the file it was made in.
#[derive(Clone, Debug)]
pub struct FileFinding {
    /// The file; its text is empty if it could not be read.
    pub source: Arc<Source>,
    /// The JSON pointer of the place, if the file is JSON.
    pub pointer: Option<String>,
    /// The finding.
    pub finding: Finding,
}

impl FileFinding {
    /// Renders the finding for a person; see [`Source::render`].
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        self.source.render(&self.finding, self.pointer.as_deref(), style)
    }
}
