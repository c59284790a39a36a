use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bson::{Document, doc};
use portcullis::Context;
use portcullis::store::TokenPurpose;
use portcullis::{Escape, Template};
use thiserror::Error;

use super::Mail;
use crate::client::ClientError;

/// The languages of the built-in texts; the first one is the default.
pub const LANGUAGES: [&str; 4] = ["en", "de", "es", "fr"];

/// For each language, the texts for confirmation and for password reset.
const BUILT_IN: [[&str; 2]; 4] = [
    [include_str!("texts/en.confirm.txt"), include_str!("texts/en.reset.txt")],
    [include_str!("texts/de.confirm.txt"), include_str!("texts/de.reset.txt")],
    [include_str!("texts/es.confirm.txt"), include_str!("texts/es.reset.txt")],
    [include_str!("texts/fr.confirm.txt"), include_str!("texts/fr.reset.txt")],
];

/// The base names of the files of custom texts.
const NAMES: [&str; 2] = ["confirm", "reset"];

/// The texts of mails. They are templates: `%(%%values.link)` is the link, `%(%%values.email)` the address, and
/// `%(%%values.app)` the client app ID.
#[derive(Clone)]
pub struct MailTexts {
    confirm: Arc<MailText>,
    reset: Arc<MailText>,
}

/// The text of one kind of mail.
struct MailText {
    subject: Template,
    text: Template,
    /// Inserted values are escaped in HTML.
    html: Option<Template>,
}

/// Why texts cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MailTextsError {
    /// There are no built-in texts in this language.
    #[error("there are no mail texts in the language `{0}`; there are {list}, or write your own", list = LANGUAGES.join(", "))]
    Language(String),
    /// A file cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// A file does not start with a subject line and an empty line.
    #[error("`{}` must begin with a line `Subject: …`, then an empty line, then the text", .0.display())]
    Subject(PathBuf),
    /// A text is not a valid template.
    #[error("`{}`: {message}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// The reason.
        message: String,
    },
}

impl MailTexts {
    /// The built-in texts in a language. The files `confirm.txt`, `confirm.html`, `reset.txt` and `reset.html` in a
    /// directory override them.
    ///
    /// # Errors
    /// See [`MailTextsError`].
    pub fn load(language: &str, folder: Option<&Path>) -> Result<Self, MailTextsError> {
        let place = LANGUAGES.iter().position(|known| *known == language);
        let built_in = place.and_then(|place| BUILT_IN.get(place));
        let [confirm, reset] = built_in.ok_or_else(|| MailTextsError::Language(language.to_owned()))?;
        let [confirm_name, reset_name] = NAMES;
        let confirm = Arc::new(MailText::load(confirm, confirm_name, folder)?);
        Ok(Self { confirm, reset: Arc::new(MailText::load(reset, reset_name, folder)?) })
    }

    /// A mail with a link. A subject from the application's configuration overrides that of the text.
    pub(in crate::client) fn mail(
        &self,
        purpose: TokenPurpose,
        subject: Option<&str>,
        values: &MailValues<'_>,
    ) -> Result<Mail, ClientError> {
        let text = match purpose {
            TokenPurpose::Confirm => &self.confirm,
            TokenPurpose::Reset => &self.reset,
        };
        text.mail(subject, values)
    }
}

/// The values that the texts can refer to.
pub(in crate::client) struct MailValues<'a> {
    pub(in crate::client) app: &'a str,
    pub(in crate::client) email: &'a str,
    pub(in crate::client) link: &'a str,
}

impl MailValues<'_> {
    fn document(&self) -> Document {
        doc! { "app": self.app, "email": self.email, "link": self.link }
    }
}

impl MailText {
    fn load(built_in: &str, name: &str, folder: Option<&Path>) -> Result<Self, MailTextsError> {
        let path = |extension: &str| {
            let folder = folder.unwrap_or(Path::new(""));
            folder.join(format!("{name}.{extension}"))
        };
        let (text_path, html_path) = (path("txt"), path("html"));
        let own = folder.and_then(|_| read(&text_path)).transpose()?;
        let whole = own.as_deref().unwrap_or(built_in).replace("\r\n", "\n");
        let parts = whole.strip_prefix("Subject:").and_then(|rest| rest.split_once("\n\n"));
        let (subject, text) = parts.ok_or_else(|| MailTextsError::Subject(text_path.clone()))?;
        let html = folder.and_then(|_| read(&html_path)).transpose()?;
        Ok(Self {
            subject: template(subject.trim(), Escape::None, &text_path)?,
            text: template(text.trim_end(), Escape::None, &text_path)?,
            html: html.map(|html| template(&html, Escape::Html, &html_path)).transpose()?,
        })
    }

    fn mail(&self, subject: Option<&str>, values: &MailValues<'_>) -> Result<Mail, ClientError> {
        let context = Context::new().with_values(values.document());
        let resolved = |template: &Template| template.to_text(&context).map_err(ClientError::internal);
        let text = resolved(&self.text)?;
        let html = match &self.html {
            Some(html) => resolved(html)?,
            None => as_html(&text, values.link),
        };
        let subject = subject.map_or_else(|| resolved(&self.subject), |subject| Ok(subject.to_owned()))?;
        Ok(Mail { to: values.email.to_owned(), subject: subject.replace(['\r', '\n'], " "), text, html })
    }
}

fn template(text: &str, escape: Escape, path: &Path) -> Result<Template, MailTextsError> {
    let failed =
        |error: &dyn std::error::Error| MailTextsError::Template { path: path.to_owned(), message: error.to_string() };
    Template::text(text, escape).map_err(|error| failed(&error))
}

/// The content of a file; `None` if it does not exist.
fn read(path: &Path) -> Option<Result<String, MailTextsError>> {
    match fs::read_to_string(path) {
        Ok(text) => Some(Ok(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(MailTextsError::File { path: path.to_owned(), error })),
    }
}

/// Converts a plain text into HTML paragraphs in which the link can be clicked.
fn as_html(text: &str, link: &str) -> String {
    let escaped = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text.replace('"', "&quot;").replace('\'', "&#39;")
    };
    let link = escaped(link);
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let paragraph = escaped(paragraph.trim()).replace('\n', "<br>");
        format!("<p>{}</p>", paragraph.replace(&link, &format!("<a href=\"{link}\">{link}</a>")))
    });
    format!("<!doctype html>\n<html><body>\n{}\n</body></html>\n", paragraphs.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(email: &'a str) -> MailValues<'a> {
        MailValues { app: "shop-abcde", email, link: "https://shop.example/confirm?token=1&tokenId=2" }
    }

    #[test]
    fn every_language_has_every_mail_text() {
        for language in LANGUAGES {
            let texts = MailTexts::load(language, None).unwrap();
            for purpose in [TokenPurpose::Confirm, TokenPurpose::Reset] {
                let mail = texts.mail(purpose, None, &values("ken@example.com")).unwrap();
                assert!(mail.text.contains("\n\nhttps://shop.example/confirm?token=1&tokenId=2\n\n"), "{}", mail.text);
                assert!(
                    mail.html.contains("<a href=\"https://shop.example/confirm?token=1&amp;tokenId=2\">"),
                    "{}",
                    mail.html
                );
                assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'));
            }
        }
        assert!(MailTexts::load("xx", None).is_err());
    }

    #[test]
    fn custom_mail_texts_replace_the_defaults_and_escape_insertions() {
        let folder = std::env::temp_dir().join(format!("portcullis-mails-{}", bson::oid::ObjectId::new().to_hex()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("reset.txt"), "Subject: %(%%values.app)\r\n\r\nFor %(%%values.email)").unwrap();
        fs::write(folder.join("reset.html"), "<b>%(%%values.email)</b>").unwrap();
        let texts = MailTexts::load("en", Some(&folder)).unwrap();
        let mail = texts.mail(TokenPurpose::Reset, None, &values("<i>@example.com")).unwrap();
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("shop-abcde", "For <i>@example.com"));
        assert_eq!(mail.html, "<b>&lt;i&gt;@example.com</b>");
        fs::write(folder.join("reset.txt"), "no subject").unwrap();
        let error = MailTexts::load("en", Some(&folder)).err().unwrap().to_string();
        assert!(error.ends_with("must begin with a line `Subject: …`, then an empty line, then the text"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
