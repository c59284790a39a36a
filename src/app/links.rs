use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Detects symbolic links that lead out of a directory. Their targets are not part of the application, and following
/// them would expose any file that this process can read.
pub(super) struct Links {
    directory: PathBuf,
    /// The directory with all links resolved. The outer `None` means that it has not been needed so far.
    root: Option<Option<PathBuf>>,
    /// The results so far, for directories.
    known: HashMap<String, bool>,
}

impl Links {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), root: None, known: HashMap::new() }
    }

    /// The shortest prefix of a relative path, with `/` as the separator, that is a link out of the directory.
    pub(super) fn outward<'n>(&mut self, name: &'n str) -> Option<&'n str> {
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        ends.filter_map(|end| name.get(..end)).find(|part| self.is_outward(part, part.len() < name.len()))
    }

    fn is_outward(&mut self, name: &str, keep: bool) -> bool {
        if name.is_empty() {
            return false;
        }
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let path = self.directory.join(name);
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.file_type().is_symlink());
        let outward = is_link && self.leads_out(&path);
        // Results for files are not cached: there are many of them, and each is used once.
        if keep {
            self.known.insert(name.to_owned(), outward);
        }
        outward
    }

    /// Dangling and circular links do not lead out.
    fn leads_out(&mut self, path: &Path) -> bool {
        let directory = &self.directory;
        let root = self.root.get_or_insert_with(|| fs::canonicalize(directory).ok());
        fs::canonicalize(path).is_ok_and(|target| root.as_ref().is_none_or(|root| !target.starts_with(root)))
    }
}

/// Whether an entry of an application directory is a link out of it.
pub(super) fn leads_out(directory: &Path, name: &str) -> bool {
    Links::new(directory).outward(name).is_some()
}
