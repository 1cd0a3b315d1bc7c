//! All rules of a policy: declared defaults, an operator's overrides, and the answer to a request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde_yaml_ng::Value as Yaml;

use crate::check::{Evaluation, Part};
use crate::parse::check_from_yaml;
use crate::{Check, Credentials, Error, Problem, Rule, Scope, Target};

/// How deep checks may stand inside one another, through all references, so that no evaluation exhausts its stack.
const MAX_DEPTH: usize = 128;

/// A complete set of rules, ready to answer.
#[derive(Debug, Clone)]
pub struct Policy {
    entries: Vec<Entry>,
    names: HashMap<Cow<'static, str>, usize>,
    enforce_scope: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    name: Cow<'static, str>,
    /// `None` for a helper rule that only an override file defines.
    default: Option<Rule>,
    /// The text of an override.
    overridden: Option<String>,
    pub(crate) check: Check,
}

impl Entry {
    fn error(&self, problem: Problem) -> Error {
        Error { rule: Some(self.name.clone().into_owned()), line: None, problem }
    }
}

impl Policy {
    /// Compiles declared rules. A rule may stand in several sets if it is the same in all of them.
    pub fn new(rule_sets: &[&[Rule]]) -> Result<Self, Error> {
        let mut policy = Self { entries: Vec::new(), names: HashMap::new(), enforce_scope: true };
        for rule in rule_sets.iter().copied().flatten() {
            let entry = |check| Entry { name: Cow::Borrowed(rule.name), default: Some(*rule), overridden: None, check };
            match policy.names.get(rule.name) {
                Some(&known) if policy.entries[known].default == Some(*rule) => {}
                Some(_) => return Err(entry(Check::Never).error(Problem::Duplicate)),
                None => {
                    let check = rule.check.parse().map_err(|problem| entry(Check::Never).error(problem))?;
                    policy.add(entry(check));
                }
            }
        }
        policy.link()?;
        Ok(policy)
    }

    /// Lays an operator's file over the defaults: a YAML mapping from names of rules to checks.
    ///
    /// Names that no service declares become helper rules that others may refer to.
    pub fn with_overrides(mut self, yaml: &str) -> Result<Self, Error> {
        self.apply(yaml).map_err(|mut error| {
            if let Some(rule) = &error.rule {
                error.line = line_of(yaml, rule);
            }
            error
        })?;
        Ok(self)
    }

    fn apply(&mut self, yaml: &str) -> Result<(), Error> {
        let file = |line, message: &str| Error { rule: None, line, problem: Problem::File(message.to_owned()) };
        let rules = match serde_yaml_ng::from_str(yaml) {
            Ok(Yaml::Mapping(rules)) => rules,
            Ok(Yaml::Null) => return Ok(()),
            Ok(_) => return Err(file(None, "it must map names of rules to checks")),
            Err(error) => {
                return Err(file(error.location().map(|at| at.line()), &error.to_string()));
            }
        };
        for (name, value) in rules {
            let Yaml::String(name) = name else {
                return Err(file(None, "every name of a rule must be a text"));
            };
            let check = match check_from_yaml(&value) {
                Ok(check) => check,
                Err(problem) => {
                    return Err(Error { rule: Some(name), line: None, problem });
                }
            };
            let overridden = Some(value.as_str().map_or_else(|| check.to_string(), str::to_owned));
            match self.names.get(name.as_str()) {
                Some(&known) => {
                    let entry = &mut self.entries[known];
                    (entry.check, entry.overridden) = (check, overridden);
                }
                None => self.add(Entry { name: Cow::Owned(name), default: None, overridden, check }),
            }
        }
        self.link()
    }

    /// Switches the check of declared scopes, which is on from the start.
    #[must_use]
    pub fn with_enforce_scope(mut self, enforce_scope: bool) -> Self {
        self.enforce_scope = enforce_scope;
        self
    }

    /// Answers whether the caller may do to the target what the rule guards.
    pub fn check<'p>(&'p self, rule_name: &'p str, credentials: &Credentials<'_>, target: &Target<'_>) -> Decision<'p> {
        let Some(&index) = self.names.get(rule_name) else {
            return Decision { allowed: false, rule: rule_name, decided_by: rule_name, reason: Reason::UnknownRule };
        };
        let scopes = self.entries[index].default.map_or(&[] as &[Scope], |rule| rule.scopes);
        let scope = credentials.scope();
        if self.enforce_scope && !scopes.is_empty() && !scopes.contains(&scope) {
            let reason = Reason::Scope { given: scope, accepted: scopes };
            return Decision { allowed: false, rule: rule_name, decided_by: rule_name, reason };
        }
        let verdict = Evaluation { rules: &self.entries, credentials, target }.rule(index);
        Decision {
            allowed: verdict.allowed,
            rule: rule_name,
            decided_by: &self.entries[verdict.rule].name,
            reason: Reason::Check(verdict.check),
        }
    }

    /// The parts of a rule with what each of them says of a request, for people who ask why; `None` for no rule.
    pub fn explain(&self, rule_name: &str, credentials: &Credentials<'_>, target: &Target<'_>) -> Option<Vec<Part>> {
        let index = *self.names.get(rule_name)?;
        let mut parts = Vec::new();
        Evaluation { rules: &self.entries, credentials, target }.explain(index, 0, &mut parts);
        Some(parts)
    }

    /// All rules: the declared ones in the order of their declaration, then helpers of the override file.
    pub fn rules(&self) -> impl Iterator<Item = RuleInfo<'_>> {
        self.entries.iter().map(|entry| {
            let default = entry.default.as_ref();
            RuleInfo {
                name: &entry.name,
                check: entry.overridden.as_deref().or(default.map(|rule| rule.check)).unwrap_or_default(),
                default_check: default.map(|rule| rule.check),
                description: default.map_or("", |rule| rule.description),
                operations: default.map_or(&[], |rule| rule.operations),
                scopes: default.map_or(&[], |rule| rule.scopes),
            }
        })
    }

    fn add(&mut self, entry: Entry) {
        self.names.insert(entry.name.clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// Resolves references and refuses unknown names, circles and chains without end.
    fn link(&mut self) -> Result<(), Error> {
        let find = |name: &str| self.names.get(name).copied();
        for entry in &mut self.entries {
            if let Err(problem) = entry.check.resolve(&find) {
                return Err(entry.error(problem));
            }
        }
        let mut depths = vec![None; self.entries.len()];
        for index in 0..self.entries.len() {
            self.depth(index, &mut Vec::new(), &mut depths)?;
        }
        Ok(())
    }

    /// How deep a rule's evaluation goes; `path` holds the rules that led to it.
    fn depth(&self, index: usize, path: &mut Vec<usize>, depths: &mut [Option<usize>]) -> Result<usize, Error> {
        if let Some(depth) = depths[index] {
            return Ok(depth);
        }
        let entry = &self.entries[index];
        if let Some(start) = path.iter().position(|&known| known == index) {
            let names = path[start..].iter().chain([&index]).map(|&i| &*self.entries[i].name);
            return Err(entry.error(Problem::Cycle(names.collect::<Vec<_>>().join(" -> "))));
        }
        path.push(index);
        let mut below = 0;
        if path.len() <= MAX_DEPTH {
            for next in entry.check.references().iter().filter_map(|reference| reference.index) {
                below = below.max(self.depth(next, path, depths)?);
            }
        }
        let depth = entry.check.depth() + below;
        if depth > MAX_DEPTH || path.len() > MAX_DEPTH {
            return Err(entry.error(Problem::TooDeep));
        }
        path.pop();
        depths[index] = Some(depth);
        Ok(depth)
    }
}

/// The line on which a mapping in block style names the rule.
fn line_of(yaml: &str, name: &str) -> Option<usize> {
    let names = |line: &str| {
        let line = line.trim_start();
        let bare = line.trim_start_matches(['"', '\'']);
        bare.strip_prefix(name)
            .map(|rest| rest.trim_start_matches(['"', '\'']).trim_start())
            .is_some_and(|rest| rest.starts_with(':') && !rest[1..].starts_with(|c: char| !c.is_whitespace()))
    };
    yaml.lines().position(names).map(|index| index + 1)
}

/// The answer to a request, and what gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Decision<'p> {
    /// Whether the request may go on.
    pub allowed: bool,
    /// The rule that was asked for.
    pub rule: &'p str,
    /// The rule that was decisive: the one asked for, or one that it refers to.
    pub decided_by: &'p str,
    /// What in that rule was decisive.
    pub reason: Reason<'p>,
}

/// What was decisive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'p> {
    /// The smallest part of a rule that gave the answer.
    Check(&'p Check),
    /// The token's scope is none that the rule declares.
    Scope {
        /// The token's scope.
        given: Scope,
        /// The declared scopes.
        accepted: &'static [Scope],
    },
    /// There is no such rule.
    UnknownRule,
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.allowed { "allowed" } else { "denied" };
        write!(f, "{verb} by policy rule `{}`: ", self.rule)?;
        match self.reason {
            Reason::Check(check) => {
                if self.decided_by != self.rule {
                    write!(f, "`rule:{}`, ", self.decided_by)?;
                }
                write!(f, "`{check}` is {}met", if self.allowed { "" } else { "not " })
            }
            Reason::Scope { given, accepted } => {
                let accepted = accepted.iter().map(Scope::to_string).collect::<Vec<_>>().join(" or ");
                write!(f, "it takes a {accepted}-scoped token, this one is {given}-scoped")
            }
            Reason::UnknownRule => f.write_str("no such rule is declared"),
        }
    }
}

/// A rule as `policy list` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo<'p> {
    /// The rule's name.
    pub name: &'p str,
    /// The check in force.
    pub check: &'p str,
    /// The declared check; `None` for a helper that only the override file defines.
    pub default_check: Option<&'p str>,
    /// What the rule guards.
    pub description: &'p str,
    /// The guarded operations as method and path.
    pub operations: &'p [(&'static str, &'static str)],
    /// The accepted scopes; empty means any.
    pub scopes: &'p [Scope],
}
