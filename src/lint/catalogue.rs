use crate::text::Severity;

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LintInfo {
    /// The stable code of the finding.
    pub code: &'static str,
    /// The severity of all findings of this kind.
    pub severity: Severity,
    /// Why it is reported, in one line.
    pub reason: &'static str,
}

/// Declares the kinds of findings, one per row. A finding can be created only from one of these, so [`CATALOGUE`]
/// contains every code.
macro_rules! catalogue {
    ($($name:ident: $code:literal, $severity:ident, $reason:literal;)*) => {
        $(pub(super) const $name: LintInfo =
            LintInfo { code: $code, severity: Severity::$severity, reason: $reason };)*

        /// All kinds of findings, in alphabetical order.
        pub const CATALOGUE: &[LintInfo] = &[$($name),*];
    };
}

catalogue! {
    ANYONE_WRITES: "anyone-writes", Warning,
        "anonymous users can write every document";
    ARRAY_COMPARED_WHOLE: "array-compared-whole", Warning,
        "a literal array is compared whole, element by element and in order; one of several values is `$in`";
    ARRAY_ON_RIGHT: "array-on-right", Warning,
        "a value of the context never equals an array of a document that holds it; the array belongs on the left";
    CHANGE_UNSEEN: "change-unseen", Warning,
        "where a role is chosen and where documents are read, before and after are the same document";
    COMPARISON_NEVER_HOLDS: "comparison-never-holds", Warning,
        "the two sides are of different types, or the value does not occur";
    CONVERSION_FAILS: "conversion-fails", Warning,
        "a literal that does not convert makes its test Unknown for everyone";
    CUSTOM_DATA_ABSENT: "custom-data-absent", Warning,
        "without a custom-data collection `%%user.custom_data` is Missing for every user";
    CUSTOM_DATA_GRANTED: "custom-data-granted", Warning,
        "users of a privileged role can write the custom data that rules read, and so promote others and themselves";
    CUSTOM_DATA_LACKED: "custom-data-lacked", Note,
        "a field that a user's custom data lacks is Unknown on the right and Missing on the left: roles do not apply to such users";
    CUSTOM_DATA_OPEN: "custom-data-open", Note,
        "users can write parts of their custom data that no rule reads, but functions may";
    CUSTOM_DATA_TYPE: "custom-data-type", Warning,
        "values of different types are never equal, so that a rule does not hold for users whose value is of another type";
    CUSTOM_DATA_WRITABLE: "custom-data-writable", Error,
        "users who can write or insert their own custom data control what the rules rely on";
    DOCUMENT_FILTERS_HALF: "document-filters-half", Warning,
        "an absent half of `document_filters` counts as true: without `read` every document passes, without `write` nothing is required of a write";
    DOCUMENT_MOVABLE: "document-movable", Note,
        "users who own a document only through `apply_when` can give it away";
    DOCUMENT_TAKE_OVER: "document-take-over", Warning,
        "users who can write the field that determines ownership can become owners";
    ELEMENTS_APART: "elements-apart", Warning,
        "conditions on fields of an array's documents can be met by different documents; `$elemMatch` requires one that meets all";
    ENVIRONMENT_VALUE_PARTIAL: "environment-value-partial", Warning,
        "a value that some environment lacks is Missing there, and as a right operand Unknown";
    ENVIRONMENT_VALUE_UNKNOWN: "environment-value-unknown", Error,
        "a value that no environment has is Missing, and as a right operand Unknown";
    EXPANSION_IN_TEXT: "expansion-in-text", Warning,
        "an expansion is resolved only where it is the whole string, and begins with `%%`";
    FIELD_FORBIDDEN: "field-forbidden", Warning,
        "a schema with `additionalProperties: false` rejects fields that it does not describe, so a rule about one has no effect";
    FIELD_READS_DEAD: "field-reads-dead", Warning,
        "beside a document-level `read`, or `write: true`, field-level reading is never evaluated";
    FIELD_RULES_REDUNDANT: "field-rules-redundant", Note,
        "field rules that only repeat what the document level grants are never evaluated";
    FIELD_UNDESCRIBED: "field-undescribed", Note,
        "a field that rules use but the schema does not describe may be misspelt";
    FIELD_WRITES_DEAD: "field-writes-dead", Warning,
        "beside a document-level `write`, or `read: false`, field-level writing is never evaluated";
    FILTER_WITHOUT_EFFECT: "filter-without-effect", Warning,
        "a filter that never applies, or neither restricts nor hides anything, restricts nobody";
    FUNCTION_UNKNOWN: "function-unknown", Error,
        "calling an unknown function is an error, which denies";
    ID_NOT_CONVERTED: "id-not-converted", Note,
        "`%%user.id` is a string and never equals an ObjectId";
    INSERT_CHECK_EVADED: "insert-check-evaded", Warning,
        "a condition that only `insert` checks can be undone by a later update";
    INSERT_FOR_OTHERS: "insert-for-others", Warning,
        "users can insert documents that belong to another, although ownership decides what may be done with them";
    INSERT_WITHOUT_FIELD: "insert-without-field", Warning,
        "inserts and deletes require write permission on every field that a role's documents have";
    INSERT_WITHOUT_ID: "insert-without-id", Warning,
        "inserts and deletes require write permission on every field, `_id` included";
    INSERT_WITHOUT_WRITE: "insert-without-write", Warning,
        "`insert` and `delete` grant nothing without write permission";
    LIST_NESTED: "list-nested", Warning,
        "an array inside the list of `$in` is not spread";
    NAME_WITH_BLANK: "name-with-blank", Warning,
        "leading and trailing spaces are part of a name";
    NEGATION_OF_MISSING: "negation-of-missing", Warning,
        "a negated comparison holds for a field that is missing";
    NOT_PORTABLE: "not-portable", Warning,
        "extensions of Portcullis are not supported by App Services";
    OBJECT_COMPARED_WHOLE: "object-compared-whole", Warning,
        "an object without operators is compared whole, field by field and in order";
    OBJECT_EMPTY: "object-empty", Warning,
        "`{}` behind a field equals the empty document; it is not \"no condition\"";
    OPERATOR_BARE: "operator-bare", Warning,
        "an operator without `$` or `%` is a field's name, and its object is compared whole";
    PREVIOUS_IN_READ: "previous-in-read", Note,
        "when a document is read, `%%prevRoot` and `%%prev` are the same as `%%root` and `%%this`";
    PROJECTION_MIXED: "projection-mixed", Error,
        "a projection that includes and excludes fields fails every request";
    PROJECTIONS_MAY_MIX: "projections-may-mix", Warning,
        "a request to which an including and an excluding projection apply fails";
    PROPERTY_UNKNOWN: "property-unknown", Warning,
        "a property that does not exist is Unknown, and its test never grants";
    ROLE_GRANTS_NOTHING: "role-grants-nothing", Warning,
        "a role that grants neither reads nor writes denies everything where it is chosen";
    ROLE_NAME_TWICE: "role-name-twice", Warning,
        "roles of the same name cannot be told apart in logs and answers";
    ROLE_NEVER_APPLIES: "role-never-applies", Note,
        "`apply_when` can never hold";
    ROLE_SKIPPABLE: "role-skippable", Warning,
        "a negated comparison with what a user may lack is Unknown, so a later role that grants more is chosen";
    ROLE_UNREACHABLE: "role-unreachable", Warning,
        "an earlier role applies whenever this one does; roles are tried in order";
    ROLES_EMPTY: "roles-empty", Warning,
        "an empty list of roles closes the collection; default roles do not serve it";
    SCHEMA_ASKS_NOTHING: "schema-asks-nothing", Warning,
        "a schema key that looks like a constraint but rejects no document";
    SCHEMA_WORD: "schema-word", Warning,
        "words of JSON Schema are field names in a rule, and their object is compared whole";
    SEARCH_CUT_SHORT: "search-cut-short", Warning,
        "the search for take-overs and promotions stops if there are too many examples to try";
    VALUE_UNKNOWN: "value-unknown", Error,
        "a value that no file defines is Missing, and as a right operand Unknown";
    WRITE_SHOWS_ALL: "write-shows-all", Warning,
        "write permission implies read permission: where `write` holds, `read` hides nothing";
}
