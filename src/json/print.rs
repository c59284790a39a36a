use std::fmt::Write as _;

use super::{Kind, Member, Node};

impl Node {
    /// This value as JSON text over several lines, indented by two blanks, numbers as they were written. An array or
    /// object without arrays and objects in it takes one line if that is short. Ends without a newline.
    #[must_use]
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        write_node(self, 0, &mut out);
        out
    }
}

/// What fits on one line.
const WIDTH: usize = 100;

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

fn is_simple(node: &Node) -> bool {
    !matches!(node.kind, Kind::Array(_) | Kind::Object(_))
}

/// The value on one line, if it is simple and short enough for that.
fn one_line(node: &Node, indent: usize) -> Option<String> {
    let simple = |node: &Node| {
        is_simple(node)
            || matches!(&node.kind, Kind::Object(members) if members.iter().all(|m| is_simple(&m.value)))
            || matches!(&node.kind, Kind::Array(elements) if elements.iter().all(is_simple))
    };
    let line = match &node.kind {
        Kind::Array(elements) if elements.len() <= WIDTH && elements.iter().all(simple) => {
            let parts: Vec<String> = elements.iter().map(line).collect();
            format!("[{}]", parts.join(", "))
        }
        Kind::Object(members) if members.len() <= 4 && members.iter().all(|member| simple(&member.value)) => line(node),
        _ => return None,
    };
    (line.len() + indent <= WIDTH).then_some(line)
}

fn line(node: &Node) -> String {
    match &node.kind {
        Kind::Array(elements) => format!("[{}]", elements.iter().map(line).collect::<Vec<_>>().join(", ")),
        Kind::Object(members) if members.is_empty() => "{}".to_owned(),
        Kind::Object(members) => {
            let member = |member: &Member| format!("{}: {}", quoted(&member.key), line(&member.value));
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        _ => {
            let mut out = String::new();
            write_node(node, 0, &mut out);
            out
        }
    }
}
