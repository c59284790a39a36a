use std::fmt::Write as _;

use super::{Kind, Node};

impl Node {
    /// Formats the value on several lines, indented by two spaces, with numbers in source form. Arrays and objects that
    /// do not contain others are on a single line if they are short. There is no newline at the end.
    #[must_use]
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        write_node(self, 0, &mut out);
        out
    }
}

/// The maximum width of a line that contains a whole array or object.
const MAX_WIDTH: usize = 100;

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn write_node(node: &Node, indent: usize, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push_str("null"),
        Kind::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Kind::Number(text) => out.push_str(text),
        Kind::String(text) => out.push_str(&quoted(text)),
        Kind::Array(elements) if elements.is_empty() => out.push_str("[]"),
        Kind::Object(members) if members.is_empty() => out.push_str("{}"),
        Kind::Array(elements) => match one_line(node, indent) {
            Some(line) => out.push_str(&line),
            None => write_lines('[', ']', elements, indent, out, |element, out| write_node(element, indent + 2, out)),
        },
        Kind::Object(members) => match one_line(node, indent) {
            Some(line) => out.push_str(&line),
            None => write_lines('{', '}', members, indent, out, |member, out| {
                let _ = write!(out, "{}: ", quoted(&member.key));
                write_node(&member.value, indent + 2, out);
            }),
        },
    }
}

fn write_lines<T>(
    open: char,
    close: char,
    parts: &[T],
    indent: usize,
    out: &mut String,
    write: impl Fn(&T, &mut String),
) {
    out.push(open);
    for (index, part) in parts.iter().enumerate() {
        out.push_str(if index > 0 { ",\n" } else { "\n" });
        out.push_str(&" ".repeat(indent + 2));
        write(part, out);
    }
    out.push('\n');
    out.push_str(&" ".repeat(indent));
    out.push(close);
}

/// The value on one line; `None` if it contains too many levels or is too long.
fn one_line(node: &Node, indent: usize) -> Option<String> {
    let mut line = String::new();
    inline(node, 5, MAX_WIDTH.saturating_sub(indent), &mut line).then_some(line)
}

/// Appends a value to the line. Returns false if it contains too many levels or the line becomes too long.
fn inline(node: &Node, depth: usize, width: usize, line: &mut String) -> bool {
    if line.len() > width {
        return false;
    }
    (match &node.kind {
        Kind::Array(elements) if !elements.is_empty() => {
            depth > 0
                && inline_parts(["[", "]"], elements, line, |element, line| inline(element, depth - 1, width, line))
        }
        Kind::Object(members) if !members.is_empty() => {
            depth > 0
                && inline_parts(["{ ", " }"], members, line, |member, line| {
                    let _ = write!(line, "{}: ", quoted(&member.key));
                    inline(&member.value, depth - 1, width, line)
                })
        }
        _ => {
            write_node(node, 0, line);
            true
        }
    }) && line.len() <= width
}

fn inline_parts<T>(
    [open, close]: [&str; 2],
    parts: &[T],
    line: &mut String,
    write: impl Fn(&T, &mut String) -> bool,
) -> bool {
    line.push_str(open);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            line.push_str(", ");
        }
        if !write(part, line) {
            return false;
        }
    }
    line.push_str(close);
    true
}
