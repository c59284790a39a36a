use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::Problem;
use super::node_modules::{Resolution, of_node};

/// The files of packages: those below `functions/node_modules`, or in `functions/node_modules.tar.gz`.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    /// The sources by path, which starts with `node_modules/`.
    files: HashMap<String, String>,
    /// Packages with native code, such as `node_modules/bcrypt`.
    native: Vec<String>,
}

/// The largest dependency archive: 15 MB.
///
/// Source: the limits of App Services.
const MAX_ARCHIVE: u64 = 15_000_000;

/// The most bytes of packages that are kept in memory.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// The most files that are read.
const MAX_FILES: usize = 50_000;

/// The deepest nesting of directories.
const MAX_FOLDERS: usize = 32;

impl Packages {
    /// Reads the packages in the directory of the functions.
    pub(super) fn load(functions: &Path, problems: &mut Vec<Problem>) -> Self {
        let mut packages = Self::default();
        let mut room = Room { bytes: MAX_BYTES, files: MAX_FILES };
        let mut problem = |file: &str, message: String| {
            problems.push(Problem {
                function: String::new(),
                file: format!("functions/{file}"),
                line: None,
                setting: None,
                message,
            });
        };
        let archive = functions.join("node_modules.tar.gz");
        if archive.is_file()
            && let Err(reason) = packages.read_archive(&archive, &mut room)
        {
            problem("node_modules.tar.gz", format!("the archive of packages cannot be read: {reason}"));
        }
        for other in ["node_modules.zip", "node_modules.tar"] {
            if functions.join(other).is_file() {
                problem(other, "an archive of packages must be node_modules.tar.gz".into());
            }
        }
        if let Err(reason) = packages.read_directory(&functions.join("node_modules"), "node_modules", 0, &mut room) {
            problem("node_modules", format!("the packages cannot be read: {reason}"));
        }
        packages
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.files.get(key).map(String::as_str)
    }

    fn read_archive(&mut self, path: &Path, room: &mut Room) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let file = File::open(path).map_err(text)?;
        if file.metadata().map_err(text)?.len() > MAX_ARCHIVE {
            return Err(format!("it is larger than {MAX_ARCHIVE} bytes"));
        }
        // Limits the unpacked size as well, which includes names and padding.
        let mut archive = tar::Archive::new(GzDecoder::new(file).take(MAX_BYTES.saturating_mul(2)));
        for entry in archive.entries().map_err(text)? {
            let mut entry = entry.map_err(text)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().map_err(text)?.to_string_lossy().into_owned();
            let name = name.trim_start_matches("./").to_owned();
            let inside = name.starts_with("node_modules/") && !name.split('/').any(|part| part == "..");
            if inside && self.is_wanted(&name) {
                room.take(entry.header().size().map_err(text)?)?;
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(text)?;
                self.files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(())
    }

    fn read_directory(&mut self, path: &Path, name: &str, depth: usize, room: &mut Room) -> Result<(), String> {
        if depth > MAX_FOLDERS {
            return Ok(());
        }
        let text = |error: std::io::Error| format!("{name}: {error}");
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(text)?,
        };
        for entry in entries {
            let entry = entry.map_err(text)?;
            let Ok(file_name) = entry.file_name().into_string() else { continue };
            let inner = format!("{name}/{file_name}");
            // Symbolic links may lead anywhere, so none is followed.
            let kind = entry.file_type().map_err(text)?;
            if kind.is_dir() && !file_name.starts_with('.') {
                self.read_directory(&entry.path(), &inner, depth + 1, room)?;
            } else if kind.is_file() && self.is_wanted(&inner) {
                room.take(entry.metadata().map_err(text)?.len())?;
                let bytes = fs::read(entry.path()).map_err(text)?;
                self.files.insert(inner, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(())
    }

    /// Whether a file is JavaScript or JSON. Records packages that contain native code.
    fn is_wanted(&mut self, name: &str) -> bool {
        if name.ends_with(".node") || name.ends_with("/binding.gyp") {
            self.native.push(package_of(name).to_owned());
        }
        [".js", ".cjs", ".json"].iter().any(|end| name.ends_with(end))
    }

    /// Resolves the name of a module that is required in a file of a function or a package.
    pub(crate) fn resolve(&self, file: &str, name: &str) -> Resolution {
        let in_package = file.starts_with("node_modules/");
        if name.starts_with("./") || name.starts_with("../") || name == "." || name == ".." {
            if !in_package {
                return Resolution::Relative;
            }
            let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
            return join(directory, name)
                .and_then(|path| self.file(&path))
                .map_or(Resolution::Missing, Resolution::Package);
        }
        if name.starts_with('/') || name.is_empty() {
            return Resolution::Missing;
        }
        if let Some(known) = of_node(name) {
            return known;
        }
        // From the innermost `node_modules` outwards.
        let mut directory = in_package.then_some(file);
        while let Some((outer, _)) = directory.and_then(|directory| directory.rsplit_once('/')) {
            if let Some(key) = self.package(&format!("{outer}/node_modules/{name}"), name) {
                return key;
            }
            directory = Some(outer);
        }
        self.package(&format!("node_modules/{name}"), name).unwrap_or(Resolution::Missing)
    }

    /// A package, or a file in it.
    fn package(&self, path: &str, name: &str) -> Option<Resolution> {
        if self.native.iter().any(|native| native == package_of(path)) {
            return Some(Resolution::Native);
        }
        self.exported(path, name).or_else(|| self.file(path)).map(Resolution::Package)
    }

    /// Resolves a name through the key `exports` of the package's `package.json`.
    fn exported(&self, path: &str, name: &str) -> Option<String> {
        let root = package_of(path);
        let manifest: serde_json::Value = serde_json::from_str(self.text(&format!("{root}/package.json"))?).ok()?;
        let exports = manifest.get("exports")?;
        let parts = if name.starts_with('@') { 2 } else { 1 };
        let rest: Vec<&str> = name.split('/').skip(parts).collect();
        let subpath = if rest.is_empty() { ".".to_owned() } else { format!("./{}", rest.join("/")) };
        let target = match exports.get(&subpath) {
            Some(target) => target,
            None if subpath == "." => exports,
            None => return None,
        };
        let target = condition(target, 0)?;
        self.file(&join(root, target)?)
    }

    /// A file, also with the extensions and index files that Node tries.
    fn file(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        let has = |path: String| self.files.contains_key(&path).then_some(path);
        let ended = || [".js", ".cjs", ".json"].iter().find_map(|end| has(format!("{path}{end}")));
        has(path.to_owned()).or_else(ended).or_else(|| {
            let manifest = self.text(&format!("{path}/package.json"));
            let manifest: Option<serde_json::Value> = manifest.and_then(|text| serde_json::from_str(text).ok());
            let main = manifest.as_ref().and_then(|manifest| manifest.get("main")?.as_str());
            main.and_then(|main| {
                let main = join(path, main)?;
                let main = main.trim_end_matches('/').to_owned();
                has(main.clone()).or_else(|| ["", "/index"].iter().find_map(|index| has(format!("{main}{index}.js"))))
            })
            .or_else(|| ["js", "cjs", "json"].iter().find_map(|end| has(format!("{path}/index.{end}"))))
        })
    }
}

/// How many bytes and files may still be read.
struct Room {
    bytes: u64,
    files: usize,
}

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), String> {
        let (Some(bytes), Some(files)) = (self.bytes.checked_sub(bytes), self.files.checked_sub(1)) else {
            return Err(format!("they have more than {MAX_FILES} files or {MAX_BYTES} bytes"));
        };
        (self.bytes, self.files) = (bytes, files);
        Ok(())
    }
}

/// The target of the first condition that applies to this runtime.
fn condition(target: &serde_json::Value, depth: usize) -> Option<&str> {
    if depth > 8 {
        return None;
    }
    if let Some(text) = target.as_str() {
        return Some(text);
    }
    let target = target.as_object()?;
    let fitting = target.iter().filter(|(name, _)| ["require", "node", "default"].contains(&name.as_str()));
    fitting.into_iter().find_map(|(_, target)| condition(target, depth + 1))
}

/// The directory of the package that contains a path.
fn package_of(path: &str) -> &str {
    let Some((start, marker)) = path.rmatch_indices("node_modules/").next() else { return path };
    let begin = start + marker.len();
    let Some(rest) = path.get(begin..) else { return path };
    let parts = if rest.starts_with('@') { 2 } else { 1 };
    let end = rest.match_indices('/').nth(parts - 1).map_or(path.len(), |(at, _)| begin + at);
    path.get(..end).unwrap_or(path)
}

/// Resolves a relative path from a directory; `None` if it leads out of the packages.
fn join(directory: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    (parts.first() == Some(&"node_modules")).then(|| parts.join("/"))
}
