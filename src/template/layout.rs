//! Precompiled templates: the constant bytes of the result, and the values to write between them.

use super::ask::Ask;
use super::escape::Escape;
use super::form::{Form, Key};
use super::text::{Alternative, Insert, Piece, Text};
use crate::eval::{UserPaths, UserSlot};
use crate::json;
use crate::value::{Container, type_byte};

/// The compiled form of a template for one output format. It is used as long as everything resolves.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The user paths that this layout needs, in the order of their first use.
    pub(super) paths: UserPaths,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) steps: Box<[Step]>,
    /// The constant bytes after the last step.
    pub(super) end: Box<[u8]>,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) before: Box<[u8]>,
    pub(super) part: Part,
}

/// What a step writes after its constant bytes.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// A value in the output format.
    Value(Source, Position),
    /// The text of the first alternative that resolves. The slot is set if the first alternative is a path into the
    /// user.
    Text(Option<UserSlot>, Insert),
    /// A BSON string, document or array. The four bytes before it are reserved for its length.
    Measured(Content, Counted),
}

#[derive(Clone, Debug)]
pub(super) enum Source {
    User(UserSlot, Ask),
    Expansion(Ask),
    /// A conversion, a call or a `%default`, which the resolver evaluates.
    Composed(Form),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// The nesting depth.
    pub(super) depth: usize,
    /// BSON only: the length of the element's name, including its NUL. The type byte before the name is a placeholder
    /// that is overwritten once the type of the value is known.
    pub(super) name: usize,
}

/// Which bytes a BSON length prefix counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Strings: only the bytes after the prefix.
    Rest,
    /// Documents and arrays: the prefix as well.
    All,
}

/// The BSON type byte of strings.
pub(super) const STRING: u8 = 0x02;

/// The size in bytes of a BSON length prefix.
pub(super) const LENGTH: usize = 4;

struct Builder<'p> {
    paths: &'p mut UserPaths,
    steps: Vec<Step>,
    bytes: Vec<u8>,
}

impl<'p> Builder<'p> {
    const fn new(paths: &'p mut UserPaths) -> Self {
        Self { paths, steps: Vec::new(), bytes: Vec::new() }
    }

    fn part(&mut self, part: Part) {
        self.steps.push(Step { before: std::mem::take(&mut self.bytes).into(), part });
    }

    fn finish(self) -> Content {
        Content { steps: self.steps.into(), end: self.bytes.into() }
    }

    fn slot(&mut self, ask: &Ask) -> Option<UserSlot> {
        ask.user_path.as_ref().and_then(|path| self.paths.add(path))
    }

    fn value(&mut self, form: &Form, position: Position) {
        let source = match form {
            Form::Expansion(ask, _) => match self.slot(ask) {
                Some(slot) => Source::User(slot, ask.clone()),
                None => Source::Expansion(ask.clone()),
            },
            composed => Source::Composed(composed.clone()),
        };
        self.part(Part::Value(source, position));
    }

    /// Compiles a text: `plain` writes its constant parts, `inserted` the literals inserted into it. `None` if either
    /// rejects a part.
    fn text(&mut self, text: &Text, plain: Write<'_>, inserted: Write<'_>) -> Option<()> {
        for piece in &text.pieces {
            match piece {
                Piece::Plain(piece) => plain(piece, &mut self.bytes)?,
                Piece::Insert(insert) => match insert.alternatives.first()? {
                    Alternative::Literal(literal) => inserted(literal, &mut self.bytes)?,
                    Alternative::Expansion(ask) => {
                        let slot = self.slot(ask);
                        self.part(Part::Text(slot, insert.clone()));
                    }
                },
            }
        }
        Some(())
    }

    fn json(&mut self, form: &Form, depth: usize) -> Option<()> {
        match form {
            Form::Literal(literal) => self.bytes.extend_from_slice(literal.json.as_ref()?),
            Form::Text(text, _) => {
                self.bytes.push(b'"');
                self.text(text, &json_content, &json_content)?;
                self.bytes.push(b'"');
            }
            Form::Array(forms) => {
                for (index, form) in forms.iter().enumerate() {
                    self.bytes.push(if index == 0 { b'[' } else { b',' });
                    self.json(form, depth + 1)?;
                }
                self.bytes.push(b']');
            }
            Form::Document(members) => {
                for (index, member) in members.iter().enumerate() {
                    let Key::Plain(_, key) = &member.key else { return None };
                    self.bytes.push(if index == 0 { b'{' } else { b',' });
                    self.bytes.extend_from_slice(key);
                    self.json(&member.value, depth + 1)?;
                }
                self.bytes.push(b'}');
            }
            Form::Expansion(..) | Form::Convert(..) | Form::Default(_) | Form::Call(..) => {
                self.value(form, Position { depth, name: 0 });
            }
        }
        Some(())
    }

    /// Compiles a field of a BSON document or an element of a BSON array.
    fn field(&mut self, name: &str, form: &Form, depth: usize) -> Option<()> {
        let kind = match form {
            Form::Literal(literal) => type_byte((&literal.value).into()),
            Form::Array(_) => Container::Array.kind(),
            Form::Document(_) => Container::Document.kind(),
            _ => STRING,
        };
        self.bytes.push(kind);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        match form {
            Form::Literal(literal) => self.bytes.extend_from_slice(&literal.bytes),
            Form::Text(text, _) => {
                let mut content = Builder::new(self.paths);
                content.text(text, &unchanged, &unchanged)?;
                content.bytes.push(0);
                let content = content.finish();
                self.measured(content, Counted::Rest);
            }
            Form::Array(_) | Form::Document(_) => self.container(form, depth)?,
            Form::Expansion(..) | Form::Convert(..) | Form::Default(_) | Form::Call(..) => {
                self.value(form, Position { depth, name: name.len() + 1 });
            }
        }
        Some(())
    }

    /// Compiles a BSON document or array, without its type byte and name.
    fn container(&mut self, form: &Form, depth: usize) -> Option<()> {
        let mut content = Builder::new(self.paths);
        match form {
            Form::Array(forms) => {
                for (index, form) in forms.iter().enumerate() {
                    content.field(&index.to_string(), form, depth + 1)?;
                }
            }
            Form::Document(members) => {
                for member in members {
                    let Key::Plain(key, _) = &member.key else { return None };
                    content.field(key, &member.value, depth + 1)?;
                }
            }
            _ => return None,
        }
        content.bytes.push(0);
        let content = content.finish();
        self.measured(content, Counted::All);
        Some(())
    }

    fn measured(&mut self, content: Content, counted: Counted) {
        self.bytes.extend_from_slice(&[0; LENGTH]);
        self.part(Part::Measured(content, counted));
    }
}

/// Appends text in the encoding of the output format; `None` if the format cannot represent it.
type Write<'w> = &'w dyn Fn(&str, &mut Vec<u8>) -> Option<()>;

#[expect(clippy::unnecessary_wraps, reason = "a `Write`")]
fn json_content(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    json::escape(text, bytes);
    Some(())
}

#[expect(clippy::unnecessary_wraps, reason = "a `Write`")]
fn unchanged(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

impl Layout {
    /// Compiles a template to relaxed extended JSON; `None` if its keys contain insertions or a literal has no JSON
    /// form.
    pub(super) fn json(form: &Form) -> Option<Self> {
        Self::build(|builder| builder.json(form, 0))
    }

    /// Compiles a template to BSON; `None` if it is not a document or its keys contain insertions.
    pub(super) fn bson(form: &Form) -> Option<Self> {
        let Form::Document(_) = form else { return None };
        Self::build(|builder| builder.container(form, 0))
    }

    /// Compiles a text template; `None` if the escape rejects a literal inserted into it.
    pub(super) fn text(text: &Text, escape: Escape) -> Option<Self> {
        let inserted = |text: &str, bytes: &mut Vec<u8>| unchanged(&escape.apply(text).ok()?, bytes);
        Self::build(|builder| builder.text(text, &unchanged, &inserted))
    }

    fn build(build: impl FnOnce(&mut Builder<'_>) -> Option<()>) -> Option<Self> {
        let mut paths = UserPaths::default();
        let mut builder = Builder::new(&mut paths);
        build(&mut builder)?;
        let content = builder.finish();
        Some(Self { paths, content })
    }
}
