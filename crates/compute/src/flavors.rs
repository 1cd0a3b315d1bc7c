//! Flavors: how large a server is. Administrators make them; projects see the public ones and those they were given.

use std::collections::BTreeMap;

use ::api::{Error, Result};
use db::Json;
use identity::Caller;
use jiff::Timestamp;
use policy::Target;

use crate::Compute;
use crate::store::flavors as store;

/// A flavor's further demands on its servers, by name.
pub type ExtraSpecs = BTreeMap<String, String>;

db::row! {
    /// A flavor.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Flavor {
        /// Its id, a UUID or what its maker chose.
        pub id: String,
        /// Its name.
        pub name: String,
        /// What it is for.
        pub description: Option<String>,
        /// Virtual CPUs.
        pub vcpus: i64,
        /// Memory in MiB.
        pub memory_mb: i64,
        /// The root disk in GiB; 0 takes the image's size.
        pub root_gb: i64,
        /// A further empty disk in GiB.
        pub ephemeral_gb: i64,
        /// A swap disk in MiB.
        pub swap_mb: i64,
        /// Has no effect; old clients send it and want it back.
        pub rxtx_factor: f64,
        /// Whether every project may use it.
        pub is_public: bool,
        /// Whether it is withdrawn from use.
        pub disabled: bool,
        /// Its further demands.
        pub extra_specs: Json<ExtraSpecs>,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it was last changed.
        pub updated_at: Option<Timestamp>,
    }
}

/// On whose behalf flavors are looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who<'a> {
    /// An administrator, or the cloud itself.
    Admin,
    /// A member of the project.
    Project(Option<&'a str>),
}

/// Whether the caller is an administrator.
pub(crate) fn is_admin(caller: &Caller) -> bool {
    caller.may("context_is_admin", &Target::new())
}

pub(crate) fn who(caller: &Caller) -> Who<'_> {
    if is_admin(caller) { Who::Admin } else { Who::Project(caller.token.project_id.as_deref()) }
}

fn missing(id: &str) -> Error {
    Error::not_found(format!("Flavor {id} could not be found. GET /flavors lists those that you may use."))
}

impl Compute {
    /// The flavor, if the caller may use it; else 404.
    pub async fn flavor_get(&self, caller: &Caller, id: &str) -> Result<Flavor> {
        store::flavor_get(self.db(), who(caller), id).await?.ok_or_else(|| missing(id))
    }

    /// One page of flavors. The marker must be one that the caller may see.
    pub(crate) async fn flavors_list(&self, filter: &store::Filter<'_>) -> Result<Vec<Flavor>> {
        if let Some(marker) = filter.marker
            && store::flavor_get(self.db(), filter.who, marker).await?.is_none()
        {
            return Err(Error::bad_request(format!("marker [{marker}] not found")));
        }
        Ok(store::flavors_list(self.db(), filter).await?)
    }

    pub(crate) async fn flavor_create(&self, flavor: &Flavor) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::flavor_insert(&mut tx, flavor).await.map_err(|error| match &error {
            db::Error::Unique { constraint } if constraint.contains("name") => {
                Error::conflict(format!("Flavor with name {} already exists. Choose another name.", flavor.name))
            }
            db::Error::Unique { .. } => {
                Error::conflict(format!("Flavor with ID {} already exists. Leave the id out to get one.", flavor.id))
            }
            _ => error.into(),
        })?;
        Ok(tx.commit().await?)
    }

    pub(crate) async fn flavor_describe(&self, id: &str, text: Option<&str>) -> Result<Flavor> {
        let mut tx = self.db().begin().await?;
        store::flavor_describe(&mut tx, id, text, self.runtime().clock.now()).await?;
        let flavor = store::flavor_get(&mut tx, Who::Admin, id).await?.ok_or_else(|| missing(id))?;
        tx.commit().await?;
        Ok(flavor)
    }

    pub(crate) async fn flavor_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        if store::flavor_delete(&mut tx, id).await? == 0 {
            return Err(missing(id));
        }
        Ok(tx.commit().await?)
    }

    /// The projects that may use a flavor that is not public.
    pub(crate) async fn flavor_access_list(&self, caller: &Caller, id: &str) -> Result<Vec<String>> {
        if self.flavor_get(caller, id).await?.is_public {
            return Err(Error::not_found("Access list not available for public flavors: every project may use them."));
        }
        Ok(store::access_list(self.db(), id).await?)
    }

    /// Lets a project use the flavor. `strict` refuses public flavors.
    pub(crate) async fn flavor_access_add(&self, id: &str, project_id: &str, strict: bool) -> Result<Vec<String>> {
        let mut tx = self.db().begin().await?;
        let flavor = store::flavor_get(&mut tx, Who::Admin, id).await?.ok_or_else(|| missing(id))?;
        if flavor.is_public && strict {
            return Err(Error::conflict("Can not add access to a public flavor: every project may use it already."));
        }
        if store::access_add(&mut tx, id, project_id).await? == 0 {
            return Err(Error::conflict(format!(
                "Flavor access already exists for flavor {id} and project {project_id} combination."
            )));
        }
        let projects = store::access_list(&mut tx, id).await?;
        tx.commit().await?;
        Ok(projects)
    }

    pub(crate) async fn flavor_access_remove(&self, id: &str, project_id: &str) -> Result<Vec<String>> {
        let mut tx = self.db().begin().await?;
        store::flavor_get(&mut tx, Who::Admin, id).await?.ok_or_else(|| missing(id))?;
        if store::access_remove(&mut tx, id, project_id).await? == 0 {
            return Err(Error::not_found(format!(
                "Flavor access not found for {id} / {project_id} combination: the project has no access to take."
            )));
        }
        let projects = store::access_list(&mut tx, id).await?;
        tx.commit().await?;
        Ok(projects)
    }

    /// Adds extra specs to a flavor, or replaces those of the same names.
    pub(crate) async fn extra_specs_add(&self, id: &str, specs: &ExtraSpecs) -> Result<()> {
        self.extra_specs_change(id, |known| {
            known.extend(specs.clone());
            Ok(())
        })
        .await
    }

    pub(crate) async fn extra_spec_delete(&self, id: &str, name: &str) -> Result<()> {
        self.extra_specs_change(id, |known| known.remove(name).map(drop).ok_or_else(|| extra_spec_missing(id, name)))
            .await
    }

    async fn extra_specs_change(&self, id: &str, change: impl FnOnce(&mut ExtraSpecs) -> Result<()>) -> Result<()> {
        let mut tx = self.db().begin().await?;
        store::flavor_lock(&mut tx, id, self.runtime().clock.now()).await?;
        let mut flavor = store::flavor_get(&mut tx, Who::Admin, id).await?.ok_or_else(|| missing(id))?;
        change(&mut flavor.extra_specs.0)?;
        store::extra_specs_set(&mut tx, id, &flavor.extra_specs).await?;
        Ok(tx.commit().await?)
    }
}

pub(crate) fn extra_spec_missing(id: &str, name: &str) -> Error {
    Error::not_found(format!("Flavor {id} has no extra specs with key {name}."))
}
