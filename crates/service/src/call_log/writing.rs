use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use bson::DateTime;
use portcullis::value::iso_8601;
use serde_json::json;

use super::days::{day_of, day_of_file, earlier, file_of, folder_of};

/// The largest size of a file, in bytes. A day has at most two files.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The most calls that are written in one batch.
const BATCH: usize = 256;

pub(super) enum Message {
    Line(Line),
    /// Signals when everything before it has been written.
    Flush(SyncSender<()>),
}

/// A log entry.
pub(super) struct Line {
    pub(super) application: Arc<str>,
    /// When the call began.
    pub(super) time: DateTime,
    /// The record as JSON.
    pub(super) text: String,
}

/// Writes log entries on a thread of its own.
pub(super) struct Writer {
    directory: PathBuf,
    days: i64,
    dropped: Arc<AtomicU64>,
    /// The day on which old files were last removed.
    pruned: i64,
    max_file: u64,
}

impl Writer {
    pub(super) fn new(directory: PathBuf, days: u32, dropped: Arc<AtomicU64>) -> io::Result<Self> {
        make(&directory)?;
        let today = day_of(DateTime::now());
        let writer = Self { directory, days: i64::from(days), dropped, pruned: today, max_file: MAX_FILE };
        writer.prune(today);
        Ok(writer)
    }

    pub(super) fn run(mut self, receiver: &Receiver<Message>) {
        while let Ok(first) = receiver.recv() {
            let mut flushed = Vec::new();
            let mut lines = Vec::new();
            let more = std::iter::from_fn(|| receiver.try_recv().ok()).take(BATCH);
            for message in std::iter::once(first).chain(more) {
                match message {
                    Message::Line(line) => lines.push(line),
                    Message::Flush(done) => flushed.push(done),
                }
            }
            self.write(&lines);
            for done in flushed {
                let _ = done.try_send(());
            }
        }
    }

    fn write(&mut self, lines: &[Line]) {
        let mut texts: BTreeMap<(String, i64), Vec<u8>> = BTreeMap::new();
        for line in lines {
            let place = (folder_of(&line.application), day_of(line.time));
            let text = texts.entry(place).or_default();
            text.extend_from_slice(line.text.as_bytes());
            text.push(b'\n');
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "calls came faster than they could be logged");
            for text in texts.values_mut().take(1) {
                let time = iso_8601(DateTime::now()).unwrap_or_default();
                text.extend_from_slice(format!("{}\n", json!({ "time": time, "left_out": dropped })).as_bytes());
            }
        }
        for ((folder, day), text) in &texts {
            let path = self.directory.join(folder).join(file_of(*day));
            if let Err(error) = self.append(&path, text) {
                tracing::error!(%error, "the log of calls cannot be written");
            }
        }
        let today = day_of(DateTime::now());
        if today != self.pruned {
            self.pruned = today;
            self.prune(today);
        }
    }

    /// Appends to the file of a day. A full file is renamed, replacing the one that was renamed before, so that the
    /// latest entries are kept.
    fn append(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            make(folder)?;
        }
        if fs::metadata(path).is_ok_and(|about| about.len() >= self.max_file) {
            fs::rename(path, earlier(path))?;
        }
        let mut file: File = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        file.write_all(text)
    }

    /// Removes the files of days that are no longer kept.
    fn prune(&self, today: i64) {
        let oldest = today.saturating_sub(self.days).saturating_add(1);
        let folders = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let files = folders.filter_map(|folder| fs::read_dir(folder.path()).ok()).flatten().flatten();
        for file in files {
            if day_of_file(&file.file_name().to_string_lossy()).is_some_and(|day| day < oldest)
                && let Err(error) = fs::remove_file(file.path())
            {
                tracing::warn!(%error, "an old log of calls cannot be removed");
            }
        }
    }
}

/// Creates a directory that only its owner can access.
fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("portcullis-call-log-{}", bson::oid::ObjectId::new().to_hex()))
    }

    #[test]
    fn only_log_files_past_their_retention_are_removed() {
        let directory = folder();
        make(&directory.join("shop")).unwrap();
        let today = day_of(DateTime::now());
        for day in [today, today - 1, today - 2, today - 30] {
            fs::write(directory.join("shop").join(file_of(day)), "").unwrap();
        }
        fs::write(directory.join("shop/notes.txt"), "").unwrap();
        Writer::new(directory.clone(), 2, Arc::default()).unwrap();
        let mut left: Vec<String> = fs::read_dir(directory.join("shop"))
            .unwrap()
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, [file_of(today - 1), file_of(today), "notes.txt".to_owned()]);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_day_keeps_its_newest_lines_in_at_most_two_files() {
        let directory = folder();
        let mut writer = Writer::new(directory.clone(), 2, Arc::default()).unwrap();
        writer.max_file = 30;
        let path = directory.join("shop").join("2026-01-01.ndjson");
        for number in 0..10 {
            writer.append(&path, format!("{{\"number\": {number}}}\n").as_bytes()).unwrap();
        }
        let mut numbers = Vec::new();
        let mut reader = super::super::LogReader::new(directory.clone(), Some("shop"), None);
        let mut read = |numbers: &mut Vec<u64>| {
            let take = |_: &str, call: serde_json::Value| -> io::Result<()> {
                numbers.push(call["number"].as_u64().unwrap());
                Ok(())
            };
            reader.read(take).unwrap();
        };
        read(&mut numbers);
        assert_eq!(numbers, [6, 7, 8, 9]);
        assert_eq!(fs::read_dir(directory.join("shop")).unwrap().count(), 2);
        // A reader that follows the log neither misses nor repeats an entry when a file is replaced.
        for number in 10..14 {
            writer.append(&path, format!("{{\"number\": {number}}}\n").as_bytes()).unwrap();
            read(&mut numbers);
        }
        assert_eq!(numbers, [6, 7, 8, 9, 10, 11, 12, 13]);
        fs::remove_dir_all(directory).unwrap();
    }
}
