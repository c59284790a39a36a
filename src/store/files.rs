use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use bson::Document;
use thiserror::Error;

use super::custom_data::{MAX_BYTES, MAX_DOCUMENTS};
use super::{CustomDataStore, LookUpError, StoreError};
use crate::auth::{Choices, CustomDataConfig, CustomDataSource, Selection, Warning};
use crate::future::BoxFuture;
use crate::json::{self, Chunk, Kind, Stream};
use crate::text::Source;

/// The extensions of files with documents.
const ENDINGS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// Custom-data documents in a file of extended JSON, or in a folder with files named after the collection
/// (`users.json`, `db.users.jsonl`, `users.ndjson`). A file contains either one document after another, as written by
/// `mongoexport`, or an array of documents. The natural order is that of the file names, then that within each file.
///
/// If none of the documents has a valid user id in the user id field, they probably belong to another collection, so
/// lookups fail.
///
/// Every lookup reads the files from beginning to end, so that changes take effect immediately and only one document at
/// a time is in memory.
#[derive(Clone, Debug)]
pub struct FileCustomData {
    config: CustomDataConfig,
    path: PathBuf,
}

/// What a [scan](FileCustomData::scan) has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The number of documents.
    pub documents: usize,
    /// The ids of the users whom several documents name, of which only one counts; sorted.
    pub users_of_several: Vec<String>,
}

/// Why files with custom data cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file or folder cannot be read.
    #[error("`{path}`: {reason}", path = path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// The error of the file system.
        reason: io::Error,
    },
    /// The folder contains no files with documents.
    #[error("the directory `{path}` contains no file of documents (.json, .jsonl, .ndjson)", path = path.display())]
    Empty {
        /// Its path.
        path: PathBuf,
    },
    /// The folder contains no file for the collection.
    #[error(
        "the directory `{path}` contains no file for the collection `{namespace}`: name it after the collection, with the ending \
         .json, .jsonl or .ndjson",
        path = path.display()
    )]
    CollectionMissing {
        /// Its path.
        path: PathBuf,
        /// The namespace, `database.collection`.
        namespace: String,
    },
    /// The documents seem to belong to another collection.
    #[error(
        "none of the documents has the field `{field}` with a string or an ObjectId as the user ID: `{path}`",
        path = path.display()
    )]
    FieldMissing {
        /// The file or folder.
        path: PathBuf,
        /// The user id field, which none of them has.
        field: String,
    },
    /// The documents changed while they were read.
    #[error("`{path}` has changed while it was read", path = path.display())]
    Changed {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file in the folder is a symbolic link that leads out of it.
    #[error("`{path}` is a symbolic link that leads out of the folder and is not followed; name the file itself", path = path.display())]
    LinkOutward {
        /// The link.
        path: PathBuf,
    },
    /// A file contains something that is not a document.
    #[error("`{path}`, line {line}: {message}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line number, starting at 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// There are too many documents with the same user id to determine which one to use. The limit is the same for
    /// MongoDB.
    #[error("`{path}`: more than {MAX_DOCUMENTS} documents, or {MAX_BYTES} bytes of them, name one user", path = path.display())]
    TooMany {
        /// The file or folder.
        path: PathBuf,
    },
}

impl FileCustomData {
    /// Creates a store for the documents in a file or folder. Nothing is read before the first lookup.
    pub fn new(config: CustomDataConfig, path: impl Into<PathBuf>) -> Self {
        Self { config, path: path.into() }
    }

    /// Passes the document of each user to `take`, with the number of bytes read so far, after passing the number of
    /// bytes to read to `begin`. The files are read twice, and only one JSON text at a time is in memory: a document, or
    /// an array of at most [`MAX_SIZE`](crate::json::MAX_SIZE) bytes. What can be read only once, such as a pipe, is in
    /// memory as a whole.
    ///
    /// # Errors
    /// If the files cannot be read, seem to belong to another collection, or change meanwhile.
    pub fn scan(
        &self,
        begin: &mut dyn FnMut(u64),
        take: &mut dyn FnMut(&Document, u64),
    ) -> Result<Scanned, StoreError> {
        let failed = |error: FileError| StoreError::new("cannot read the custom data", error);
        let Some(source) = self.config.source() else { return Ok(Scanned::default()) };
        let texts = files(&self.path, source).map_err(failed)?.into_iter().map(Text::of);
        let texts = texts.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        begin(texts.iter().map(Text::size).sum::<u64>().saturating_mul(2));
        let mut choices = Choices::new(source);
        for text in &texts {
            text.each_document(&mut |document, _| {
                choices.add(&document);
                Ok(())
            })
            .map_err(failed)?;
        }
        if choices.documents() > 0 && !choices.names_users() {
            let (path, field) = (self.path.clone(), source.user_id_field.to_string());
            return Err(failed(FileError::FieldMissing { path, field }));
        }
        let mut before = texts.iter().map(Text::size).sum::<u64>();
        let mut number = 0_usize;
        for text in &texts {
            text.each_document(&mut |document, read| {
                if choices.counts(number, &document) {
                    take(&document, before.saturating_add(read));
                }
                number = number.saturating_add(1);
                Ok(())
            })
            .map_err(failed)?;
            before = before.saturating_add(text.size());
        }
        if number != choices.documents() {
            return Err(failed(FileError::Changed { path: self.path.clone() }));
        }
        let users_of_several = choices.several().into_iter().map(str::to_owned).collect();
        Ok(Scanned { documents: number, users_of_several })
    }

    /// Looks up the document of a user.
    fn select(&self, user_id: &str) -> Result<Selection, LookUpError> {
        let failed = |error: FileError| StoreError::new("cannot read the custom data", error);
        // If custom data is disabled, users have none.
        let Some(source) = self.config.source() else { return Ok(Selection::default()) };
        let (mut mine, mut bytes, mut any, mut any_named) = (Vec::new(), 0_usize, false, false);
        for file in files(&self.path, source).map_err(failed)? {
            Text::File(file)
                .each_document(&mut |document, _| {
                    any = true;
                    any_named = any_named || source.names_user(&document);
                    if self.config.is_of(user_id, &document) {
                        bytes = bytes.saturating_add(document.to_vec().map_or(0, |document| document.len()));
                        if mine.len() == MAX_DOCUMENTS || bytes > MAX_BYTES {
                            return Err(FileError::TooMany { path: self.path.clone() });
                        }
                        mine.push(document);
                    }
                    Ok(())
                })
                .map_err(failed)?;
        }
        if any && !any_named {
            let (path, field) = (self.path.clone(), source.user_id_field.to_string());
            return Err(failed(FileError::FieldMissing { path, field }).into());
        }
        let mut selection = self.config.select(user_id, &mine)?;
        if !any {
            selection.warnings.push(Warning::CustomDataEmpty { path: self.path.clone() });
        }
        Ok(selection)
    }
}

impl CustomDataStore for FileCustomData {
    fn find<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Selection, LookUpError>> {
        Box::pin(async move { self.select(user_id) })
    }
}

/// The files with the documents of a collection, sorted by name.
fn files(path: &Path, source: &CustomDataSource) -> Result<Vec<PathBuf>, FileError> {
    let failed = |reason| FileError::Unreadable { path: path.to_owned(), reason };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let namespace = format!("{}.{}", source.database, source.collection);
    let (mut found, mut others) = (Vec::new(), false);
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_link = entry.file_type().map_err(failed)?.is_symlink();
        let file = entry.path();
        let ending = file.extension().and_then(|ending| ending.to_str());
        if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) || file.is_dir() {
            continue;
        }
        let name = file.file_stem().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name == source.collection || name == namespace) {
            others = true;
            continue;
        }
        // The folder may come from someone else, who must not be able to choose which files of this machine are read.
        if is_link && leads_out(path, &file).map_err(failed)? {
            return Err(FileError::LinkOutward { path: file });
        }
        found.push(file);
    }
    // A wrong path must not count as users having no custom data.
    if found.is_empty() {
        let path = path.to_owned();
        return Err(if others { FileError::CollectionMissing { path, namespace } } else { FileError::Empty { path } });
    }
    found.sort();
    Ok(found)
}

fn leads_out(folder: &Path, link: &Path) -> io::Result<bool> {
    Ok(!fs::canonicalize(link)?.starts_with(fs::canonicalize(folder)?))
}

/// A file with documents.
enum Text {
    File(PathBuf),
    /// What a file contained that can be read only once, such as a pipe.
    Held(PathBuf, Vec<u8>),
}

impl Text {
    fn of(path: PathBuf) -> Result<Self, FileError> {
        let failed = |reason| FileError::Unreadable { path: path.clone(), reason };
        if fs::metadata(&path).map_err(failed)?.is_file() {
            return Ok(Self::File(path));
        }
        let bytes = fs::read(&path).map_err(failed)?;
        Ok(Self::Held(path, bytes))
    }

    fn size(&self) -> u64 {
        match self {
            Self::File(path) => fs::metadata(path).map_or(0, |file| file.len()),
            Self::Held(_, bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }

    /// Passes each document to `take`, with the number of bytes read so far.
    fn each_document(&self, take: &mut dyn FnMut(Document, u64) -> Result<(), FileError>) -> Result<(), FileError> {
        match self {
            Self::File(path) => {
                let file = File::open(path).map_err(|reason| FileError::Unreadable { path: path.clone(), reason })?;
                each_document(path, BufReader::new(file), take)
            }
            Self::Held(path, bytes) => each_document(path, bytes.as_slice(), take),
        }
    }
}

fn each_document(
    path: &Path,
    text: impl BufRead,
    take: &mut dyn FnMut(Document, u64) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let mut read = 0_u64;
    for chunk in Stream::new(text) {
        let chunk = chunk.map_err(|reason| FileError::Unreadable { path: path.to_owned(), reason })?;
        read = read.saturating_add(u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX));
        read_chunk(path, &chunk, &mut |document| take(document, read))?;
    }
    Ok(())
}

fn read_chunk(
    path: &Path,
    chunk: &Chunk,
    take: &mut dyn FnMut(Document) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let source = || Source::new("", String::from_utf8_lossy(&chunk.bytes)).from_line(chunk.line);
    let malformed = |at: usize, message: String| FileError::Malformed {
        path: path.to_owned(),
        line: source().position(at).0,
        message,
    };
    let node =
        json::parse_part(&chunk.bytes, chunk.line).map_err(|error| malformed(error.span().start, error.to_string()))?;
    let one = std::slice::from_ref(&node);
    let nodes = if let Kind::Array(elements) = &node.kind { elements.as_slice() } else { one };
    for node in nodes {
        take(json::to_document(node).map_err(|error| malformed(error.span().start, error.to_string()))?)?;
    }
    Ok(())
}
