use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bson::DateTime;
use serde_json::Value;

use super::days::{day_of, day_of_file, earlier, folder_of};

/// Reads the call log; can resume where it stopped.
#[derive(Debug)]
pub struct LogReader {
    directory: PathBuf,
    /// The directory of the only application to be read; `None` for all.
    folder: Option<String>,
    /// The first day that is read.
    from: Option<i64>,
    /// The position reached in each file.
    positions: HashMap<PathBuf, u64>,
}

impl LogReader {
    /// Reads the logs in a directory: those of one application or of all, starting with the day of `since`.
    #[must_use]
    pub fn new(directory: PathBuf, application: Option<&str>, since: Option<DateTime>) -> Self {
        let folder = application.map(folder_of);
        Self { directory, folder, from: since.map(day_of), positions: HashMap::new() }
    }

    /// Passes every call that has been written since the last invocation to `take`, together with its application.
    /// Calls are ordered by day, and within a file by when they ended. Missing files count as empty.
    ///
    /// # Errors
    /// A file cannot be read, or `take` fails.
    pub fn read<E: From<io::Error>>(&mut self, mut take: impl FnMut(&str, Value) -> Result<(), E>) -> Result<(), E> {
        let files = self.files()?;
        for (_, _, path) in &files {
            self.follow_moved(path);
        }
        for (_, application, path) in files {
            let mut file = File::open(&path)?;
            let position = self.positions.entry(path).or_default();
            if file.metadata()?.len() <= *position {
                continue;
            }
            file.seek(SeekFrom::Start(*position))?;
            let mut reader = BufReader::new(file);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 {
                // The rest of the line is still being written.
                if line.last() != Some(&b'\n') {
                    break;
                }
                *position = position.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
                if let Ok(record) = serde_json::from_slice(&line) {
                    take(&application, record)?;
                }
                line.clear();
            }
        }
        Ok(())
    }

    /// If a file has been replaced because it was full, carries its reading position over to its new name.
    fn follow_moved(&mut self, path: &Path) {
        let Some(position) = self.positions.get(path).copied() else { return };
        let is_new = fs::metadata(path).is_ok_and(|about| about.len() < position);
        if is_new {
            self.positions.insert(earlier(path), position);
            self.positions.insert(path.to_path_buf(), 0);
        }
    }

    /// The files by day and application. Full files come before those that replaced them.
    fn files(&self) -> io::Result<Vec<(i64, String, PathBuf)>> {
        let mut files = Vec::new();
        let folders = match fs::read_dir(&self.directory) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            Err(error) => return Err(error),
        };
        for folder in folders {
            let folder = folder?;
            let name = folder.file_name().to_string_lossy().into_owned();
            if self.folder.as_ref().is_some_and(|wanted| *wanted != name) || !folder.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                let day = day_of_file(&file.file_name().to_string_lossy());
                if let Some(day) = day.filter(|day| self.from.is_none_or(|from| *day >= from)) {
                    files.push((day, name.clone(), file.path()));
                }
            }
        }
        files.sort();
        Ok(files)
    }
}
