use bson::Bson;

use super::{
    Call, ContextRoot, DocumentRoot, Elements, Left, List, LowerError, LowerErrorKind, Predicate, Reference, Right,
    Scope, Template, Test, TestKind,
};
use crate::expr::{self, Clause, Comparison, Condition, ElemMatch, Expansion, Expr, Logic, Name, Operand, Root};
use crate::path::FieldPath;
use crate::text::{Span, Spanned};

/// Lowers an expression to a predicate: resolves its names in a scope and reduces its operators to tests.
///
/// # Errors
/// An error for each reference to something that is not in scope.
///
/// ```
/// use portcullis::predicate::{Scope, lower};
/// let expr = portcullis::expr::parse_str(r#"{"%%this": "%%user.id"}"#).unwrap();
/// assert!(lower(&expr, Scope::Field).is_ok());
/// let errors = lower(&expr, Scope::Role).unwrap_err();
/// assert_eq!(errors[0].to_string(), "`%%this` cannot be used in a role's rule");
/// ```
pub fn lower(expr: &Spanned<Expr>, scope: Scope) -> Result<Predicate, Vec<LowerError>> {
    Lowering { scope, errors: Vec::new() }.run(expr)
}

/// What plain field names refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plain {
    /// Whatever the scope defines.
    Scope,
    /// Fields of the element that `$elemMatch` examines.
    Element,
}

struct Lowering {
    scope: Scope,
    errors: Vec<LowerError>,
}

fn all(mut parts: Vec<Predicate>) -> Predicate {
    match parts.len() {
        0 => Predicate::Constant(true),
        1 => parts.remove(0),
        _ => Predicate::All(parts),
    }
}

fn not(inner: Predicate) -> Predicate {
    Predicate::Not(Box::new(inner))
}

fn logic(logic: Logic, parts: Vec<Predicate>) -> Predicate {
    match logic {
        Logic::And => Predicate::All(parts),
        Logic::Or => Predicate::Any(parts),
        Logic::Nor => not(Predicate::Any(parts)),
    }
}

/// A left operand with its source text, for all tests on it.
struct Subject<'n> {
    left: &'n Left,
    name: &'n str,
}

impl Subject<'_> {
    fn test(&self, check: TestKind, written: &serde_json::Value, span: Span) -> Predicate {
        let text = if self.name.is_empty() {
            written.to_string()
        } else {
            format!("{{{}:{written}}}", serde_json::Value::String(self.name.to_owned()))
        };
        Predicate::Test(Box::new(Test::new(self.left.clone(), check, text, span)))
    }
}

impl Lowering {
    fn run(mut self, expr: &Spanned<Expr>) -> Result<Predicate, Vec<LowerError>> {
        let predicate = self.expr(expr, Plain::Scope);
        if self.errors.is_empty() { Ok(predicate) } else { Err(self.errors) }
    }

    fn report(&mut self, kind: LowerErrorKind, span: Span, help: &str) {
        self.errors.push(LowerError::new(kind, span).help(help));
    }

    fn expr(&mut self, expr: &Spanned<Expr>, plain: Plain) -> Predicate {
        match &expr.value {
            Expr::Boolean(value) => Predicate::Constant(*value),
            Expr::All(clauses) => all(clauses.iter().map(|clause| self.clause(clause, plain)).collect()),
        }
    }

    fn clause(&mut self, clause: &Clause, plain: Plain) -> Predicate {
        match clause {
            Clause::Logic(kind, list) => logic(*kind, list.iter().map(|expr| self.expr(expr, plain)).collect()),
            Clause::Not(expr) => not(self.expr(expr, plain)),
            Clause::Test(name, Condition::Expression(expr)) => {
                let inner = self.expr(expr, plain);
                match &name.value {
                    Name::Expansion(Expansion { root: Root::False, .. }) => not(inner),
                    _ => inner,
                }
            }
            Clause::Test(name, condition) => {
                let left = self.left(name, plain);
                let written = name.value.to_string();
                let subject = Subject { left: &left, name: &written };
                match condition {
                    Condition::Equals(value) => {
                        let right = self.right(value);
                        let written = value.value.to_json();
                        subject.test(TestKind::Equals(right), &written, name.span)
                    }
                    Condition::Checks(checks) => self.checks(&subject, checks),
                    Condition::Expression(_) => Predicate::Constant(false),
                }
            }
        }
    }

    fn left(&mut self, name: &Spanned<Name>, plain: Plain) -> Left {
        let (root, path) = match (&name.value, plain) {
            (Name::Path(path), Plain::Element) => return Left::Element(path.clone()),
            (Name::Path(path), Plain::Scope) => match self.scope.plain_path() {
                Some(root) => (root, path.clone()),
                None => {
                    let kind = LowerErrorKind::PathOutOfScope { path: path.to_string(), scope: self.scope };
                    self.report(kind, name.span, "use an expansion such as `%%user.id` instead");
                    return Left::Boolean(false);
                }
            },
            (Name::Expansion(expansion), _) => {
                if !self.allowed(expansion, name.span) {
                    return Left::Boolean(false);
                }
                (expansion.root, expansion.path.clone())
            }
        };
        match place(root, path) {
            Place::Boolean(value) => Left::Boolean(value),
            Place::Document(root, path) => Left::Document(root, path),
            Place::Context(reference) => {
                self.no_whole(&reference, name.span);
                Left::Context(reference)
            }
        }
    }

    fn allowed(&mut self, expansion: &Expansion, span: Span) -> bool {
        if self.scope.allows(expansion.root) {
            return true;
        }
        let help = match (expansion.root, self.scope) {
            (Root::Root, Scope::Query) => "write the field's path itself",
            (Root::This | Root::Prev, Scope::Role) => {
                "only field rules have `%%this` and `%%prev`; write `%%root.<field>` or `%%prevRoot.<field>`"
            }
            (Root::Args, _) => "only the rules of services have arguments",
            (Root::Partition, _) => "only the rules of partition-based sync have a partition",
            (Root::Request, _) => "sync rules have no request",
            (_, Scope::Filter) => "a filter is chosen before any document is read; put the condition into its `query`",
            (_, Scope::Service) => "service rules can use `%%args`",
            _ => "no such document is available here",
        };
        let kind = LowerErrorKind::ExpansionOutOfScope { expansion: expansion.to_string(), scope: self.scope };
        self.report(kind, span, help);
        false
    }

    /// Rejects references to whole context objects, such as `%%user`.
    fn no_whole(&mut self, reference: &Reference, span: Span) {
        let headers = reference.root == ContextRoot::Request && reference.path.to_string() == "requestHeaders";
        let whole = matches!(
            reference.root,
            ContextRoot::User | ContextRoot::Values | ContextRoot::Environment | ContextRoot::Request
        ) && reference.path.is_root();
        if headers || whole {
            self.report(
                LowerErrorKind::WholeObject(reference.to_string()),
                span,
                "name one of its fields, such as `%%user.id`",
            );
        }
    }

    fn checks(&mut self, subject: &Subject<'_>, checks: &[Spanned<expr::Check>]) -> Predicate {
        all(checks.iter().map(|check| self.check(subject, check)).collect())
    }

    fn check(&mut self, subject: &Subject<'_>, check: &Spanned<expr::Check>) -> Predicate {
        use expr::Check as C;
        let written = check.value.to_json();
        let test = |check_as_meant| subject.test(check_as_meant, &written, check.span);
        match &check.value {
            C::Compare(Comparison::Eq, value) => test(TestKind::Equals(self.right(value))),
            C::Compare(Comparison::Ne, value) => {
                let written = C::Compare(Comparison::Eq, value.clone()).to_json();
                not(subject.test(TestKind::Equals(self.right(value)), &written, check.span))
            }
            C::Compare(comparison, value) => test(TestKind::Order(*comparison, self.right(value))),
            C::In(list) => test(TestKind::In(self.list(list))),
            C::Nin(list) => {
                let written = C::In(list.clone()).to_json();
                not(subject.test(TestKind::In(self.list(list)), &written, check.span))
            }
            C::All(values) => test(TestKind::All(values.iter().map(|value| self.right(value)).collect())),
            C::Exists(true) => test(TestKind::Exists),
            C::Exists(false) => not(subject.test(TestKind::Exists, &C::Exists(true).to_json(), check.span)),
            C::Size(size) => test(TestKind::Size(*size)),
            C::Type(set) => test(TestKind::Type(*set)),
            C::Mod { divisor, remainder } => test(TestKind::Mod { divisor: *divisor, remainder: *remainder }),
            C::Regex(pattern) => test(TestKind::Regex(pattern.clone())),
            C::ElemMatch(ElemMatch::Element(checks)) => {
                let element = Left::Element(FieldPath::root());
                let inner = self.checks(&Subject { left: &element, name: "" }, checks);
                test(TestKind::ElemMatch(Elements::All, Box::new(inner)))
            }
            C::ElemMatch(ElemMatch::Fields(expr)) => {
                let inner = self.expr(expr, Plain::Element);
                test(TestKind::ElemMatch(Elements::Containers, Box::new(inner)))
            }
            C::Not(checks) => not(self.checks(subject, checks)),
            C::Logic(kind, lists) => logic(*kind, lists.iter().map(|list| self.checks(subject, list)).collect()),
            C::Convert(conversion, value) => {
                test(TestKind::Equals(Right::Convert(*conversion, Box::new(self.right(value)))))
            }
            C::Function(call) => {
                let arguments = call.arguments.iter().map(|argument| self.template(argument, Whole::Allowed)).collect();
                test(TestKind::Equals(Right::Function(Call { name: call.name.clone(), arguments })))
            }
        }
    }

    fn list(&mut self, list: &expr::List) -> List {
        match list {
            expr::List::Elements(elements) => {
                List::Elements(elements.iter().map(|element| self.right(element)).collect())
            }
            expr::List::Expansion(expansion) => {
                let operand = Spanned::new(Operand::Expansion(expansion.value.clone()), expansion.span);
                List::Place(self.right(&operand))
            }
        }
    }

    fn right(&mut self, operand: &Spanned<Operand>) -> Right {
        match self.template(operand, Whole::Refused) {
            Template::Literal(value) => Right::Literal(value),
            Template::Context(reference) => Right::Context(reference),
            Template::Document(root, path) => Right::Document(root, path),
            template => Right::Template(template),
        }
    }

    fn template(&mut self, operand: &Spanned<Operand>, whole: Whole) -> Template {
        match &operand.value {
            Operand::Literal(value) => Template::Literal(value.clone()),
            Operand::Expansion(expansion) => {
                if !self.allowed(expansion, operand.span) {
                    return Template::Literal(Bson::Null);
                }
                match place(expansion.root, expansion.path.clone()) {
                    Place::Boolean(value) => Template::Literal(Bson::Boolean(value)),
                    Place::Document(root, path) => Template::Document(root, path),
                    Place::Context(reference) => {
                        if whole == Whole::Refused {
                            self.no_whole(&reference, operand.span);
                        }
                        Template::Context(reference)
                    }
                }
            }
            Operand::Document(fields) => {
                Template::Fields(fields.iter().map(|(key, value)| (key.clone(), self.template(value, whole))).collect())
            }
            Operand::Array(elements) => {
                Template::Elements(elements.iter().map(|element| self.template(element, whole)).collect())
            }
        }
    }
}

/// Whether references to whole context objects are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Allowed,
    Refused,
}

/// The object that an expansion refers to.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Boolean(bool),
    Document(DocumentRoot, FieldPath),
    Context(Reference),
}

/// Resolves an expansion. Older spellings in its path are normalized.
pub(crate) fn place(root: Root, path: FieldPath) -> Place {
    let context = |root, path| Place::Context(Reference { root, path });
    match root {
        Root::True => Place::Boolean(true),
        Root::False => Place::Boolean(false),
        Root::Root => Place::Document(DocumentRoot::Root, path),
        Root::PrevRoot => Place::Document(DocumentRoot::PrevRoot, path),
        Root::This => Place::Document(DocumentRoot::This, path),
        Root::Prev => Place::Document(DocumentRoot::Prev, path),
        Root::User => context(ContextRoot::User, current_spelling(path)),
        Root::Values => context(ContextRoot::Values, path),
        Root::Environment => context(ContextRoot::Environment, path),
        Root::Request => context(ContextRoot::Request, path),
        Root::Args => context(ContextRoot::Args, path),
        Root::Partition => context(ContextRoot::Partition, path),
        Root::Now => context(ContextRoot::Now, path),
    }
}

/// Normalizes `identities.providerType`, an older spelling of `identities.provider_type`.
fn current_spelling(path: FieldPath) -> FieldPath {
    if path.first() != Some("identities") || !path.segments().iter().any(|s| s.name() == "providerType") {
        return path;
    }
    let names: Vec<_> = path
        .segments()
        .iter()
        .map(|segment| if segment.name() == "providerType" { "provider_type" } else { segment.name() })
        .collect();
    FieldPath::parse(&names.join(".")).unwrap_or(path)
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let root = match self.root {
            ContextRoot::User => Root::User,
            ContextRoot::Values => Root::Values,
            ContextRoot::Environment => Root::Environment,
            ContextRoot::Request => Root::Request,
            ContextRoot::Args => Root::Args,
            ContextRoot::Partition => Root::Partition,
            ContextRoot::Now => Root::Now,
        };
        Expansion { root, path: self.path.clone() }.fmt(f)
    }
}
