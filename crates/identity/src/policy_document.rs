//! Policy documents that clients keep here, and which endpoints they are for. The cloud's own rules are not among them.

use api::{Page, Result};

use crate::Identity;
use crate::audit::Action;
use crate::fields::{Fields, missing};
use crate::store::Filter;
use crate::store::catalog::{self, Endpoint, Region};
use crate::store::policy_document::{self as store, Association, PolicyDocument};

impl Identity {
    pub(crate) async fn policy_document_get(&self, id: &str) -> Result<PolicyDocument> {
        store::get(&self.0.db, id).await?.ok_or_else(|| missing("policy", id))
    }

    pub(crate) async fn policy_document_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<PolicyDocument>> {
        Ok(store::list(&self.0.db, filters, page).await?)
    }

    pub(crate) async fn policy_document_create(&self, mut fields: Fields) -> Result<PolicyDocument> {
        fields.ignore("id");
        let document = PolicyDocument {
            id: self.0.runtime.ids.hex(),
            kind: fields.required("type", 1, 255)?,
            blob: fields.required("blob", 0, 65_535)?,
            extra: fields.into_extra(),
        };
        let mut tx = self.write().await?;
        store::insert(&mut tx, &document).await?;
        self.commit(tx, Action::Created, "policy", &document.id).await?;
        Ok(document)
    }

    pub(crate) async fn policy_document_update(&self, id: &str, mut fields: Fields) -> Result<PolicyDocument> {
        let mut tx = self.write().await?;
        let mut document = store::get(&mut tx, id).await?.ok_or_else(|| missing("policy", id))?;
        fields.fixed("id", Some(id))?;
        document.kind = fields.text("type", 1, 255)?.unwrap_or(document.kind);
        document.blob = fields.text("blob", 0, 65_535)?.unwrap_or(document.blob);
        fields.merge_into(&mut document.extra);
        store::update(&mut tx, &document).await?;
        self.commit(tx, Action::Updated, "policy", id).await?;
        Ok(document)
    }

    pub(crate) async fn policy_document_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, id).await?.ok_or_else(|| missing("policy", id))?;
        store::delete(&mut tx, id).await?;
        self.commit(tx, Action::Deleted, "policy", id).await
    }

    /// Makes the document the one for an endpoint, a service, or a service in a region; another one makes room.
    pub(crate) async fn policy_association_create(&self, new: &Association) -> Result<()> {
        let mut tx = self.write().await?;
        store::get(&mut tx, &new.policy_id).await?.ok_or_else(|| missing("policy", &new.policy_id))?;
        if let Some(id) = &new.endpoint_id {
            catalog::endpoint_get(&mut tx, id).await?.ok_or_else(|| missing("endpoint", id))?;
        }
        if let Some(id) = &new.service_id {
            catalog::service_get(&mut tx, id).await?.ok_or_else(|| missing("service", id))?;
        }
        if let Some(id) = &new.region_id {
            catalog::region_get(&mut tx, id).await?.ok_or_else(|| missing("region", id))?;
        }
        store::associate(&mut tx, &self.0.runtime.ids.hex(), new).await?;
        self.commit(tx, Action::Created, "policy_association", &new.policy_id).await
    }

    pub(crate) async fn policy_association_check(&self, wanted: &Association) -> Result<()> {
        let all = store::associations(&self.0.db).await?;
        let same = |one: &Association| one.policy_id == wanted.policy_id && is_for_same(one, wanted);
        all.iter().any(same).then_some(()).ok_or_else(|| missing("policy association", &wanted.policy_id))
    }

    pub(crate) async fn policy_association_delete(&self, old: &Association) -> Result<()> {
        let mut tx = self.write().await?;
        if !store::dissociate(&mut tx, old).await? {
            return Err(missing("policy association", &old.policy_id));
        }
        self.commit(tx, Action::Deleted, "policy_association", &old.policy_id).await
    }

    /// The document that is for an endpoint: its own, else that of its service in its region or one above, else that
    /// of its service.
    pub(crate) async fn policy_document_of(&self, endpoint_id: &str) -> Result<PolicyDocument> {
        let endpoint = self.endpoint_get(endpoint_id).await?;
        let places = Places::load(self).await?;
        let id = places.policy_of(&endpoint).ok_or_else(|| missing("policy for endpoint", endpoint_id))?;
        self.policy_document_get(id).await
    }

    /// The endpoints that a document is for.
    pub(crate) async fn policy_document_endpoints(&self, policy_id: &str) -> Result<Vec<Endpoint>> {
        self.policy_document_get(policy_id).await?;
        let places = Places::load(self).await?;
        let mut endpoints = self.endpoint_list(Vec::new(), &Page::default()).await?;
        endpoints.retain(|endpoint| places.policy_of(endpoint) == Some(policy_id));
        Ok(endpoints)
    }
}

fn is_for_same(one: &Association, other: &Association) -> bool {
    (&one.endpoint_id, &one.service_id, &one.region_id) == (&other.endpoint_id, &other.service_id, &other.region_id)
}

/// All associations, and the tree of regions that they count in.
struct Places {
    associations: Vec<Association>,
    regions: Vec<Region>,
}

impl Places {
    async fn load(identity: &Identity) -> Result<Self> {
        let associations = store::associations(&identity.0.db).await?;
        Ok(Self { associations, regions: identity.region_list(Vec::new(), &Page::default()).await? })
    }

    fn policy_of(&self, endpoint: &Endpoint) -> Option<&str> {
        let find = |endpoint_id: Option<&str>, service_id: Option<&str>, region_id: Option<&str>| {
            let wanted = (endpoint_id, service_id, region_id);
            let fits = |one: &&Association| {
                (one.endpoint_id.as_deref(), one.service_id.as_deref(), one.region_id.as_deref()) == wanted
            };
            self.associations.iter().find(fits).map(|one| one.policy_id.as_str())
        };
        let service = Some(endpoint.service_id.as_str());
        let own = find(Some(&endpoint.id), None, None);
        let mut region = endpoint.region_id.as_deref();
        let in_region = || {
            while let Some(id) = region {
                if let Some(found) = find(None, service, Some(id)) {
                    return Some(found);
                }
                region = self.regions.iter().find(|one| one.id == id).and_then(|one| one.parent_id.as_deref());
            }
            None
        };
        own.or_else(in_region).or_else(|| find(None, service, None))
    }
}
