use crate::text::Span;

/// A JSON value, with its position.
#[derive(Clone, Debug)]
pub struct Node {
    /// The position, including delimiters.
    pub span: Span,
    /// The value.
    pub kind: Kind,
}

/// The kinds of JSON values.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number in source form, such as `-1.50e3`. It is a valid JSON number in the range of a double.
    Number(String),
    /// A string, without quotes and escapes.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, with its members in source order and without duplicate keys.
    Object(Vec<Member>),
}

/// A member of an object, `"key": value`.
#[derive(Clone, Debug)]
pub struct Member {
    /// The key, without quotes and escapes.
    pub key: String,
    /// The position of the key, including quotes.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Member {
    /// The position of the whole member, from its key to its value.
    fn span(&self) -> Span {
        Span::new(self.key_span.start, self.value.span.end)
    }
}

/// The index of the part that contains a span. Parts are in source order, unless they come from several texts.
fn place<P>(parts: &[P], span: Span, of: impl Fn(&P) -> Span) -> Option<usize> {
    let contains = |index: &usize| parts.get(*index).is_some_and(|part| of(part).contains(span));
    let last = parts.partition_point(|part| of(part).start <= span.start).checked_sub(1);
    last.filter(contains).or_else(|| parts.iter().position(|part| of(part).contains(span)))
}

impl Node {
    /// What messages call the value, such as `an object`.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Boolean(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::Array(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[Member]> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Boolean(value) => Some(value),
            _ => None,
        }
    }

    /// The value at a key, if it is an object with that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|member| &member.value)
    }

    /// The member with this key, if it is an object with that key.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.as_object()?.iter().find(|member| member.key == key)
    }

    /// The JSON pointer (RFC 6901) of the innermost value or member that contains a span.
    #[must_use]
    pub fn pointer_at(&self, span: Span) -> String {
        let mut pointer = String::new();
        let mut node = self;
        loop {
            let next = match &node.kind {
                Kind::Array(elements) => place(elements, span, |element| element.span)
                    .and_then(|index| elements.get(index).map(|element| (index.to_string(), element, true))),
                Kind::Object(members) => place(members, span, Member::span)
                    .and_then(|index| members.get(index))
                    .map(|member| (member.key.clone(), &member.value, member.value.span.contains(span))),
                _ => None,
            };
            let Some((token, child, inside)) = next else { return pointer };
            pointer.push('/');
            pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
            if !inside {
                return pointer;
            }
            node = child;
        }
    }

    /// The value as compact JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_json().to_string()
    }

    /// The value without positions. Numbers that do not fit 64 bits become the nearest double.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Boolean(value) => Value::Bool(*value),
            Kind::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Array(elements) => elements.iter().map(Self::to_json).collect(),
            Kind::Object(members) => {
                Value::Object(members.iter().map(|m| (m.key.clone(), m.value.to_json())).collect())
            }
        }
    }
}
