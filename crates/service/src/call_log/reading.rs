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
    /// Calls are ordered by day, and within a file by when they ended. Missing files count as empty, as do those that
    /// are removed meanwhile because their days are no longer kept.
    ///
    /// # Errors
    /// A file cannot be read, or `take` fails.
    pub fn read<E: From<io::Error>>(&mut self, mut take: impl FnMut(&str, Value) -> Result<(), E>) -> Result<(), E> {
        let files = self.files()?;
        self.follow_moved()?;
        for (_, application, path) in files {
            let Some(mut file) = present(File::open(&path))? else { continue };
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

    /// If a file has been replaced because it was full, carries its reading position over to its new name. Positions in
    /// files that have been removed are forgotten.
    fn follow_moved(&mut self) -> io::Result<()> {
        let size = |path: &Path| Ok::<_, io::Error>(present(fs::metadata(path))?.map(|about| about.len()));
        for (path, position) in self.positions.clone() {
            // Another file may just have been moved here.
            let is_current = self.positions.get(&path) == Some(&position);
            if !is_current || size(&path)?.is_some_and(|size| size >= position) {
                continue;
            }
            // The file that replaces it may not have been created yet.
            self.positions.remove(&path);
            let earlier = earlier(&path);
            if size(&earlier)?.is_some_and(|size| size >= position) {
                self.positions.insert(earlier, position);
            }
        }
        Ok(())
    }

    /// The files by day and application. Full files come before those that replaced them.
    fn files(&self) -> io::Result<Vec<(i64, String, PathBuf)>> {
        let mut files = Vec::new();
        let Some(folders) = present(fs::read_dir(&self.directory))? else { return Ok(files) };
        for folder in folders {
            let folder = folder?;
            let name = folder.file_name().to_string_lossy().into_owned();
            if self.folder.as_ref().is_some_and(|wanted| *wanted != name) || !folder.file_type()?.is_dir() {
                continue;
            }
            for file in present(fs::read_dir(folder.path()))?.into_iter().flatten() {
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

/// What was opened; `None` if it does not exist.
fn present<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_removed_while_the_log_is_followed_count_as_empty() {
        let directory =
            std::env::temp_dir().join(format!("portcullis-reading-{}", bson::oid::ObjectId::new().to_hex()));
        let folder = directory.join("shop");
        fs::create_dir_all(&folder).unwrap();
        // A link that leads nowhere is listed but cannot be opened, like a file that is removed in between.
        std::os::unix::fs::symlink("gone", folder.join("2026-01-01.ndjson")).unwrap();
        for day in ["2026-01-02", "2026-01-03"] {
            fs::write(folder.join(format!("{day}.ndjson")), format!("{{\"day\": \"{day}\"}}\n")).unwrap();
        }
        let mut reader = LogReader::new(directory.clone(), None, None);
        let mut read = || {
            let mut days = Vec::new();
            let take = |_: &str, call: Value| -> io::Result<()> {
                days.push(call["day"].as_str().unwrap().to_owned());
                Ok(())
            };
            reader.read(take).unwrap();
            (days, reader.positions.len())
        };
        assert_eq!(read(), (vec!["2026-01-02".to_owned(), "2026-01-03".to_owned()], 2));
        fs::remove_file(folder.join("2026-01-02.ndjson")).unwrap();
        assert_eq!(read(), (vec![], 1));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read(), (vec![], 0));
        fs::remove_dir_all(directory).unwrap();
    }
}
