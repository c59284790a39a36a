use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bson::Document;
use portcullis::json::{self, MAX_SIZE, Node};
use portcullis::text::{Finding, Source};

use super::trouble::Trouble;

/// A parsed JSON value, with the source text for messages.
pub(super) struct Input {
    pub(super) source: Source,
    pub(super) node: Node,
}

impl Input {
    /// Reads an argument: literal JSON, the path of a file, or `-` for standard input. `what` names it in messages.
    pub(super) fn read(argument: &str, what: &str) -> Result<Self, Trouble> {
        let (name, bytes) = read_bytes(argument, what)?;
        Self::parse(Source::new(name, String::from_utf8_lossy(&bytes)), &bytes, what)
    }

    pub(super) fn parse(source: Source, bytes: &[u8], what: &str) -> Result<Self, Trouble> {
        match json::parse_part(bytes, source.first_line()) {
            Ok(node) => Ok(Self { source, node }),
            Err(error) => Err(Trouble::findings(what, &source, None, vec![Finding::from(error)])),
        }
    }

    /// Converts the value to a document; `what` names it in messages.
    pub(super) fn document(&self, what: &str) -> Result<Document, Trouble> {
        json::to_document(&self.node)
            .map_err(|error| Trouble::findings(what, &self.source, Some(&self.node), vec![error.into()]))
    }
}

/// Reads an argument without parsing it: literal JSON, the path of a file, or `-` for standard input. Returns its
/// name for messages and its content.
pub(super) fn read_bytes(argument: &str, what: &str) -> Result<(String, Vec<u8>), Trouble> {
    if argument == "-" {
        return Ok(("<standard input>".to_owned(), read_standard_input()?));
    }
    if is_json(argument) {
        return Ok((format!("<{what}>"), argument.as_bytes().to_vec()));
    }
    match read_file(Path::new(argument)) {
        Err(Trouble::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            Err(Trouble::usage(format!("{what}: `{argument}` is neither JSON nor the path of an existing file")))
        }
        read => Ok((argument.to_owned(), read?)),
    }
}

/// Reads an argument that must be a document.
pub(super) fn document(argument: &str, what: &str) -> Result<Document, Trouble> {
    Input::read(argument, what)?.document(what)
}

/// The message about an array in an input that has one value per line.
pub(super) fn one_per_line(several: &str, one: &str) -> String {
    format!("this is an array of {several}; expected one {one} per line: convert it with `jq -c '.[]'`")
}

/// Whether an argument is literal JSON rather than the name of a file.
pub(super) fn is_json(argument: &str) -> bool {
    let text = argument.trim_start();
    text.starts_with(['{', '[', '"'])
        || matches!(text.trim_end(), "true" | "false" | "null")
        || text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Reads standard input, up to [`MAX_SIZE`] bytes plus one.
pub(super) fn read_standard_input() -> Result<Vec<u8>, Trouble> {
    read_limited(standard_input()?, "standard input")
}

/// Standard input, which only one argument may use.
pub(super) fn standard_input() -> Result<io::StdinLock<'static>, Trouble> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Trouble::usage("only one input can be `-`: standard input can only be read once"));
    }
    Ok(io::stdin().lock())
}

/// Reads a file, up to [`MAX_SIZE`] bytes plus one.
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
    // One extra byte reveals that the input is too large.
    let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(limit).read_to_end(&mut bytes).map_err(|error| Trouble::Read { name: name.to_owned(), error })?;
    Ok(bytes)
}
