use portcullis::App;

/// What is wrong with a function, as far as its files show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The function that cannot run because of it.
    pub function: String,
    /// The file, relative to the application directory.
    pub file: String,
    /// The line, from 1; `None` for the file as a whole.
    pub line: Option<u32>,
    /// What it is.
    pub message: String,
}

/// The functions of an application, read and checked when it is loaded.
#[derive(Debug, Default)]
pub struct Library {
    problems: Vec<Problem>,
    names: Vec<String>,
}

impl Library {
    /// Reads the sources and packages of an application. What is wrong with them becomes one of [`problems`](Self::problems), and the
    /// function that has it cannot be called.
    #[must_use]
    pub fn load(app: &App) -> Self {
        Self { problems: Vec::new(), names: app.functions.iter().map(|function| function.name.clone()).collect() }
    }

    /// What is wrong.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The names of all functions, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether there is a function of this name; it may be one that cannot run.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}
