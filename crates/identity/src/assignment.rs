//! Who has which role where.

use std::collections::{BTreeMap, BTreeSet};

use api::{Error, Result};
use db::Tx;

use crate::Identity;
use crate::audit::{Action, Change};
use crate::fields::missing;
use crate::store::assignment::{self as store, Assignment, Wanted};
use crate::store::role::Role;
use crate::store::{application_credential, domain, group, project, revision, role, user};

/// What an assignment amounts to for one user in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Effective {
    pub user_id: String,
    pub target_type: String,
    pub target_id: String,
    pub role_id: String,
    /// The assignment that it comes from: perhaps to a group, of a prior role, or inherited from above.
    pub given: Assignment,
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
            "project" => project::get(&mut tx, &new.target_id).await?.map(|project| Some(project.domain_id)),
            "domain" => domain::get(&mut tx, &new.target_id).await?.map(|domain| Some(domain.id)),
            _ => Some(None),
        };
        let target_domain = target.ok_or_else(|| missing(&new.target_type, &new.target_id))?;
        let role = role::get(&mut tx, &new.role_id).await?.ok_or_else(|| missing("role", &new.role_id))?;
        // On another domain it may be given, as clients know it: what counts there is what it implies.
        if new.target_type != "domain" && role.domain_id.is_some() && role.domain_id != target_domain {
            return Err(Error::forbidden(format!(
                "The role {} belongs to a domain and can be given only on projects of that domain.",
                role.name
            )));
        }
        if store::insert(&mut tx, new).await? {
            self.assignment_commit(tx, Action::Created, new).await
        } else {
            Ok(tx.rollback().await?)
        }
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
        if old.actor_type == "user" && old.target_type == "project" {
            application_credential::delete_of_user(&mut tx, &old.actor_id, Some(&old.target_id)).await?;
        }
        self.assignment_commit(tx, Action::Deleted, old).await
    }

    async fn assignment_commit(&self, tx: Tx, action: Action, one: &Assignment) -> Result<()> {
        let inherited = if one.inherited { "projects" } else { "" };
        let details = &[
            (one.actor_type.as_str(), one.actor_id.as_str()),
            (one.target_type.as_str(), one.target_id.as_str()),
            ("inherited_to", inherited),
        ];
        self.commit_change(tx, &Change { action, kind: "role_assignment", id: &one.role_id, details }).await
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
        let given = store::list(db, &self.wanted_above(wanted).await?).await?;
        let places = Places::find(db, &given).await?;
        let members = self.members(&given, wanted.user_id.as_deref()).await?;
        let directory = self.directory(revision::get(db).await?).await?;
        let mut all = BTreeSet::new();
        for one in given {
            let alone = [one.actor_id.clone()];
            let users = match one.actor_type.as_str() {
                "user" => &alone[..],
                _ => members.get(&one.actor_id).map_or(&[][..], Vec::as_slice),
            };
            let roles = directory.effective(std::slice::from_ref(&one.role_id));
            let roles = roles.iter().filter(|id| wanted.role_id.as_ref().is_none_or(|wanted| wanted == *id));
            for (role_id, user_id) in roles.flat_map(|role_id| users.iter().map(move |user_id| (role_id, user_id))) {
                for (target_type, target_id) in places.of(&one) {
                    if wanted.fits(target_type, target_id) {
                        all.insert(Effective {
                            user_id: user_id.clone(),
                            target_type: target_type.to_owned(),
                            target_id: target_id.to_owned(),
                            role_id: role_id.clone(),
                            given: one.clone(),
                        });
                    }
                }
            }
        }
        let mut all: Vec<Effective> = all.into_iter().collect();
        if let Some(domain_id) = &wanted.domain_id {
            let projects: BTreeSet<&str> = all.iter().map(|one| one.target_id.as_str()).collect();
            let names = store::names(db, "project", &projects.into_iter().collect::<Vec<_>>()).await?;
            let inside: BTreeSet<String> = names
                .into_iter()
                .filter(|name| name.domain_id.as_ref() == Some(domain_id))
                .map(|name| name.id)
                .collect();
            all.retain(|one| one.target_id == *domain_id || inside.contains(&one.target_id));
        }
        Ok(all)
    }

    /// Where to look for what counts in the wanted places: there and above.
    async fn wanted_above(&self, wanted: &Wanted) -> Result<Wanted> {
        let mut above = Wanted { user_id: wanted.user_id.clone(), with_groups: true, ..Wanted::default() };
        above.targets.clone_from(&wanted.targets);
        if let Some(("project", id)) = wanted.targets.first()
            && let Some(project) = project::get(&self.0.db, id).await?
        {
            above.targets.push(("domain", project.domain_id));
            let parents = project::parents(&self.0.db, id).await?;
            above.targets.extend(parents.into_iter().map(|parent| ("project", parent.id)));
        }
        Ok(above)
    }

    /// The users in the groups that something was given to; only the one user, if one is wanted.
    async fn members(&self, given: &[Assignment], user_id: Option<&str>) -> Result<BTreeMap<String, Vec<String>>> {
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let groups: BTreeSet<&str> =
            given.iter().filter(|one| one.actor_type == "group").map(|one| one.actor_id.as_str()).collect();
        if let Some(user_id) = user_id {
            // The store has found the groups by the user.
            return Ok(groups.into_iter().map(|id| (id.to_owned(), vec![user_id.to_owned()])).collect());
        }
        for member in group::members(&self.0.db, &groups.into_iter().collect::<Vec<_>>()).await? {
            members.entry(member.group_id).or_default().push(member.user_id);
        }
        Ok(members)
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

    /// The ids of the projects on which a user has a role: given, through a group, or inherited from above. One
    /// statement for all of it would leave the engine to choose where to begin, and it may choose the projects.
    pub(crate) async fn project_ids_of_user(&self, user_id: &str) -> Result<BTreeSet<String>> {
        let db = &self.0.db;
        let mine = Wanted { user_id: Some(user_id.to_owned()), with_groups: true, ..Wanted::default() };
        let given = store::list(db, &mine).await?;
        let places = Places::find(db, &given).await?;
        let all = given.iter().flat_map(|one| places.of(one)).filter(|(kind, _)| *kind == "project");
        Ok(all.map(|(_, id)| id.to_owned()).collect())
    }

    /// The domains on which a user has a role and that are enabled.
    pub(crate) async fn domain_list_of_user(&self, user_id: &str) -> Result<Vec<domain::Domain>> {
        let mine = Wanted { user_id: Some(user_id.to_owned()), with_groups: true, ..Wanted::default() };
        let mut given = store::list(&self.0.db, &mine).await?;
        given.retain(|one| one.target_type == "domain" && !one.inherited);
        let ids: BTreeSet<&str> = given.iter().map(|one| one.target_id.as_str()).collect();
        let mut domains = domain::by_ids(&self.0.db, &ids.into_iter().collect::<Vec<_>>()).await?;
        domains.retain(|domain| domain.enabled);
        domains.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(domains)
    }

    /// Whether the user has a role on the system.
    pub(crate) async fn has_system_role(&self, user_id: &str) -> Result<bool> {
        Ok(!store::roles_on(&self.0.db, user_id, "system", "system").await?.is_empty())
    }
}

/// The projects that inherit from each target of inherited assignments.
struct Places {
    below: BTreeMap<String, Vec<String>>,
}

impl Places {
    /// Finds them in two queries for any number of assignments.
    async fn find(db: &db::Db, given: &[Assignment]) -> Result<Self> {
        let targets = |kind: &str| -> Vec<&str> {
            let inherited = given.iter().filter(|one| one.inherited && one.target_type == kind);
            inherited.map(|one| one.target_id.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let mut below: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut found = project::in_domains(db, &targets("domain")).await?;
        found.extend(project::below(db, &targets("project")).await?);
        for one in found {
            below.entry(one.above_id).or_default().push(one.id);
        }
        Ok(Self { below })
    }

    /// Kind and id of each place where the assignment counts.
    fn of<'a>(&'a self, one: &'a Assignment) -> Vec<(&'a str, &'a str)> {
        if one.inherited {
            self.below.get(&one.target_id).into_iter().flatten().map(|id| ("project", id.as_str())).collect()
        } else {
            vec![(&one.target_type, &one.target_id)]
        }
    }
}
