//! Server groups: servers that are to be together or apart.

use ::api::{Error, Kind, Result};
use db::Tx;
use identity::Caller;
use policy::Target;

use crate::quota::{self, Owner};
use crate::scheduler::Policy;
use crate::store::groups as store;
use crate::{Compute, scheduler};

type Hints = serde_json::Map<String, serde_json::Value>;

db::row! {
    /// A group.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Group {
        pub(crate) id: String,
        pub(crate) project_id: String,
        pub(crate) user_id: String,
        pub(crate) name: String,
        pub(crate) policy: String,
        pub(crate) max_server_per_host: Option<i64>,
    }
}

impl Group {
    /// What binds its servers to nodes.
    pub(crate) fn binding(&self) -> Policy {
        match self.policy.as_str() {
            "affinity" => Policy::Affinity,
            "anti-affinity" => Policy::AntiAffinity(self.max_server_per_host.unwrap_or(1)),
            "soft-affinity" => Policy::SoftAffinity,
            _ => Policy::SoftAntiAffinity,
        }
    }
}

fn missing(id: &str) -> Error {
    Error::not_found(format!("Instance group {id} could not be found. GET /os-server-groups lists yours."))
}

impl Compute {
    /// The group, if the rule lets the caller at it; 404 when it is not of the caller's project.
    pub(crate) async fn group_for(&self, caller: &Caller, rule: &str, id: &str) -> Result<Group> {
        let group = store::group_get(self.db(), id).await?.ok_or_else(|| missing(id))?;
        let target = Target::new().with("project_id", &group.project_id).with("user_id", &group.user_id);
        let mine = caller.token.project_id.as_deref() == Some(group.project_id.as_str());
        if !mine && !caller.may(rule, &target) {
            return Err(missing(id));
        }
        caller.allow(rule, &target)?;
        Ok(group)
    }

    /// A page of a project's groups, or of all, and their servers.
    pub(crate) async fn groups_list(
        &self,
        project_id: Option<&str>,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<(Group, Vec<String>)>> {
        let groups = store::groups_list(self.db(), project_id, offset, limit).await?;
        let ids: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
        let mut members = store::members(self.db(), &ids).await?;
        let with = |group: Group| {
            let members = members.remove(&group.id).unwrap_or_default();
            (group, members)
        };
        Ok(groups.into_iter().map(with).collect())
    }

    /// The servers of a group.
    pub(crate) async fn group_members(&self, group: &Group) -> Result<Vec<String>> {
        Ok(store::members(self.db(), &[&group.id]).await?.remove(&group.id).unwrap_or_default())
    }

    pub(crate) async fn group_create(&self, group: &Group) -> Result<()> {
        let mut tx = self.db().begin().await?;
        quota::claim(&mut tx, &self.0.deps.identity, &group.project_id, &[("server_groups", 1)]).await?;
        store::group_insert(&mut tx, group, self.runtime().clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a group; its servers stay where they are.
    pub(crate) async fn group_delete(&self, group: &Group) -> Result<()> {
        let mut tx = self.db().begin().await?;
        if store::group_delete(&mut tx, &group.id).await? == 0 {
            return Err(missing(&group.id));
        }
        quota::release(&mut tx, &self.0.deps.identity, &group.project_id, &[("server_groups", 1)]).await?;
        Ok(tx.commit().await?)
    }

    /// The group that the hints have a new server join, and the most servers that may be in it; 400 when there is none
    /// that the caller may use.
    pub(crate) async fn group_asked(&self, caller: &Caller, hints: &Hints) -> Result<Option<(Group, i64)>> {
        let hint = hints.get("group");
        let Some(id) = hint.and_then(|hint| hint.as_str().or_else(|| hint.as_array()?.first()?.as_str())) else {
            return Ok(None);
        };
        let found = self.group_for(caller, "os_compute_api:os-server-groups:show", id).await;
        let group = found.map_err(|error| match error.kind {
            Kind::NotFound => Error::bad_request(error.message),
            _ => error,
        })?;
        let limits = self.quota_limits(Owner::Project(&group.project_id)).await?;
        let limit = limits.get("server_group_members").copied().unwrap_or(-1);
        Ok(Some((group, limit)))
    }

    /// Has new servers join a group, if there may be so many.
    pub(crate) async fn group_join(&self, tx: &mut Tx, group: &Group, limit: i64, server_ids: &[String]) -> Result<()> {
        if !store::group_lock(tx, &group.id).await? {
            return Err(Error::bad_request(missing(&group.id).message));
        }
        let members = store::members_count(tx, &group.id).await?;
        let joining = i64::try_from(server_ids.len()).unwrap_or(i64::MAX);
        if limit >= 0 && members.saturating_add(joining) > limit {
            return Err(Error::forbidden(format!(
                "Quota exceeded, too many servers in group: {members} of {limit} are there already. Use another \
                 group, or ask an administrator to raise the quota of server_group_members."
            )));
        }
        for id in server_ids {
            store::member_add(tx, &group.id, id).await?;
        }
        Ok(())
    }

    /// The id of the group that a server is in.
    pub(crate) async fn group_id_of(&self, server_id: &str) -> Result<Option<String>> {
        Ok(store::group_of(self.db(), server_id).await?.map(|group| group.id))
    }

    /// The server's group as the scheduler sees it, without the server itself.
    pub(crate) async fn group_seen(&self, server_id: &str) -> Result<Option<scheduler::Group>> {
        let Some(group) = store::group_of(self.db(), server_id).await? else { return Ok(None) };
        let hosts = store::members_by_host(self.db(), &group.id, server_id).await?;
        Ok(Some(scheduler::Group { policy: group.binding(), hosts }))
    }

    /// Begins a claim of a node for the server: from here on nobody else of its group gets one, and what is seen of
    /// the others is what there is.
    pub(crate) async fn group_claim(&self, tx: &mut Tx, server_id: &str) -> Result<Option<scheduler::Group>> {
        let Some(group) = store::group_of(&mut *tx, server_id).await? else { return Ok(None) };
        store::group_lock(&mut *tx, &group.id).await?;
        let hosts = store::members_by_host(tx, &group.id, server_id).await?;
        Ok(Some(scheduler::Group { policy: group.binding(), hosts }))
    }
}
