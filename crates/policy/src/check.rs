//! The parsed check: how it prints and how it is evaluated.

use std::fmt;

use crate::rules::Entry;
use crate::{Credentials, Problem, Target, Value};

/// A parsed check; its `Display` is the canonical text, which parses back to the same check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// `@`
    Always,
    /// `!`
    Never,
    /// `not` a check.
    Not(Box<Check>),
    /// Two or more checks joined by `and`.
    All(Vec<Check>),
    /// Two or more checks joined by `or`.
    Any(Vec<Check>),
    /// `role:NAME`, the name in lower case.
    Role(Template),
    /// `rule:NAME`
    Rule(Reference),
    /// `left:right`
    Equal(Left, Template),
}

/// A reference to another rule by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub(crate) name: String,
    /// Where the rule stands in its policy; known once the policy is complete.
    pub(crate) index: Option<usize>,
}

/// The left-hand side of `left:right`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// A quoted text, a number, `True`, `False` or `None`.
    Literal(String),
    /// An attribute of the caller.
    Attribute(Attribute),
}

/// An attribute of the caller, looked up by name once, when the rule is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    name: String,
    field: Field,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    UserId,
    UserDomainId,
    ProjectId,
    ProjectDomainId,
    DomainId,
    SystemScope,
    Roles,
    ServiceRoles,
    IsAdmin,
    IsAdminProject,
    TrustId,
    TrustorId,
    TrusteeId,
    Token,
    Unknown,
}

impl Attribute {
    pub(crate) fn new(name: &str) -> Self {
        let field = match name {
            "user_id" => Field::UserId,
            "user_domain_id" => Field::UserDomainId,
            "project_id" | "tenant_id" | "tenant" => Field::ProjectId,
            "project_domain_id" => Field::ProjectDomainId,
            "domain_id" => Field::DomainId,
            "system_scope" | "system" => Field::SystemScope,
            "roles" => Field::Roles,
            "service_roles" => Field::ServiceRoles,
            "is_admin" => Field::IsAdmin,
            "is_admin_project" => Field::IsAdminProject,
            "trust_id" => Field::TrustId,
            "trustor_id" => Field::TrustorId,
            "trustee_id" => Field::TrusteeId,
            _ if name.starts_with("token.") => Field::Token,
            _ => Field::Unknown,
        };
        Self { name: name.to_owned(), field }
    }

    fn equals(&self, right: &Template, credentials: &Credentials<'_>, target: &Target<'_>) -> bool {
        let text = |value: Option<&str>| match value {
            Some(text) if !text.is_empty() => right.equals(text, target),
            _ => right.literal() == Some(NONE),
        };
        let any = |texts: &[String]| texts.iter().any(|text| right.equals(text, target));
        match self.field {
            Field::UserId => text(Some(credentials.user_id)),
            Field::UserDomainId => text(Some(credentials.user_domain_id)),
            Field::ProjectId => text(credentials.project_id),
            Field::ProjectDomainId => text(credentials.project_domain_id),
            Field::DomainId => text(credentials.domain_id),
            Field::SystemScope => text(credentials.system_scope),
            Field::Roles => any(credentials.roles),
            Field::ServiceRoles => any(credentials.service_roles),
            Field::IsAdmin => right.equals(bool_text(credentials.is_admin), target),
            Field::IsAdminProject => right.equals(bool_text(credentials.is_admin_project), target),
            Field::TrustId => text(credentials.trust_id),
            Field::TrustorId => text(credentials.trustor_id),
            Field::TrusteeId => text(credentials.trustee_id),
            Field::Token => credentials.token.is_some_and(|token| {
                let (_, path) = self.name.split_once('.').unwrap_or_default();
                json_equals(token, Some(path), right, target)
            }),
            Field::Unknown => false,
        }
    }
}

const NONE: &str = "None";

fn bool_text(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

/// Follows `path` into a document, through every element of the lists on the way.
fn json_equals(value: &serde_json::Value, path: Option<&str>, right: &Template, target: &Target<'_>) -> bool {
    use serde_json::Value as Json;
    match (value, path) {
        (Json::Array(items), _) => items.iter().any(|item| json_equals(item, path, right, target)),
        (Json::Object(map), Some(path)) => {
            let (key, rest) = match path.split_once('.') {
                Some((key, rest)) => (key, Some(rest)),
                None => (path, None),
            };
            map.get(key).is_some_and(|value| json_equals(value, rest, right, target))
        }
        (Json::String(text), None) => right.equals(text, target),
        (Json::Bool(flag), None) => right.equals(bool_text(*flag), target),
        (Json::Number(number), None) => right.equals(&number.to_string(), target),
        (Json::Null, None) => right.literal() == Some(NONE),
        _ => false,
    }
}

/// The right-hand side of a check: text in which `%(NAME)s` stands for a value of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Never empty, no two texts in a row, no empty text.
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Key(String),
}

impl Template {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let mut merged: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (merged.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
                (_, Piece::Text(text)) if text.is_empty() => {}
                (_, piece) => merged.push(piece),
            }
        }
        Self { pieces: merged }
    }

    pub(crate) fn into_lowercase(mut self) -> Self {
        for piece in &mut self.pieces {
            if let Piece::Text(text) = piece {
                *text = text.to_lowercase();
            }
        }
        self
    }

    fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    fn equals(&self, text: &str, target: &Target<'_>) -> bool {
        pieces_equal(&self.pieces, text, target, |text, piece| text.strip_prefix(piece))
    }

    fn equals_ignoring_case(&self, text: &str, target: &Target<'_>) -> bool {
        match self.literal() {
            Some(name) if text.is_ascii() => name.eq_ignore_ascii_case(text),
            _ => pieces_equal(&self.pieces, &text.to_lowercase(), target, |text, piece| {
                text.strip_prefix(piece.to_lowercase().as_str())
            }),
        }
    }
}

/// Whether the pieces, one after the other, make up exactly `text`.
fn pieces_equal<'t>(
    pieces: &[Piece],
    text: &'t str,
    target: &Target<'_>,
    strip: impl Fn(&'t str, &str) -> Option<&'t str> + Copy,
) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    let then = |piece: &str| strip(text, piece).is_some_and(|left| pieces_equal(rest, left, target, strip));
    match first {
        Piece::Text(piece) => then(piece),
        Piece::Key(key) => match target.value(key) {
            Some(Value::Text(value)) => then(value),
            Some(Value::Bool(flag)) => then(bool_text(*flag)),
            Some(Value::List(values)) => values.iter().any(|value| then(value)),
            Some(Value::Null) => then(NONE),
            None => false,
        },
    }
}

/// The answer of a check together with the part of it that gave the answer.
pub(crate) struct Verdict<'p> {
    pub(crate) allowed: bool,
    /// The innermost rule that was decisive.
    pub(crate) rule: usize,
    /// The smallest part of it that was decisive.
    pub(crate) check: &'p Check,
}

/// One request against all rules of a policy.
#[derive(Clone, Copy)]
pub(crate) struct Evaluation<'p, 'r> {
    pub(crate) rules: &'p [Entry],
    pub(crate) credentials: &'r Credentials<'r>,
    pub(crate) target: &'r Target<'r>,
}

impl<'p> Evaluation<'p, '_> {
    /// Evaluates the rule at an index. Its depth is bounded: rules were checked for circles when loaded.
    pub(crate) fn rule(self, index: usize) -> Verdict<'p> {
        self.check(index, &self.rules[index].check)
    }

    fn check(self, rule: usize, check: &'p Check) -> Verdict<'p> {
        let verdict = |allowed| Verdict { allowed, rule, check };
        match check {
            Check::Always => verdict(true),
            Check::Never => verdict(false),
            Check::Not(inner) => verdict(!self.check(rule, inner).allowed),
            Check::All(checks) => {
                for check in checks {
                    let part = self.check(rule, check);
                    if !part.allowed {
                        return part;
                    }
                }
                verdict(true)
            }
            Check::Any(checks) => {
                for check in checks {
                    let part = self.check(rule, check);
                    if part.allowed {
                        return part;
                    }
                }
                verdict(false)
            }
            Check::Role(name) => {
                verdict(self.credentials.roles.iter().any(|role| name.equals_ignoring_case(role, self.target)))
            }
            Check::Rule(reference) => reference.index.map_or_else(|| verdict(false), |index| self.rule(index)),
            Check::Equal(Left::Literal(text), right) => verdict(right.equals(text, self.target)),
            Check::Equal(Left::Attribute(attribute), right) => {
                verdict(attribute.equals(right, self.credentials, self.target))
            }
        }
    }
}

/// One part of a rule, and whether it was met: a line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How far inside the rule that was asked for.
    pub depth: usize,
    /// The part's text; of a referred rule `rule:NAME`.
    pub text: String,
    /// Whether it was met.
    pub met: bool,
}

impl<'p> Evaluation<'p, '_> {
    /// Every part of the rule at an index, even those that did not matter any more.
    pub(crate) fn explain(self, index: usize, depth: usize, parts: &mut Vec<Part>) {
        self.explain_check(index, &self.rules[index].check, depth, parts);
    }

    fn explain_check(self, rule: usize, check: &'p Check, depth: usize, parts: &mut Vec<Part>) {
        let met = self.check(rule, check).allowed;
        let text = match check {
            Check::All(_) => "all of".to_owned(),
            Check::Any(_) => "any of".to_owned(),
            Check::Not(_) => "not".to_owned(),
            other => other.to_string(),
        };
        parts.push(Part { depth, text, met });
        match check {
            Check::All(checks) | Check::Any(checks) => {
                checks.iter().for_each(|check| self.explain_check(rule, check, depth + 1, parts));
            }
            Check::Not(inner) => self.explain_check(rule, inner, depth + 1, parts),
            Check::Rule(Reference { index: Some(index), .. }) => self.explain(*index, depth + 1, parts),
            Check::Always | Check::Never | Check::Role(_) | Check::Rule(_) | Check::Equal(..) => {}
        }
    }
}

impl Check {
    /// How many checks stand inside one another.
    pub(crate) fn depth(&self) -> usize {
        1 + match self {
            Check::Not(inner) => inner.depth(),
            Check::All(checks) | Check::Any(checks) => checks.iter().map(Check::depth).max().unwrap_or(0),
            Check::Always | Check::Never | Check::Role(_) | Check::Rule(_) | Check::Equal(..) => 0,
        }
    }

    /// All references to other rules, in the order of the text.
    pub(crate) fn references(&self) -> Vec<&Reference> {
        match self {
            Check::Rule(reference) => vec![reference],
            Check::Not(inner) => inner.references(),
            Check::All(checks) | Check::Any(checks) => checks.iter().flat_map(Check::references).collect(),
            Check::Always | Check::Never | Check::Role(_) | Check::Equal(..) => Vec::new(),
        }
    }

    /// Points every reference at the index that `find` gives; the first unknown name is the error.
    pub(crate) fn resolve(&mut self, find: &impl Fn(&str) -> Option<usize>) -> Result<(), Problem> {
        match self {
            Check::Rule(reference) => {
                reference.index = find(&reference.name);
                reference.index.map(|_| ()).ok_or_else(|| Problem::UnknownRule(reference.name.clone()))
            }
            Check::Not(inner) => inner.resolve(find),
            Check::All(checks) | Check::Any(checks) => checks.iter_mut().try_for_each(|check| check.resolve(find)),
            Check::Always | Check::Never | Check::Role(_) | Check::Equal(..) => Ok(()),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Always => f.write_str("@"),
            Check::Never => f.write_str("!"),
            Check::Not(inner) => {
                f.write_str("not ")?;
                grouped(f, inner, matches!(**inner, Check::All(_) | Check::Any(_)))
            }
            Check::All(checks) => joined(f, checks, " and ", |check| matches!(check, Check::All(_) | Check::Any(_))),
            Check::Any(checks) => joined(f, checks, " or ", |check| matches!(check, Check::Any(_))),
            Check::Role(name) => write!(f, "role:{name}"),
            Check::Rule(reference) => write!(f, "rule:{}", reference.name),
            Check::Equal(left, right) => write!(f, "{left}:{right}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, checks: &[Check], word: &str, group: impl Fn(&Check) -> bool) -> fmt::Result {
    for (position, check) in checks.iter().enumerate() {
        if position > 0 {
            f.write_str(word)?;
        }
        grouped(f, check, group(check))?;
    }
    Ok(())
}

fn grouped(f: &mut fmt::Formatter<'_>, check: &Check, group: bool) -> fmt::Result {
    if group { write!(f, "({check})") } else { write!(f, "{check}") }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Left::Literal(text) if is_bare_literal(text) => f.write_str(text),
            Left::Literal(text) if text.contains('\'') => write!(f, "\"{text}\""),
            Left::Literal(text) => write!(f, "'{text}'"),
            Left::Attribute(attribute) => f.write_str(&attribute.name),
        }
    }
}

/// Literals that need no quotes: `True`, `False`, `None` and whole numbers.
pub(crate) fn is_bare_literal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    matches!(text, "True" | "False" | NONE) || (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('%', "%%")),
            Piece::Key(key) => write!(f, "%({key})s"),
        })
    }
}
