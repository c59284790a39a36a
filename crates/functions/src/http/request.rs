use bson::{Bson, Document, doc};
use portcullis::endpoint::header_name;
use reqwest::Url;
use thiserror::Error;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct HttpError(pub(crate) String);

impl HttpError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// A request of a function.
#[derive(Clone)]
pub(crate) struct OutgoingRequest {
    pub(super) method: &'static str,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
    /// The body as rules see it, before it is encoded.
    pub(super) shown_body: Option<Bson>,
    pub(super) credentials: Option<(String, String)>,
    pub(super) digest: bool,
    pub(super) redirects: bool,
}

const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

const KEYS: [&str; 17] = [
    "method",
    "url",
    "scheme",
    "host",
    "path",
    "query",
    "fragment",
    "username",
    "password",
    "headers",
    "body",
    "form",
    "cookies",
    "digestAuth",
    "followRedirects",
    "json",
    "encodeBodyAsJSON",
];

impl OutgoingRequest {
    /// Parses the argument of a method of `context.http`.
    pub(crate) fn read(argument: &Document) -> Result<Self, HttpError> {
        if let Some(key) = argument.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(HttpError::new(format!("a request has no option `{key}`")));
        }
        let text = |key: &str| match argument.get(key) {
            None | Some(Bson::Null | Bson::Undefined) => Ok(None),
            Some(Bson::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(HttpError::new(format!("`{key}` must be a string"))),
        };
        let flag = |key: &str| match argument.get(key) {
            None | Some(Bson::Null | Bson::Undefined) => Ok(None),
            Some(Bson::Boolean(flag)) => Ok(Some(*flag)),
            Some(_) => Err(HttpError::new(format!("`{key}` must be a boolean"))),
        };
        let method = text("method")?.and_then(|name| METHODS.into_iter().find(|method| *method == name));
        let method = method.ok_or_else(|| HttpError::new("the method is not known"))?;
        if text("url")?.is_some()
            && let Some(part) = ["scheme", "host", "path"].into_iter().find(|part| matches!(text(part), Ok(Some(_))))
        {
            return Err(HttpError::new(format!("a request has either `url` or `{part}`")));
        }
        let mut url = url(text("url")?, text("scheme")?, text("host")?, text("path")?, text("fragment")?)?;
        add_query(&mut url, argument.get("query"))?;
        let mut credentials = text("username")?.map(|name| (name.to_owned(), String::new()));
        if let (Some((_, password)), Some(given)) = (&mut credentials, text("password")?) {
            given.clone_into(password);
        }
        if credentials.is_none() && !url.username().is_empty() {
            let part = |part: &str| percent_decoded(part);
            credentials = Some((part(url.username()), part(url.password().unwrap_or_default())));
        }
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| HttpError::new("the URL has no host"))?;
        let mut headers = headers(argument.get("headers"))?;
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let mut add_type = |kind: &str| {
            if !has_type {
                headers.push(("Content-Type".into(), kind.to_owned()));
            }
        };
        let body = match (argument.get("form"), argument.get("body")) {
            (None | Some(Bson::Boolean(false) | Bson::Null | Bson::Undefined), body) => {
                if flag("json")? == Some(true) {
                    add_type("application/json");
                }
                body_bytes(body)?
            }
            // `form: {…}`, or `form: true` with the fields in `body`.
            (Some(Bson::Document(form)), _) | (Some(Bson::Boolean(true)), Some(Bson::Document(form))) => {
                add_type("application/x-www-form-urlencoded");
                Some(encoded(form)?.into_bytes())
            }
            _ => return Err(HttpError::new("`form` must be an object")),
        };
        add_cookies(&mut headers, argument.get("cookies"))?;
        let (digest, redirects) = (flag("digestAuth")?.unwrap_or(false), flag("followRedirects")?.unwrap_or(false));
        let shown_body = shown_body(argument);
        Ok(Self { method, url, headers, body, shown_body, credentials, digest, redirects })
    }

    /// The action that rules of the service refer to.
    pub(crate) const fn action(&self) -> &'static str {
        self.method
    }

    /// `%%args` in rules of the service: the request as it is sent, however the function specified it.
    pub(crate) fn arguments(&self) -> Document {
        let url = &self.url;
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let mut query = Document::new();
        for (name, value) in url.query_pairs() {
            add(&mut query, &name, &value);
        }
        let mut headers = Document::new();
        for (name, value) in &self.headers {
            add(&mut headers, &header_name(name), value);
        }
        let mut arguments = doc! {
            "method": self.method,
            "url": {
                "scheme": url.scheme(),
                "host": host,
                "path": url.path(),
                "query": query,
                "fragment": url.fragment().unwrap_or_default(),
            },
            "headers": headers,
        };
        if let Some(body) = &self.shown_body {
            arguments.insert("body", body.clone());
        }
        arguments
    }
}

/// Adds a value to a name, which may already have some.
fn add(fields: &mut Document, name: &str, value: &str) {
    match fields.get_mut(name) {
        Some(Bson::Array(values)) => values.push(value.into()),
        _ => {
            fields.insert(name, vec![value]);
        }
    }
}

/// The body before encoding: the fields of a form, or the value that `encodeBodyAsJSON` encoded.
fn shown_body(argument: &Document) -> Option<Bson> {
    let body = match (argument.get("form"), argument.get("body")) {
        (Some(form @ Bson::Document(_)), _) => Some(form.clone()),
        (_, Some(Bson::String(text))) if argument.get("json") == Some(&Bson::Boolean(true)) => {
            let parsed = serde_json::from_str::<serde_json::Value>(text).ok();
            parsed.and_then(|value| Bson::try_from(value).ok()).or_else(|| Some(text.as_str().into()))
        }
        (_, body) => body.cloned(),
    };
    body.filter(|body| !matches!(body, Bson::Null | Bson::Undefined))
}

fn url(
    url: Option<&str>,
    scheme: Option<&str>,
    host: Option<&str>,
    path: Option<&str>,
    fragment: Option<&str>,
) -> Result<Url, HttpError> {
    let text = match (url, host) {
        (Some(url), _) => url.to_owned(),
        (None, Some(host)) => {
            let path = path.unwrap_or_default();
            let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
            format!("{}://{host}{slash}{path}", scheme.unwrap_or("http"))
        }
        (None, None) => return Err(HttpError::new("a request needs a `url`")),
    };
    let mut url = Url::parse(&text).map_err(|_| HttpError::new("the URL is invalid"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(HttpError::new("the URL must be one of http or https"));
    }
    if fragment.is_some() {
        url.set_fragment(fragment);
    }
    Ok(url)
}

fn texts(value: &Bson, what: &str) -> Result<Vec<String>, HttpError> {
    let text = |value: &Bson| match value {
        Bson::String(text) => Ok(text.clone()),
        Bson::Int32(number) => Ok(number.to_string()),
        Bson::Int64(number) => Ok(number.to_string()),
        Bson::Double(number) => Ok(number.to_string()),
        Bson::Boolean(flag) => Ok(flag.to_string()),
        Bson::ObjectId(id) => Ok(id.to_hex()),
        _ => Err(HttpError::new(format!("the values of `{what}` must be strings or arrays of strings"))),
    };
    match value {
        Bson::Array(values) => values.iter().map(text).collect(),
        Bson::Undefined | Bson::Null => Ok(Vec::new()),
        value => Ok(vec![text(value)?]),
    }
}

fn fields<'d>(value: Option<&'d Bson>, what: &str) -> Result<Vec<(&'d str, Vec<String>)>, HttpError> {
    match value {
        None | Some(Bson::Undefined | Bson::Null) => Ok(Vec::new()),
        Some(Bson::Document(fields)) => {
            fields.iter().map(|(name, value)| Ok((name.as_str(), texts(value, what)?))).collect()
        }
        Some(_) => Err(HttpError::new(format!("`{what}` must be an object"))),
    }
}

fn add_query(url: &mut Url, query: Option<&Bson>) -> Result<(), HttpError> {
    let fields = fields(query, "query")?;
    if !fields.is_empty() {
        let mut pairs = url.query_pairs_mut();
        for (name, values) in &fields {
            values.iter().for_each(|value| {
                pairs.append_pair(name, value);
            });
        }
    }
    Ok(())
}

fn headers(value: Option<&Bson>) -> Result<Vec<(String, String)>, HttpError> {
    let fields = fields(value, "headers")?;
    // Headers that control the framing of the message are left to the client.
    let reserved = ["host", "content-length", "transfer-encoding", "connection", "upgrade"];
    let named = fields.into_iter().filter(|(name, _)| !reserved.contains(&name.to_ascii_lowercase().as_str()));
    Ok(named.flat_map(|(name, values)| values.into_iter().map(move |value| (name.to_owned(), value))).collect())
}

fn add_cookies(headers: &mut Vec<(String, String)>, cookies: Option<&Bson>) -> Result<(), HttpError> {
    let fields = fields(cookies, "cookies")?;
    let pairs: Vec<String> =
        fields.iter().flat_map(|(name, values)| values.iter().map(move |value| format!("{name}={value}"))).collect();
    if !pairs.is_empty() {
        headers.push(("Cookie".into(), pairs.join("; ")));
    }
    Ok(())
}

fn body_bytes(body: Option<&Bson>) -> Result<Option<Vec<u8>>, HttpError> {
    match body {
        None | Some(Bson::Undefined | Bson::Null) => Ok(None),
        Some(Bson::String(text)) => Ok(Some(text.clone().into_bytes())),
        Some(Bson::Binary(binary)) => Ok(Some(binary.bytes.clone())),
        Some(_) => Err(HttpError::new("the body must be a string or a Binary, or an object with `encodeBodyAsJSON`")),
    }
}

fn encoded(form: &Document) -> Result<String, HttpError> {
    // The form encoder at hand is that of URL queries.
    let mut url = Url::parse("http://form/").map_err(|_| HttpError::new("the form cannot be encoded"))?;
    add_query(&mut url, Some(&Bson::Document(form.clone())))?;
    Ok(url.query().unwrap_or_default().to_owned())
}

fn percent_decoded(text: &str) -> String {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *byte == b'%') {
            Some(value) => {
                decoded.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
