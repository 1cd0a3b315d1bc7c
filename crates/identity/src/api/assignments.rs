//! `/v3/role_assignments`: all assignments, as given or as they work out.

use api::{Error, Json, Links, Query, Result};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use policy::Target;
use serde_json::{Value, json};

use crate::assignment::{Effective, Names};
use crate::store::assignment::{Assignment, Wanted};
use crate::{Caller, Identity};

pub(super) fn routes() -> Router<Identity> {
    Router::new().route("/v3/role_assignments", get(assignment_list))
}

async fn assignment_list(
    State(identity): State<Identity>,
    caller: Caller,
    links: Links,
    query: Query,
) -> Result<Json<Value>> {
    let (mut wanted, tree) = wanted(&query)?;
    if let (true, [("project", id)]) = (tree, wanted.targets.as_slice()) {
        let domain_id = identity.project_find(id).await?.map(|project| project.domain_id);
        let target = Target::new().with("target.domain_id", &domain_id);
        caller.allow("identity:list_role_assignments_for_tree", &target)?;
        let below = identity.project_subtree(id).await?;
        wanted.targets.extend(below.into_iter().map(|project| ("project", project.id)));
    } else {
        let domain_id = &caller.token.domain_id;
        caller.allow("identity:list_role_assignments", &Target::new().with("target.domain_id", domain_id))?;
        wanted.domain_id.clone_from(domain_id);
    }
    let with_names = query.flag("include_names")?.unwrap_or(false);
    let shown: Vec<Value> = if query.flag("effective")?.unwrap_or(false) {
        effective_check(&wanted)?;
        let all = identity.assignment_list_effective(&wanted).await?;
        let mentioned = all
            .iter()
            .flat_map(|one| [("user", &one.user_id), (kind(&one.target_type), &one.target_id), ("role", &one.role_id)]);
        let names = names(&identity, with_names, mentioned).await?;
        let shape = Shape { links: &links, names: &names };
        all.iter().map(|one| shape.effective(one)).collect()
    } else {
        let all = identity.assignment_list(&wanted).await?;
        let mentioned = all.iter().flat_map(|one| {
            [(kind(&one.actor_type), &one.actor_id), (kind(&one.target_type), &one.target_id), ("role", &one.role_id)]
        });
        let names = names(&identity, with_names, mentioned).await?;
        let shape = Shape { links: &links, names: &names };
        all.iter().map(|one| shape.given(one)).collect()
    };
    let here = links.to("/v3/role_assignments");
    Ok(Json(json!({"role_assignments": shown, "links": {"self": here, "next": null, "previous": null}})))
}

/// The names of what is mentioned, if they are asked for.
async fn names(
    identity: &Identity,
    wanted: bool,
    mentioned: impl Iterator<Item = (&'static str, &String)>,
) -> Result<Names> {
    if !wanted {
        return Ok(Names::new());
    }
    identity.assignment_names(mentioned.map(|(kind, id)| (kind, id.clone())).collect()).await
}

fn kind(stored: &str) -> &'static str {
    ["user", "group", "project", "domain"].into_iter().find(|kind| *kind == stored).unwrap_or("system")
}

fn wanted(query: &Query) -> Result<(Wanted, bool)> {
    let text = |name: &str| query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut targets: Vec<(&'static str, String)> = Vec::new();
    targets.extend(text("scope.project.id").map(|id| ("project", id)));
    targets.extend(text("scope.domain.id").map(|id| ("domain", id)));
    if query.get("scope.system").is_some() {
        targets.push(("system", "system".to_owned()));
    }
    if targets.len() > 1 {
        return Err(Error::bad_request("Name one scope only: a project, a domain or the system."));
    }
    let tree = query.flag("include_subtree")?.unwrap_or(false);
    if tree && !matches!(targets.as_slice(), [("project", _)]) {
        return Err(Error::bad_request("include_subtree needs scope.project.id."));
    }
    let inherited = query.get("scope.OS-INHERIT:inherited_to").map(|to| to == "projects");
    let (user_id, group_id, role_id) = (text("user.id"), text("group.id"), text("role.id"));
    if user_id.is_some() && group_id.is_some() {
        return Err(Error::bad_request("Name a user or a group, not both."));
    }
    Ok((Wanted { user_id, group_id, role_id, targets, inherited, with_groups: false, domain_id: None }, tree))
}

/// Refuses what could only be empty: effective assignments are never of groups, nor inherited ones of domains.
fn effective_check(wanted: &Wanted) -> Result<()> {
    if wanted.group_id.is_some() {
        return Err(Error::bad_request("group.id and effective do not go together: leave one out."));
    }
    if wanted.inherited == Some(true) && matches!(wanted.targets.as_slice(), [("domain", _)]) {
        return Err(Error::bad_request("effective, inherited and a domain do not go together: leave one out."));
    }
    Ok(())
}

struct Shape<'a> {
    links: &'a Links,
    /// Empty when they are not asked for.
    names: &'a Names,
}

impl Shape<'_> {
    fn given(&self, one: &Assignment) -> Value {
        let kind = kind(&one.actor_type);
        json!({
            "role": self.thing("role", &one.role_id),
            kind: self.thing(kind, &one.actor_id),
            "scope": self.scope(&one.target_type, &one.target_id, one.inherited),
            "links": {"assignment": self.links.to(&path(one))},
        })
    }

    fn effective(&self, one: &Effective) -> Value {
        let given = &one.given;
        let mut links = json!({"assignment": self.links.to(&path(given))});
        if given.actor_type == "group" {
            links["membership"] = json!(self.links.to(&format!("/v3/groups/{}/users/{}", given.actor_id, one.user_id)));
        }
        if given.role_id != one.role_id {
            let implies = format!("/v3/prior_role/{}/implies/{}", given.role_id, one.role_id);
            links["prior_role"] = json!(self.links.to(&implies));
        }
        json!({
            "role": self.thing("role", &one.role_id),
            "user": self.thing("user", &one.user_id),
            "scope": self.scope(&one.target_type, &one.target_id, given.inherited),
            "links": links,
        })
    }

    fn scope(&self, kind: &str, id: &str, inherited: bool) -> Value {
        let mut scope = match kind {
            "project" => json!({"project": self.thing("project", id)}),
            "domain" => json!({"domain": self.thing("domain", id)}),
            _ => json!({"system": {"all": true}}),
        };
        if inherited {
            scope["OS-INHERIT:inherited_to"] = json!("projects");
        }
        scope
    }

    /// An id, with name and domain when they are asked for.
    fn thing(&self, kind: &'static str, id: &str) -> Value {
        let mut thing = json!({"id": id});
        let find = |kind, id: &str| self.names.get(&(kind, id.to_owned()));
        if let Some((name, domain_id)) = find(kind, id) {
            thing["name"] = json!(name);
            if let Some(domain_id) = domain_id {
                let domain_name = find("domain", domain_id).map(|(name, _)| name);
                thing["domain"] = json!({"id": domain_id, "name": domain_name});
            }
        }
        thing
    }
}

/// Where the assignment itself is found.
fn path(one: &Assignment) -> String {
    let Assignment { actor_type, actor_id, target_type, target_id, role_id, inherited } = one;
    let place = if target_type == "system" { "system".to_owned() } else { format!("{target_type}s/{target_id}") };
    let rest = format!("{place}/{actor_type}s/{actor_id}/roles/{role_id}");
    if *inherited { format!("/v3/OS-INHERIT/{rest}/inherited_to_projects") } else { format!("/v3/{rest}") }
}
