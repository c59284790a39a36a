//! Who can write the documents behind `%%user.custom_data`.

use bson::Bson;

use super::catalogue::{CUSTOM_DATA_GRANTED, CUSTOM_DATA_OPEN, CUSTOM_DATA_WRITABLE};
use super::extent::{Extent, Writing, never, top_level, writing, writing_of};
use super::report::Report;
use super::roles::covers;
use super::shape::{Polarity, conjuncts, demands, is_user, references, rights};
use crate::path::{FieldPath, Segment};
use crate::policy::{FieldRule, Policy, Role, Rule};
use crate::predicate::{Check, ContextRoot, DocumentRoot, Left, List, Predicate, Right, Test};
use crate::schema::Schema;

/// The collection of custom-data documents.
pub(super) struct Store {
    pub(super) id_field: FieldPath,
    /// The paths in a custom-data document that rules read.
    pub(super) believed: Vec<FieldPath>,
}

/// What the write permission of a role on a path amounts to.
enum Permission<'r> {
    None,
    Privileged(&'r Rule),
    Anyone(&'r Rule),
}

impl Store {
    pub(super) fn lint(&self, policy: &Policy, report: &mut Report) {
        let conditions: Vec<_> = policy.roles.iter().map(|role| conjuncts(&role.apply_when.predicate)).collect();
        for (index, (role, condition)) in policy.roles.iter().zip(&conditions).enumerate() {
            let hidden = policy.roles.iter().zip(&conditions).take(index).any(|(r, wider)| covers(r, wider, condition));
            if !hidden && !never(Some(&role.apply_when)) && writing(role) != Extent::Nothing {
                self.role(role, policy.schema.as_ref(), report);
            }
        }
    }

    fn role(&self, role: &Role, schema: Option<&Schema>, report: &mut Report) {
        // Both see the stored document.
        let filter = role.document_filters.as_ref().and_then(|halves| halves.write.as_ref());
        let own = [Some(&role.apply_when), filter].into_iter().flatten().any(|rule| {
            demands(&rule.predicate, Polarity::Asserted, &mut |test, polarity| {
                polarity == Polarity::Asserted && self.is_own(test)
            })
        });
        // Who may write the id into another's document makes it the own one.
        let claimed = (!own && !self.believed.is_empty()).then_some(&self.id_field);
        let mut privileged = None;
        for path in self.believed.iter().chain(claimed) {
            match self.permission(role, schema, path) {
                Permission::None => {}
                Permission::Privileged(rule) => privileged = privileged.or(Some((path, rule))),
                Permission::Anyone(rule) => {
                    let read = match path.is_root() {
                        true => "%%user.custom_data".to_owned(),
                        false => format!("%%user.custom_data.{path}"),
                    };
                    let message = match *path == self.id_field {
                        true => format!(
                            "users of role `{}` can make any custom data their own: they can write `{path}`",
                            role.name
                        ),
                        false => format!(
                            "users of role `{}` can write their own custom data: what rules read as `{read}` is theirs \
                             to choose",
                            role.name
                        ),
                    };
                    return report.add(CUSTOM_DATA_WRITABLE, rule.expr.span, message, self.way_out(role, path));
                }
            }
        }
        if let Some((path, rule)) = privileged {
            let message = format!(
                "users of role `{}` can write `{path}` of custom data, which rules read: they can promote anybody",
                role.name
            );
            let help = "make sure that only administrators have the role, and that nobody becomes one by it";
            return report.add(CUSTOM_DATA_GRANTED, rule.expr.span, message, help);
        }
        if let Some(rule) = self.open(role, schema) {
            let message =
                format!("users of role `{}` can write parts of their custom data that no rule reads", role.name);
            report.add(CUSTOM_DATA_OPEN, rule.expr.span, message, "let no function trust what stands there");
        }
    }

    fn way_out(&self, role: &Role, path: &FieldPath) -> String {
        let field = path.first().unwrap_or("role");
        match (&role.write, role.fields.iter().any(|rule| &*rule.name == field)) {
            (Some(_), _) => format!(
                "write \"write\": false, or leave `write` out and give field rules with `write` to other fields than \
                 `{field}`"
            ),
            (None, true) => format!("write \"write\": false in the field rule of `{field}`"),
            (None, false) => format!("add the field rule \"{field}\": {{\"read\": true, \"write\": false}}"),
        }
    }

    /// A rule by which anyone may write something of what may be the own document.
    fn open<'r>(&self, role: &'r Role, schema: Option<&Schema>) -> Option<&'r Rule> {
        let whole = FieldPath::root();
        let rule = match &role.write {
            Some(rule) => rule,
            None => top_level(role).find_map(first_write)?,
        };
        matches!(self.judge(role, schema, rule, &whole), Permission::Anyone(_)).then_some(rule)
    }

    fn permission<'r>(&self, role: &'r Role, schema: Option<&Schema>, path: &FieldPath) -> Permission<'r> {
        let rule = if path.is_root() {
            // Rules read all of it; any field counts.
            match &role.write {
                Some(rule) => Some(rule),
                None => top_level(role).find_map(first_write),
            }
        } else {
            match writing_of(role, path.segments()) {
                Writing::By(rule) => Some(rule),
                Writing::Never => None,
            }
        };
        rule.map_or(Permission::None, |rule| self.judge(role, schema, rule, path))
    }

    fn judge<'r>(&self, role: &'r Role, schema: Option<&Schema>, rule: &'r Rule, path: &FieldPath) -> Permission<'r> {
        let filter = role.document_filters.as_ref().and_then(|halves| halves.write.as_ref());
        let own = [Some(rule), filter].into_iter().flatten().map(|rule| &rule.predicate);
        let validates = schema.map(|schema| schema.validates_at(path.segments())).unwrap_or_default();
        let new_document: Vec<&Predicate> = own.chain(validates).collect();
        // Tests that keep the writer from choosing, and tests that leave the choice to the privileged.
        let closes =
            |test: &Test, polarity| self.is_own(test) && polarity == Polarity::Denied || is_kept(test, polarity, path);
        let privilege = |test: &Test, polarity| polarity == Polarity::Asserted && is_privilege(test);
        let any = |asked: &mut dyn FnMut(&Test, Polarity) -> bool| {
            new_document.iter().any(|predicate| demands(predicate, Polarity::Asserted, asked))
        };
        if any(&mut |test, polarity| closes(test, polarity)) {
            return Permission::None;
        }
        let privileged = any(&mut |test, polarity| closes(test, polarity) || privilege(test, polarity))
            || demands(&role.apply_when.predicate, Polarity::Asserted, &mut |test, polarity| privilege(test, polarity));
        if privileged { Permission::Privileged(rule) } else { Permission::Anyone(rule) }
    }

    /// Whether a test asks for the user's own custom-data document.
    fn is_own(&self, test: &Test) -> bool {
        let here = |root: DocumentRoot, path: &FieldPath| {
            matches!(root, DocumentRoot::Root | DocumentRoot::PrevRoot) && *path == self.id_field
        };
        match (&test.left, &test.check) {
            (Left::Document(root, path), Check::Equals(right)) => {
                here(*root, path) && references(right).iter().any(|reference| is_user(reference, "id"))
            }
            (Left::Context(reference), Check::Equals(Right::Document(root, path))) => {
                here(*root, path) && is_user(reference, "id")
            }
            (Left::Context(reference), Check::Equals(Right::Convert(_, inner))) => {
                is_user(reference, "id") && matches!(&**inner, Right::Document(root, path) if here(*root, path))
            }
            _ => false,
        }
    }
}

fn first_write(field: &FieldRule) -> Option<&Rule> {
    match &field.write {
        Some(write) => (!never(Some(write))).then_some(write),
        None => field.fields.iter().flatten().find_map(first_write),
    }
}

/// Whether a test keeps the writer from choosing the new value of a path: it is unchanged, one of those in the rule, or
/// missing.
fn is_kept(test: &Test, polarity: Polarity, path: &FieldPath) -> bool {
    let Left::Document(root, left) = &test.left else { return false };
    let holds = |left: &FieldPath| !path.is_root() && path.segments().starts_with(left.segments());
    let here = match root {
        DocumentRoot::Root | DocumentRoot::PrevRoot => holds(left),
        DocumentRoot::This | DocumentRoot::Prev => left.is_root(),
    };
    if !here {
        return false;
    }
    let new = matches!(root, DocumentRoot::Root | DocumentRoot::This);
    match (&test.check, polarity) {
        (Check::Equals(Right::Document(other, right)), Polarity::Asserted) => right == left && other != root,
        (Check::Equals(Right::Literal(_)), Polarity::Asserted) => new,
        (Check::In(List::Elements(elements)), Polarity::Asserted) => {
            new && elements.iter().all(|element| matches!(element, Right::Literal(_)))
        }
        (Check::Exists, Polarity::Denied) => new && !left.is_root(),
        _ => false,
    }
}

/// Whether a test holds only for users who have something that they cannot give themselves.
fn is_privilege(test: &Test) -> bool {
    let configured = |right: &&Right| match right {
        Right::Literal(value) => !matches!(value, Bson::Null | Bson::Boolean(false)),
        Right::Context(reference) => matches!(reference.root, ContextRoot::Values | ContextRoot::Environment),
        // What a function asks cannot be seen.
        Right::Function(_) => true,
        _ => false,
    };
    if matches!(&test.check, Check::Equals(Right::Function(_))) {
        return true;
    }
    let Left::Context(left) = &test.left else { return false };
    let names: Vec<&str> = left.path.segments().iter().map(Segment::name).collect();
    let rights = rights(test);
    let all = !rights.is_empty() && rights.iter().all(configured);
    match (left.root, names.as_slice()) {
        (ContextRoot::User, ["custom_data", ..]) => match &test.check {
            Check::Equals(_) | Check::Order(..) | Check::In(_) | Check::All(_) => all,
            Check::Exists | Check::Type(_) | Check::Regex(_) | Check::ElemMatch(..) => true,
            Check::Size(_) | Check::Mod { .. } => false,
        },
        (ContextRoot::User, ["type"]) => {
            all && !rights.iter().any(|right| matches!(right, Right::Literal(Bson::String(text)) if text == "normal"))
        }
        (ContextRoot::User, ["identities", last]) if *last != "id" => false,
        (ContextRoot::User, ["id" | "data" | "identities", ..]) => match &test.check {
            Check::Regex(_) => true,
            _ => all,
        },
        (ContextRoot::Values | ContextRoot::Environment, _) => {
            rights.iter().any(|right| matches!(right, Right::Context(reference) if is_user(reference, "id")))
        }
        _ => false,
    }
}
