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
        let project = identity.project_find(id).await?.map(|project| project.domain_id);
        let target = Target::new().with("target.project.domain_id", &project);
        caller.allow("identity:list_role_assignments_for_tree", &target)?;
        let below = identity.project_subtree(id).await?;
        wanted.targets.extend(below.into_iter().map(|project| ("project", project.id)));
    } else {
        let domain_id = &caller.token.domain_id;
        caller.allow("identity:list_role_assignments", &Target::new().with("target.domain_id", domain_id))?;
    }
    let with_names = query.flag("include_names")?.unwrap_or(false);
    let shown: Vec<Value> = if query.flag("effective")?.unwrap_or(false) {
        if wanted.group_id.is_some() {
            return Err(Error::bad_request("group.id and effective do not go together: leave one out."));
        }
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
    let inherited = query.get("scope.OS-INHERIT:inherited_to").map(|_| true);
    let (user_id, group_id, role_id) = (text("user.id"), text("group.id"), text("role.id"));
    if user_id.is_some() && group_id.is_some() {
        return Err(Error::bad_request("Name a user or a group, not both."));
    }
    Ok((Wanted { user_id, group_id, role_id, targets, inherited, with_groups: false }, tree))
}

struct Shape<'a> {
    links: &'a Links,
    /// Empty when they are not asked for.
    names: &'a Names,
}

impl Shape<'_> {
    fn given(&self, one: &Assignment) -> Value {
        let kind = if one.actor_type == "user" { "user" } else { "group" };
        let mut scope = self.scope(&one.target_type, &one.target_id);
        let mut path = self.path(&one.target_type, &one.target_id, kind, &one.actor_id, &one.role_id);
        if one.inherited {
            scope["OS-INHERIT:inherited_to"] = json!("projects");
            path = format!("{}/inherited_to_projects", path.replacen("/v3/", "/v3/OS-INHERIT/", 1));
        }
        json!({
            "role": self.thing("role", &one.role_id),
            kind: self.thing(kind, &one.actor_id),
            "scope": scope,
            "links": {"assignment": self.links.to(&path)},
        })
    }

    fn effective(&self, one: &Effective) -> Value {
        let (kind, actor_id) = match &one.group_id {
            Some(id) => ("group", id),
            None => ("user", &one.user_id),
        };
        let given_role = one.prior_role_id.as_ref().unwrap_or(&one.role_id);
        let path = self.path(&one.target_type, &one.target_id, kind, actor_id, given_role);
        let mut links = json!({"assignment": self.links.to(&path)});
        if let Some(id) = &one.group_id {
            links["membership"] = json!(self.links.to(&format!("/v3/groups/{id}/users/{}", one.user_id)));
        }
        if let Some(prior) = &one.prior_role_id {
            links["prior_role"] = json!(self.links.to(&format!("/v3/prior_role/{prior}/implies/{}", one.role_id)));
        }
        json!({
            "role": self.thing("role", &one.role_id),
            "user": self.thing("user", &one.user_id),
            "scope": self.scope(&one.target_type, &one.target_id),
            "links": links,
        })
    }

    fn scope(&self, kind: &str, id: &str) -> Value {
        match kind {
            "project" => json!({"project": self.thing("project", id)}),
            "domain" => json!({"domain": self.thing("domain", id)}),
            _ => json!({"system": {"all": true}}),
        }
    }

    fn path(&self, target: &str, target_id: &str, actor: &str, actor_id: &str, role_id: &str) -> String {
        let place = if target == "system" { "system".to_owned() } else { format!("{target}s/{target_id}") };
        format!("/v3/{place}/{actor}s/{actor_id}/roles/{role_id}")
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
