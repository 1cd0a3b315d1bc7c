//! The rules that guard the identity API, per resource, with the names and defaults that operators know.

mod application_credential;
mod catalog;
mod credential;
mod domain;
mod domain_config;
mod endpoint_filter;
mod grant;
mod group;
mod limit;
mod policy_document;
mod project;
mod role;
mod token;
mod trust;
mod user;

use policy::{Rule, Scope};

/// The cloud's administrators.
const ADMIN: &str = "rule:admin_required";
/// Those, and readers of the system.
const READ: &str = "rule:admin_required or (role:reader and system_scope:all)";
/// Whoever has a valid token.
const ANYONE: &str = "@";

const SCOPES: &[Scope] = &[Scope::System, Scope::Domain, Scope::Project];

const fn rule(
    name: &'static str,
    check: &'static str,
    description: &'static str,
    operations: &'static [(&'static str, &'static str)],
) -> Rule {
    Rule { name, check, description, operations, scopes: SCOPES }
}

/// A rule about the cloud itself: a token that is scoped to a domain is not enough, whatever its roles.
const fn cloud_rule(
    name: &'static str,
    check: &'static str,
    description: &'static str,
    operations: &'static [(&'static str, &'static str)],
) -> Rule {
    Rule { name, check, description, operations, scopes: &[Scope::System, Scope::Project] }
}

/// A rule about what only makes sense in a project.
const fn project_rule(
    name: &'static str,
    check: &'static str,
    description: &'static str,
    operations: &'static [(&'static str, &'static str)],
) -> Rule {
    Rule { name, check, description, operations, scopes: &[Scope::Project] }
}

/// Joins lists of rules into one.
const fn joined<const N: usize>(lists: &[&[Rule]]) -> [Rule; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut next) = (0, 0);
    while list < lists.len() {
        let mut index = 0;
        while index < lists[list].len() {
            all[next] = lists[list][index];
            (index, next) = (index + 1, next + 1);
        }
        list += 1;
    }
    all
}

const LISTS: &[&[Rule]] = &[
    token::RULES,
    domain::RULES,
    project::RULES,
    user::RULES,
    group::RULES,
    role::RULES,
    grant::RULES,
    catalog::RULES,
    policy_document::RULES,
    endpoint_filter::RULES,
    domain_config::RULES,
    limit::RULES,
    trust::RULES,
    application_credential::RULES,
    credential::RULES,
];

const COUNT: usize = {
    let (mut list, mut count) = (0, 0);
    while list < LISTS.len() {
        count += LISTS[list].len();
        list += 1;
    }
    count
};

/// All rules of the identity API.
pub const RULES: &[Rule] = &joined::<COUNT>(LISTS);
