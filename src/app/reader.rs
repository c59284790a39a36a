use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use super::links::Links;
use super::problem::{Problem, finding};
use super::{ConfigFile, ConfigPart, FileFinding, ProblemKind};
use crate::json::{JsonError, JsonErrorKind, Kind, MAX_SIZE, Node, parse, parse_bytes};
use crate::template::{Substitutions, expand};
use crate::text::{Code, Finding, Source, Span};

/// The maximum number of files to read. The largest public applications have a few hundred.
pub(super) const MAX_FILES: usize = 20_000;

/// The maximum number of bytes to read, over all files: 256 MiB.
pub(super) const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The maximum number of JSON values to keep, over all files. A value takes many times its length in memory.
const MAX_VALUES: usize = 2_000_000;

/// The problem that is reported if any of these limits is exceeded.
const LIMIT: ProblemKind = ProblemKind::Limit { files: MAX_FILES, bytes: MAX_BYTES, values: MAX_VALUES };

/// The maximum number of bytes that templates may add, over all files: 64 MiB.
const MAX_INSERTED: usize = 64 * 1024 * 1024;

/// The maximum number of directory entries to visit, which also puts an end to circular links.
const MAX_ENTRIES: usize = 500_000;

/// Reads the files of an application and collects problems. File names are paths relative to the application directory,
/// with `/` as the separator.
pub(super) struct Reader<'d> {
    directory: &'d Path,
    /// The values for templates, available once the settings have been read.
    pub(super) substitutions: Substitutions,
    pub(super) findings: Vec<FileFinding>,
    pub(super) files_read: usize,
    bytes_read: u64,
    values_read: usize,
    bytes_inserted: usize,
    entries_seen: usize,
    /// The file at which a limit was exceeded.
    limit: Option<Arc<Source>>,
    /// The files that were asked for, whether they exist or not.
    seen: HashSet<String>,
    links: Links,
    /// The links out of the directory that were reported.
    refused: HashSet<String>,
}

/// A file as written.
pub(super) struct Raw {
    pub(super) source: Arc<Source>,
    /// The content; `None` if it is not JSON.
    pub(super) node: Option<Node>,
}

/// The entries of a directory, sorted by name, without hidden ones.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) files: Vec<String>,
    pub(super) directories: Vec<String>,
    /// Set if the type of an entry is unknown, so that there may be files whose rules apply.
    pub(super) hidden: Option<Arc<Source>>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(directory: &'d Path) -> Self {
        Self {
            directory,
            substitutions: Substitutions::default(),
            findings: Vec::new(),
            files_read: 0,
            bytes_read: 0,
            values_read: 0,
            bytes_inserted: 0,
            entries_seen: 0,
            limit: None,
            seen: HashSet::new(),
            links: Links::new(directory),
            refused: HashSet::new(),
        }
    }

    pub(super) const fn directory(&self) -> &'d Path {
        self.directory
    }

    /// Whether a file was asked for.
    pub(super) fn has_seen(&self, name: &str) -> bool {
        self.seen.contains(name)
    }

    /// Reports a problem at a position in a file.
    pub(super) fn problem(&mut self, source: &Arc<Source>, problem: Problem) {
        self.report(source, finding(problem));
    }

    /// Reports a problem with a file or directory as a whole.
    pub(super) fn problem_with(&mut self, name: &str, kind: ProblemKind) -> Arc<Source> {
        let source = Arc::new(Source::new(name, ""));
        self.problem(&source, Problem::new(kind, Span::default()));
        source
    }

    /// Reports a problem at a position in a configuration file.
    pub(super) fn problem_in(&mut self, file: &ConfigFile, problem: Problem) {
        self.problem(&file.source, problem);
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_type(&mut self, source: &Arc<Source>, node: &Node, expected: &'static str) {
        let kind = ProblemKind::Type { expected, found: node.describe() };
        self.problem(source, Problem::new(kind, node.span));
    }

    /// Reports a file or directory that is a link out of the application directory or lies behind one. Returns the
    /// link.
    pub(super) fn refuse_outward(&mut self, name: &str) -> Option<Arc<Source>> {
        let link = self.links.outward(name)?;
        let source = Arc::new(Source::new(link, ""));
        if self.refused.insert(link.to_owned()) {
            let help = "put the file itself, or the directory, in its place, or remove the link";
            self.problem(&source, Problem::new(ProblemKind::LinkOutward, Span::default()).help(help));
        }
        Some(source)
    }

    /// Reads a file as written; `None` if there is no such file.
    pub(super) fn raw(&mut self, name: &str) -> Option<Raw> {
        // Whatever lies behind a link that is not followed may exist.
        if let Some(source) = self.refuse_outward(name) {
            self.seen.insert(name.to_owned());
            return Some(Raw { source, node: None });
        }
        let path = self.directory.join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
            _ => {}
        }
        self.seen.insert(name.to_owned());
        Some(match self.bytes(&path) {
            Ok(bytes) => {
                self.files_read += 1;
                let source = Arc::new(Source::new(name, String::from_utf8_lossy(&bytes)));
                let node = match parse_bytes(&bytes) {
                    Ok(node) => {
                        self.values_read = self.values_read.saturating_add(values(&node));
                        if self.values_read > MAX_VALUES {
                            return Some(self.beyond(name));
                        }
                        Some(node)
                    }
                    Err(error) => {
                        self.report(&source, error.into());
                        None
                    }
                };
                Raw { source, node }
            }
            Err(finding) if finding.code == LIMIT.code() => self.beyond(name),
            Err(finding) => {
                let source = Arc::new(Source::new(name, ""));
                self.report(&source, finding);
                Raw { source, node: None }
            }
        })
    }

    /// A file beyond a limit is treated as broken. Only the first one is reported.
    fn beyond(&mut self, name: &str) -> Raw {
        let source = Arc::new(Source::new(name, ""));
        if self.limit.is_none() {
            self.problem(&source, Problem::new(LIMIT, Span::default()));
        }
        self.limit.get_or_insert_with(|| Arc::clone(&source));
        Raw { source, node: None }
    }

    /// Reads a file and replaces its templates.
    pub(super) fn part(&mut self, name: &str) -> ConfigPart {
        self.raw(name).map_or(ConfigPart::Absent, |raw| self.expanded(&raw))
    }

    /// Like [`Self::part`], for a file that must contain an object.
    pub(super) fn object(&mut self, name: &str) -> ConfigPart {
        let part = self.part(name);
        match part.present() {
            Some(file) if file.node.as_object().is_none() => {
                self.wrong_type(&file.source, &file.node, "an object");
                ConfigPart::Broken(Arc::clone(&file.source))
            }
            _ => part,
        }
    }

    /// Replaces the templates of a file.
    pub(super) fn expanded(&mut self, raw: &Raw) -> ConfigPart {
        let source = Arc::clone(&raw.source);
        let Some(node) = &raw.node else { return ConfigPart::Broken(source) };
        let too_large = ProblemKind::TemplatesLarge { bytes: MAX_INSERTED };
        if self.bytes_inserted > MAX_INSERTED && has_templates(node) {
            self.problem(&source, Problem::new(too_large, Span::default()));
            return ConfigPart::Broken(source);
        }
        match expand(node, &self.substitutions) {
            Ok(expanded) => {
                let inserted = text_length(&expanded).saturating_sub(text_length(node));
                self.bytes_inserted = self.bytes_inserted.saturating_add(inserted);
                if inserted > 0 && self.bytes_inserted > MAX_INSERTED {
                    self.problem(&source, Problem::new(too_large, Span::default()));
                    return ConfigPart::Broken(source);
                }
                ConfigPart::Present(ConfigFile { source, node: expanded })
            }
            Err(errors) => {
                for error in errors {
                    self.report(&source, error.into());
                }
                ConfigPart::Broken(source)
            }
        }
    }

    /// The entries of a directory; empty if it does not exist.
    pub(super) fn list(&mut self, name: &str) -> Listing {
        let mut listing = Listing { hidden: self.limit.clone(), ..Listing::default() };
        if self.limit.is_some() {
            return listing;
        }
        if self.links.outward(name).is_some() {
            listing.hidden = self.refuse_outward(name);
            return listing;
        }
        let path = self.directory.join(name);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return listing,
            Err(error) => {
                let kind = ProblemKind::DirectoryUnreadable(error.to_string());
                listing.hidden = Some(self.problem_with(name, kind));
                return listing;
            }
        };
        for entry in entries {
            self.entries_seen += 1;
            if self.entries_seen > MAX_ENTRIES {
                let source = self.problem_with(name, LIMIT);
                self.limit = Some(Arc::clone(&source));
                listing.hidden = Some(source);
                break;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let kind = ProblemKind::DirectoryUnreadable(error.to_string());
                    listing.hidden = Some(self.problem_with(name, kind));
                    return listing;
                }
            };
            let Ok(entry_name) = entry.file_name().into_string() else {
                listing.hidden = Some(self.problem_with(name, ProblemKind::NameEncoding));
                continue;
            };
            if entry_name.starts_with('.') {
                continue;
            }
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            match fs::metadata(entry.path()) {
                // Whatever the directory contains is unknown.
                Ok(metadata) if is_link && metadata.is_dir() && self.is_outward(name, &entry_name) => {
                    listing.hidden = self.refuse_outward(&format!("{name}/{entry_name}"));
                }
                Ok(metadata) if metadata.is_dir() => listing.directories.push(entry_name),
                // If it is not a file after all, reading it reports that.
                Ok(_) => listing.files.push(entry_name),
                Err(error) => {
                    if !entry_name.ends_with(".json") && !entry_name.ends_with(".js") {
                        let kind = ProblemKind::DirectoryUnreadable(error.to_string());
                        listing.hidden = Some(self.problem_with(&format!("{name}/{entry_name}"), kind));
                    }
                    listing.files.push(entry_name);
                }
            }
        }
        listing.files.sort();
        listing.directories.sort();
        listing
    }

    fn is_outward(&mut self, directory: &str, entry: &str) -> bool {
        self.links.outward(&format!("{directory}/{entry}")).is_some()
    }

    /// The names of the JSON files of a directory, without `.json`.
    pub(super) fn stems(&mut self, name: &str) -> Vec<String> {
        let files = self.list(name).files;
        files.iter().filter_map(|file| file.strip_suffix(".json")).map(str::to_owned).collect()
    }

    /// Adds a finding from an earlier stage.
    pub(super) fn report(&mut self, source: &Arc<Source>, finding: Finding) {
        self.findings.push(FileFinding { source: Arc::clone(source), pointer: None, finding });
    }

    /// All findings, with the JSON pointers of their positions, in the order of the files.
    pub(super) fn into_findings(self) -> Vec<FileFinding> {
        located(self.findings)
    }

    fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, Finding> {
        let problem = |kind| finding(Problem::new(kind, Span::default()));
        let unreadable = |error: &std::io::Error| problem(ProblemKind::FileUnreadable(error.to_string()));
        let too_large = |size: u64| {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            Finding::from(JsonError::new(JsonErrorKind::Size(size), Span::default()))
        };
        let metadata = fs::metadata(path).map_err(|error| unreadable(&error))?;
        if !metadata.is_file() {
            return Err(problem(ProblemKind::FileKind));
        }
        let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX);
        if metadata.len() > limit {
            return Err(too_large(metadata.len()));
        }
        if self.limit.is_some()
            || self.files_read >= MAX_FILES
            || self.bytes_read.saturating_add(metadata.len()) > MAX_BYTES
        {
            return Err(problem(LIMIT));
        }
        // Files without a length, such as some under /proc, may never end or may block forever.
        if metadata.len() == 0 {
            return Ok(Vec::new());
        }
        // With one byte to spare, a single read reaches the end of the file.
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).map_or(0, |length| length + 1));
        // The file may have grown in the meantime.
        let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
        read.map_err(|error| unreadable(&error))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > limit {
            return Err(too_large(length));
        }
        self.bytes_read = self.bytes_read.saturating_add(length);
        Ok(bytes)
    }
}

/// Whether any string in the value contains a template.
fn has_templates(node: &Node) -> bool {
    match &node.kind {
        Kind::String(text) => text.contains("%("),
        Kind::Array(elements) => elements.iter().any(has_templates),
        Kind::Object(members) => members.iter().any(|member| member.key.contains("%(") || has_templates(&member.value)),
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) => false,
    }
}

/// The total length in bytes of all strings in the value.
fn text_length(node: &Node) -> usize {
    match &node.kind {
        Kind::String(text) => text.len(),
        Kind::Array(elements) => elements.iter().map(text_length).sum(),
        Kind::Object(members) => members.iter().map(|member| member.key.len() + text_length(&member.value)).sum(),
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) => 0,
    }
}

/// The number of values in the value, including itself.
fn values(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Array(elements) => elements.iter().map(values).sum(),
        Kind::Object(members) => members.iter().map(|member| values(&member.value)).sum(),
        Kind::Null | Kind::Boolean(_) | Kind::Number(_) | Kind::String(_) => 0,
    }
}

/// Sorts findings by file, and adds the JSON pointers of their positions.
pub(super) fn located(mut findings: Vec<FileFinding>) -> Vec<FileFinding> {
    let mut nodes: HashMap<String, Option<Node>> = HashMap::new();
    for found in &mut findings {
        let node = nodes.entry(found.source.name().to_owned()).or_insert_with(|| parse(found.source.text()).ok());
        found.pointer = node.as_ref().map(|node| node.pointer_at(found.finding.span));
    }
    findings.sort_by(|a, b| {
        let place = |found: &FileFinding| (found.finding.span.start, found.finding.span.end);
        a.source.name().cmp(b.source.name()).then_with(|| place(a).cmp(&place(b)))
    });
    findings
}
