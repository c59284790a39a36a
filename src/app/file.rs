use std::sync::Arc;

use crate::json::Node;
use crate::text::{Finding, Source, Style};

/// A file of the application, or a part of one, with its templates replaced.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The text as written, under its path relative to the application directory; the places in `node` are places
    /// in this text.
    pub source: Arc<Source>,
    /// What the file, or the part, says.
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

/// What the application's files say about one thing. That a file is there and cannot be read is not the same as
/// that there is none: what it was to protect must then stay closed.
#[derive(Clone, Debug, Default)]
pub enum ConfigPart {
    /// No file speaks of it.
    #[default]
    Absent,
    /// One file does.
    Present(ConfigFile),
    /// A file does, but cannot be read, is not JSON, or has templates without a value. The findings say why.
    Broken(Arc<Source>),
    /// Several files do, and it is unclear which one applies.
    Contested(Vec<ConfigFile>),
}

impl ConfigPart {
    /// The file, if exactly one speaks of it and could be read.
    #[must_use]
    pub const fn present(&self) -> Option<&ConfigFile> {
        match self {
            Self::Present(file) => Some(file),
            _ => None,
        }
    }

    /// Whether no file speaks of it.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Every file that could be read, contested ones among them.
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

    /// Adds what another file says of the same thing.
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
    /// The file; its text is empty where it could not be read.
    pub source: Arc<Source>,
    /// The JSON pointer of the place, if the file is JSON.
    pub pointer: Option<String>,
    /// The finding.
    pub finding: Finding,
}

impl FileFinding {
    /// As a person wants to see it; see [`Source::render`].
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        self.source.render(&self.finding, self.pointer.as_deref(), style)
    }
}
