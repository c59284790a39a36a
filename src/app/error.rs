use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a directory cannot be read as an application. Problems with individual files are findings instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppError {
    /// The directory does not exist, is not a directory, or is not readable.
    #[error("the directory `{}` cannot be read: {reason}", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// The error of the file system.
        reason: io::Error,
    },
    /// The directory is not an application.
    #[error(
        "`{}` holds no application: it has none of root_config.json, realm_config.json, config.json (with an \
         application's keys) and stitch.json, and no rules under data_sources/ or services/, no auth/, no sync/",
        path.display()
    )]
    NotApplication {
        /// The directory.
        path: PathBuf,
        /// The application directories below it, which may be meant.
        below: Vec<PathBuf>,
        /// The application directory above it, which may be meant.
        above: Option<PathBuf>,
    },
}

impl AppError {
    /// A suggestion.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let Self::NotApplication { below, above, .. } = self else { return None };
        if let Some(above) = above {
            return Some(format!("it is a part of the application in `{}`: name that directory", above.display()));
        }
        let (first, others) = below.split_first()?;
        Some(match others.len() {
            0 => format!("did you mean `{}`?", first.display()),
            more => format!("did you mean `{}`, or one of {more} others below?", first.display()),
        })
    }
}
