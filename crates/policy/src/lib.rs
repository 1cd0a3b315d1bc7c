//! Who may do what: the oslo.policy language, its parser and its evaluator.
//!
//! A service declares its rules as constant data ([`Rule`]), [`Policy::new`] compiles them at start,
//! [`Policy::with_overrides`] lays an operator's `policy.yaml` over them, and every request asks
//! [`Policy::check`] with its [`Credentials`] and a [`Target`].
//!
//! # The language
//! | check | allows when |
//! | --- | --- |
//! | `@` or nothing at all | always |
//! | `!` | never |
//! | `role:NAME` | the caller has the role, upper and lower case alike |
//! | `rule:NAME` | the named rule allows |
//! | `project_id:%(project_id)s` | the caller's attribute equals the target's value |
//! | `is_admin:True` | the caller's attribute equals the text |
//! | `roles:member` | any element of the caller's list equals the text |
//! | `token.user.domain.id:default` | the value at that path of the caller's token document equals the text |
//! | `'public':%(visibility)s`, `True:%(shared)s`, `None:%(owner)s`, `3:%(size)s` | the literal equals the target's value |
//!
//! Checks are joined by `not`, which binds tightest, `and`, `or` and parentheses. On the right-hand side
//! `%(NAME)s` stands for the target's value NAME and `%%` for a percent sign; a name that the target does
//! not have makes the check false. An override file may also use the old list form, alternatives of
//! conjunctions: `[["role:a", "role:b"], ["role:c"]]`.
//!
//! # Stricter than oslo.policy
//! - A rule that cannot be parsed, that refers to an unknown rule or to itself through others is an error at
//!   start; oslo.policy logs it and goes on.
//! - `http:` and `field:` checks are refused at start instead of being silently false.
//! - A missing attribute of the caller (a domain-scoped token has no project) equals only the text `None`
//!   written in the rule, never a missing value of the target. In oslo.policy two `None` are equal.
//! - A rule that nobody declared denies, even where a rule `default` exists.
//!
//! Wider in one point: where the target's value is a list, any element may match.

mod check;
mod parse;
mod request;
mod rules;

pub use check::{Attribute, Check, Left, Part, Reference, Template};
pub use request::{Credentials, Target, Value};
pub use rules::{Decision, Policy, Reason, RuleInfo};

use std::fmt;

/// A default rule of a service, as constant data from which lists and documentation are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The name that requests and other rules use, such as `os_compute_api:servers:create`.
    pub name: &'static str,
    /// The check in the policy language.
    pub check: &'static str,
    /// What the rule guards, one sentence for operators.
    pub description: &'static str,
    /// The guarded operations as method and path.
    pub operations: &'static [(&'static str, &'static str)],
    /// The scopes a token may have for this rule; empty means any.
    pub scopes: &'static [Scope],
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole cloud.
    System,
    /// A domain.
    Domain,
    /// A project; an unscoped token counts here too, as in oslo.policy.
    Project,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::System => "system",
            Scope::Domain => "domain",
            Scope::Project => "project",
        })
    }
}

/// Why a set of rules cannot be used, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The rule at fault, if it is a rule's fault.
    pub rule: Option<String>,
    /// The line in the override file, where known.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "policy rule `{rule}`")?;
        } else {
            f.write_str("policy file")?;
        }
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for Error {}

/// What can be wrong with a rule or with a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text consists of white space.
    #[error("the check is blank: write `@` for always or `!` for never")]
    Blank,
    /// A word stands where the grammar has no place for it.
    #[error("`{0}` is not expected here: checks are joined by `and` or `or`, and parentheses come in pairs")]
    Unexpected(String),
    /// The text stops in the middle.
    #[error("the check ends too early: an operand or a closing parenthesis is missing")]
    Incomplete,
    /// Parentheses and negations are nested beyond reason.
    #[error("parentheses or negations are nested too deeply: move a part into a rule of its own")]
    TooNested,
    /// A single check that is none.
    #[error("`{check}` is not a check: {hint}")]
    NotACheck {
        /// The text at fault.
        check: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// A kind of check that is deliberately not supported.
    #[error("`{kind}:` checks are not supported: {hint}")]
    Unsupported {
        /// The kind, before the colon.
        kind: &'static str,
        /// What to write instead.
        hint: &'static str,
    },
    /// A reference to a rule that does not exist.
    #[error("it refers to `rule:{0}`, which is not defined")]
    UnknownRule(String),
    /// Rules that refer to each other in a circle.
    #[error("it refers to itself: {0}")]
    Cycle(String),
    /// Rules inside rules beyond reason.
    #[error("it is nested too deeply, counting the rules that it refers to")]
    TooDeep,
    /// Two different default rules with one name.
    #[error("it is declared twice, with different contents")]
    Duplicate,
    /// The override file is not what it should be.
    #[error("{0}")]
    File(String),
}

#[cfg(test)]
mod tests;
