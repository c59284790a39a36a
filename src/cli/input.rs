use std::fs;
use std::io::{self, BufRead, Read};
use std::path::Path;

use bson::Document;
use portcullis::json::{self, MAX_SIZE, Node};
use portcullis::text::{Finding, Source};

use super::trouble::Trouble;

/// A JSON value and the text it was read from.
pub(super) struct Input {
    pub(super) source: Source,
    pub(super) node: Node,
}

impl Input {
    /// Reads an argument: JSON itself, the path of a file, or `-` for standard input. `what` is its name for messages.
    pub(super) fn read(argument: &str, what: &str) -> Result<Self, Trouble> {
        let (name, bytes) = if argument == "-" {
            ("<standard input>".to_owned(), read_standard_input()?)
        } else if is_json(argument) {
            (format!("<{what}>"), argument.as_bytes().to_vec())
        } else {
            (argument.to_owned(), read_file(Path::new(argument))?)
        };
        Self::parse(&name, &bytes, what)
    }

    pub(super) fn parse(name: &str, bytes: &[u8], what: &str) -> Result<Self, Trouble> {
        let source = Source::new(name, String::from_utf8_lossy(bytes));
        match json::parse_bytes(bytes) {
            Ok(node) => Ok(Self { source, node }),
            Err(error) => Err(Trouble::findings(what, &source, None, vec![Finding::from(error)])),
        }
    }

    /// This value as a document.
    pub(super) fn document(&self, what: &str) -> Result<Document, Trouble> {
        json::to_document(&self.node)
            .map_err(|error| Trouble::findings(what, &self.source, Some(&self.node), vec![error.into()]))
    }
}

/// Reads an argument as a document.
pub(super) fn document(argument: &str, what: &str) -> Result<Document, Trouble> {
    Input::read(argument, what)?.document(what)
}

/// Whether an argument is JSON itself and not the name of a file.
fn is_json(argument: &str) -> bool {
    let text = argument.trim_start();
    text.starts_with(['{', '[', '"'])
        || matches!(text.trim_end(), "true" | "false" | "null")
        || text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Reads all of standard input, of at most [`MAX_SIZE`] bytes and one.
pub(super) fn read_standard_input() -> Result<Vec<u8>, Trouble> {
    read_limited(io::stdin().lock(), "standard input")
}

/// Reads a file of at most [`MAX_SIZE`] bytes and one.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Trouble> {
    let name = path.display().to_string();
    let file = fs::File::open(path).map_err(|error| Trouble::Read { name: format!("`{name}`"), error })?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        let error = io::Error::new(io::ErrorKind::IsADirectory, "it is a directory");
        return Err(Trouble::Read { name: format!("`{name}`"), error });
    }
    read_limited(file, &format!("`{name}`"))
}

fn read_limited(reader: impl Read, name: &str) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    // One byte more, so that what is too long is seen to be.
    let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut bytes).map_err(|error| Trouble::Read { name: name.to_owned(), error })?;
    Ok(bytes)
}

/// The JSON values of a stream, one after the other: each on a line of its own, or over several lines.
pub(super) struct Values<R> {
    reader: R,
    line: usize,
}

/// A value of a stream: the number of its first line, from 1, and its text.
pub(super) struct Chunk {
    pub(super) line: usize,
    pub(super) bytes: Vec<u8>,
}

impl<R: BufRead> Values<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, line: 0 }
    }

    /// The next value's text, as far as its brackets say where it ends.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, Trouble> {
        let mut chunk = Chunk { line: 0, bytes: Vec::new() };
        let mut nesting = Nesting::default();
        loop {
            let start = chunk.bytes.len();
            let read = self.read_line(&mut chunk.bytes)?;
            if read == 0 {
                return Ok((!chunk.bytes.is_empty()).then_some(chunk));
            }
            self.line += 1;
            if chunk.line == 0 {
                if chunk.bytes.iter().all(u8::is_ascii_whitespace) {
                    chunk.bytes.clear();
                    continue;
                }
                chunk.line = self.line;
            }
            nesting.read(chunk.bytes.get(start..).unwrap_or_default());
            if nesting.depth == 0 || chunk.bytes.len() > MAX_SIZE {
                return Ok(Some(chunk));
            }
        }
    }

    fn read_line(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Trouble> {
        let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
        let read = self.reader.by_ref().take(limit).read_until(b'\n', bytes);
        read.map_err(|error| Trouble::Read { name: "standard input".to_owned(), error })
    }
}

/// How deep a text stands in brackets.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (self.in_string, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                // No JSON string goes on over the end of a line; without this one missing quote would swallow the rest.
                (_, b'"') | (true, b'\n') => self.in_string = !self.in_string,
                (false, b'{' | b'[') => self.depth += 1,
                (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}
