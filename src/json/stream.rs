use std::io::{self, BufRead, Read};

use super::MAX_SIZE;

/// Splits a stream of JSON values. A value is either on a single line, or on several lines of which only the first
/// starts with `{`.
///
/// ```
/// use portcullis::json::Stream;
/// let mut stream = Stream::new("{\"a\": 1}\n{\n  \"a\": 2\n}\n".as_bytes());
/// assert_eq!(stream.next().unwrap().unwrap().line, 1);
/// let second = stream.next().unwrap().unwrap();
/// assert_eq!((second.line, second.bytes.as_slice()), (2, "{\n  \"a\": 2\n}\n".as_bytes()));
/// assert!(stream.next().is_none());
/// ```
#[derive(Debug)]
pub struct Stream<R> {
    reader: R,
    /// The number of the last line that was read, starting at 1.
    line: usize,
    /// A line that was read but belongs to the next value.
    waiting: Option<Vec<u8>>,
}

/// A value of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The number of its first line, starting at 1.
    pub line: usize,
    /// The text, which has not been parsed. If it exceeds [`MAX_SIZE`], it is truncated, but still too long, so that
    /// parsing reports that.
    pub bytes: Vec<u8>,
}

impl<R: BufRead> Stream<R> {
    /// Creates a stream from a reader.
    pub const fn new(reader: R) -> Self {
        Self { reader, line: 0, waiting: None }
    }

    /// Reads a value up to its closing bracket. A line that starts with `{` starts a new value in any case, so that a
    /// malformed value does not affect the next.
    fn read(&mut self) -> io::Result<Option<Chunk>> {
        let mut chunk = Chunk { line: 0, bytes: Vec::new() };
        let mut nesting = Nesting::default();
        while let Some(line) = self.take_line()? {
            if chunk.bytes.is_empty() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                chunk.line = self.line;
            } else if line.first() == Some(&b'{') && !nesting.is_array {
                self.waiting = Some(line);
                break;
            }
            nesting.read(&line);
            if chunk.bytes.is_empty() {
                chunk.bytes = line;
            } else {
                chunk.bytes.extend(line);
            }
            if nesting.depth == 0 || chunk.bytes.len() > MAX_SIZE {
                break;
            }
        }
        Ok((!chunk.bytes.is_empty()).then_some(chunk))
    }

    fn take_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.waiting.take() {
            return Ok(Some(line));
        }
        let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        // The line is too long. Its rest must not be taken for another value.
        if read > MAX_SIZE && line.last() != Some(&b'\n') {
            let mut rest = Vec::new();
            while line.last() != Some(&b'\n') && rest.last() != Some(&b'\n') {
                rest.clear();
                if self.reader.by_ref().take(limit).read_until(b'\n', &mut rest)? == 0 {
                    break;
                }
            }
        }
        Ok(Some(line))
    }
}

impl<R: BufRead> Iterator for Stream<R> {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<io::Result<Chunk>> {
        self.read().transpose()
    }
}

/// The bracket depth at a position.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// Whether the outermost bracket is that of an array, as written by `mongoexport --jsonArray`.
    is_array: bool,
}

impl Nesting {
    /// Updates the depth for a line. JSON strings do not span lines.
    fn read(&mut self, line: &[u8]) {
        let (mut in_string, mut escaped) = (false, false);
        for byte in line {
            match (in_string, byte) {
                (true, _) if escaped => escaped = false,
                (true, b'\\') => escaped = true,
                (_, b'"') => in_string = !in_string,
                (false, b'{' | b'[') => {
                    self.is_array |= self.depth == 0 && *byte == b'[';
                    self.depth += 1;
                }
                (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}
