use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::trouble::Trouble;

/// The file that is read by default.
const DEFAULT: &str = "portcullis.toml";

/// The settings that are paths, which are relative to the file.
const PATHS: [&str; 8] = ["app", "mail-folder", "mail-texts", "secrets", "signing-key", "state", "tls-cert", "tls-key"];

/// Adds the settings of the configuration file to the arguments of `serve`: each key is the long name of an option,
/// and the command line takes precedence. `${NAME}` in a string stands for an environment variable.
pub(crate) fn with_settings(arguments: Vec<OsString>, known: &[String]) -> Result<Vec<OsString>, Trouble> {
    let named = named(&arguments);
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => return Ok(arguments),
        Err(error) => return Err(Trouble::Read { name: format!("`{}`", path.display()), error }),
    };
    let wrong = |what: String| Trouble::usage(format!("`{}`: {what}", path.display()));
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string().trim_end().to_owned()))?;
    let mut all = arguments;
    for (key, value) in &table {
        if !known.contains(key) || key == "config" {
            return Err(wrong(format!("`{key}` is not an option of `serve`; the options are {}", known.join(", "))));
        }
        if is_given(&all, key) {
            continue;
        }
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            let text = match value {
                Value::Boolean(true) => {
                    all.push(format!("--{key}").into());
                    continue;
                }
                Value::Boolean(false) => continue,
                Value::String(text) => filled(text).map_err(|what| wrong(format!("`{key}`: {what}")))?,
                Value::Integer(number) => number.to_string(),
                _ => {
                    return Err(wrong(format!(
                        "`{key}` must be a string, a number, true or false, or an array of them"
                    )));
                }
            };
            all.push(format!("--{key}={}", relative(&path, key, text)).into());
        }
    }
    Ok(all)
}

fn named(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        if text == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(PathBuf::from(path));
        }
    }
    None
}

fn is_given(arguments: &[OsString], key: &str) -> bool {
    let (alone, with_value) = (format!("--{key}"), format!("--{key}="));
    arguments
        .iter()
        .map(|argument| argument.to_string_lossy())
        .any(|text| text == alone || text.starts_with(&with_value))
}

/// Substitutes environment variables.
fn filled(text: &str) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` has no `}`")?;
        let value = std::env::var(name).map_err(|_| format!("the variable `{name}` is not set"))?;
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn relative(file: &Path, key: &str, value: String) -> String {
    let is_path = PATHS.contains(&key) || (key == "store" && !value.contains("://"));
    match file.parent() {
        Some(folder) if is_path && folder != Path::new("") => folder.join(&value).to_string_lossy().into_owned(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unwrap_in_result, reason = "a test that cannot go on fails by panicking")]
    fn merged(file: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
        let folder = std::env::temp_dir().join(format!("portcullis-settings-{}", bson::oid::ObjectId::new().to_hex()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("server.toml");
        fs::write(&path, file).unwrap();
        let known = ["app", "listen", "store", "watch", "config", "smtp"].map(str::to_owned);
        let all = ["portcullis", "serve", "--config"].iter().map(OsString::from).chain([path.clone().into()]);
        let all = all.chain(arguments.iter().map(OsString::from)).collect();
        let merged = with_settings(all, &known).map_err(|trouble| trouble.to_string());
        fs::remove_dir_all(&folder).unwrap();
        let shown = |text: String| text.replace(&folder.display().to_string(), "DIR");
        let merged = merged.map_err(shown)?;
        Ok(merged.into_iter().skip(4).map(|argument| shown(argument.to_string_lossy().into_owned())).collect())
    }

    #[test]
    fn keys_of_the_file_are_options_and_the_command_line_takes_precedence() {
        let file =
            "app = [\"shop\", \"/srv/blog\"]\nlisten = \"127.0.0.1:1\"\nstore = \"mongodb://a/\"\nwatch = true\n";
        let expected = ["--listen=127.0.0.1:2", "--app=DIR/shop", "--app=/srv/blog", "--store=mongodb://a/", "--watch"];
        assert_eq!(merged(file, &["--listen=127.0.0.1:2"]).unwrap(), expected);
        assert_eq!(merged("store = \"data.redb\"\nwatch = false", &[]).unwrap(), ["--store=DIR/data.redb"]);
    }

    #[test]
    fn errors_in_the_file_are_named() {
        assert_eq!(
            merged("lisen = \"127.0.0.1:1\"", &[]).unwrap_err(),
            "`DIR/server.toml`: `lisen` is not an option of `serve`; the options are app, listen, store, watch, config, smtp"
        );
        let unset = "`DIR/server.toml`: `smtp`: the variable `PORTCULLIS_NO_SUCH_VARIABLE` is not set";
        assert_eq!(merged("smtp = \"${PORTCULLIS_NO_SUCH_VARIABLE}\"", &[]).unwrap_err(), unset);
        assert!(merged("listen = ", &[]).unwrap_err().contains("line 1"));
    }
}
