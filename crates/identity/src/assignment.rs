//! Who has which role where.

use std::collections::{BTreeMap, BTreeSet};

use api::{Error, Result};

use crate::Identity;
use crate::fields::missing;
use crate::store::assignment::{self as store, Assignment, Wanted};
use crate::store::role::Role;
use crate::store::{domain, group, project, revision, role, user};

/// An assignment with the group that it comes through, if it was worked out rather than given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Effective {
    pub user_id: String,
    pub group_id: Option<String>,
    pub target_type: String,
    pub target_id: String,
    pub role_id: String,
    /// The prior role that implies this one.
    pub prior_role_id: Option<String>,
}

/// Names of things by kind and id, for `include_names`: the name and the domain's id.
pub(crate) type Names = BTreeMap<(&'static str, String), (String, Option<String>)>;

impl Identity {
    /// Gives a role; giving it again changes nothing.
    pub(crate) async fn assignment_create(&self, new: &Assignment) -> Result<()> {
        let mut tx = self.write().await?;
        let actor = match new.actor_type.as_str() {
            "user" => user::get(&mut tx, &new.actor_id).await?.map(drop),
            _ => group::get(&mut tx, &new.actor_id).await?.map(drop),
        };
        actor.ok_or_else(|| missing(&new.actor_type, &new.actor_id))?;
        let target = match new.target_type.as_str() {
            "project" => project::get(&mut tx, &new.target_id).await?.map(drop),
            "domain" => domain::get(&mut tx, &new.target_id).await?.map(drop),
            _ => Some(()),
        };
        target.ok_or_else(|| missing(&new.target_type, &new.target_id))?;
        let role = role::get(&mut tx, &new.role_id).await?.ok_or_else(|| missing("role", &new.role_id))?;
        if role.domain_id.is_some() && new.target_type == "system" {
            return Err(Error::bad_request("A role of a domain cannot be given on the system."));
        }
        if store::insert(&mut tx, new).await? {
            tx.commit().await?
        } else {
            tx.rollback().await?
        }
        Ok(())
    }

    pub(crate) async fn assignment_check(&self, wanted: &Assignment) -> Result<()> {
        let found = store::exists(&self.0.db, wanted).await?;
        found.then_some(()).ok_or_else(|| missing("role assignment", &wanted.role_id))
    }

    pub(crate) async fn assignment_delete(&self, old: &Assignment) -> Result<()> {
        let mut tx = self.write().await?;
        if !store::delete(&mut tx, old).await? {
            return Err(missing("role assignment", &old.role_id));
        }
        Ok(tx.commit().await?)
    }

    /// The assignments as they were given.
    pub(crate) async fn assignment_list(&self, wanted: &Wanted) -> Result<Vec<Assignment>> {
        Ok(store::list(&self.0.db, wanted).await?)
    }

    /// The roles given to one actor on one target.
    pub(crate) async fn assignment_roles(&self, wanted: &Wanted) -> Result<Vec<Role>> {
        let given: BTreeSet<String> =
            self.assignment_list(wanted).await?.into_iter().map(|assignment| assignment.role_id).collect();
        let mut roles = role::all(&self.0.db).await?;
        roles.retain(|role| given.contains(&role.id));
        Ok(roles)
    }

    /// What the assignments amount to: for users, on projects, domains and the system, with implied roles.
    pub(crate) async fn assignment_list_effective(&self, wanted: &Wanted) -> Result<Vec<Effective>> {
        let db = &self.0.db;
        let mut given = Wanted { user_id: wanted.user_id.clone(), with_groups: true, ..Wanted::default() };
        if let [(kind, id)] = wanted.targets.as_slice() {
            given.targets = vec![(*kind, id.clone())];
            if *kind == "project"
                && let Some(project) = project::get(db, id).await?
            {
                given.targets.push(("domain", project.domain_id));
                let parents = project::parents(db, id).await?;
                given.targets.extend(parents.into_iter().map(|parent| ("project", parent.id)));
            }
        }
        let given = store::list(db, &given).await?;
        let places = self.places(&given).await?;
        let groups: BTreeSet<&str> =
            given.iter().filter(|one| one.actor_type == "group").map(|one| one.actor_id.as_str()).collect();
        let members = group::members(db, &groups.into_iter().collect::<Vec<_>>()).await?;
        let directory = self.directory(revision::get(db).await?).await?;
        let mut all = BTreeSet::new();
        for one in &given {
            let users: Vec<(String, Option<String>)> = match one.actor_type.as_str() {
                "user" => vec![(one.actor_id.clone(), None)],
                _ => members
                    .iter()
                    .filter(|member| member.group_id == one.actor_id)
                    .map(|member| (member.user_id.clone(), Some(member.group_id.clone())))
                    .collect(),
            };
            let roles = directory.with_implied(std::slice::from_ref(&one.role_id));
            for (target_type, target_id) in places.get(one).into_iter().flatten() {
                for (user_id, group_id) in &users {
                    for role_id in &roles {
                        all.insert(Effective {
                            user_id: user_id.clone(),
                            group_id: group_id.clone(),
                            target_type: target_type.clone(),
                            target_id: target_id.clone(),
                            role_id: role_id.clone(),
                            prior_role_id: (*role_id != one.role_id).then(|| one.role_id.clone()),
                        });
                    }
                }
            }
        }
        let fits = |one: &Effective| {
            wanted.user_id.as_ref().is_none_or(|id| *id == one.user_id)
                && wanted.role_id.as_ref().is_none_or(|id| *id == one.role_id)
                && (wanted.targets.is_empty()
                    || wanted.targets.iter().any(|(kind, id)| *kind == one.target_type && *id == one.target_id))
        };
        Ok(all.into_iter().filter(fits).collect())
    }

    /// Where each assignment counts: an inherited one on the projects below its target.
    async fn places(&self, given: &[Assignment]) -> Result<BTreeMap<Assignment, Vec<(String, String)>>> {
        let mut places = BTreeMap::new();
        for one in given {
            let below = match (one.inherited, one.target_type.as_str()) {
                (true, "domain") => {
                    let filter = vec![("domain_id", db::Value::from(&one.target_id))];
                    project::list(&self.0.db, filter, &project::TagFilter::default(), &api::Page::default()).await?
                }
                (true, "project") => project::subtree(&self.0.db, &one.target_id).await?,
                _ => {
                    places.insert(one.clone(), vec![(one.target_type.clone(), one.target_id.clone())]);
                    continue;
                }
            };
            let below = below.into_iter().map(|project| ("project".to_owned(), project.id)).collect();
            places.insert(one.clone(), below);
        }
        Ok(places)
    }

    /// The names of the mentioned things, given as kinds and ids, and of their domains; in five queries at most.
    pub(crate) async fn assignment_names(&self, mentioned: BTreeSet<(&'static str, String)>) -> Result<Names> {
        let (mut names, mut mentioned) = (Names::new(), mentioned);
        // Domains come last: the others bring some.
        for kind in ["user", "group", "project", "role", "domain"] {
            let ids: Vec<&str> =
                mentioned.iter().filter(|(known, _)| *known == kind).map(|(_, id)| id.as_str()).collect();
            for one in store::names(&self.0.db, kind, &ids).await? {
                mentioned.extend(one.domain_id.clone().map(|id| ("domain", id)));
                names.insert((kind, one.id), (one.name, one.domain_id));
            }
        }
        Ok(names)
    }

    /// The domains on which a user has a role and that are enabled.
    pub(crate) async fn domain_list_of_user(&self, user_id: &str) -> Result<Vec<domain::Domain>> {
        let mut domains = store::domains_of_user(&self.0.db, user_id).await?;
        domains.retain(|domain| domain.enabled);
        Ok(domains)
    }

    /// Whether the user has a role on the system.
    pub(crate) async fn has_system_role(&self, user_id: &str) -> Result<bool> {
        Ok(!store::roles_on(&self.0.db, user_id, "system", "system").await?.is_empty())
    }
}
