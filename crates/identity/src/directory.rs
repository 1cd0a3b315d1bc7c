//! What changes seldom and every token needs: the roles with their implications, and the catalog.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use api::{Error, Page, Result};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::application_credential::RoleRef;
use crate::fields::missing;
use crate::store::{Filter, catalog, endpoint_filter, role};
use crate::{Identity, TokenData};

/// How many catalogs are kept as text.
const CATALOGS: usize = 2_000;

/// A catalog as text.
#[derive(Clone, Debug)]
pub(crate) struct Catalog(Arc<RawValue>);

impl Serialize for Catalog {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(to)
    }
}

/// Whose catalog: user, project and domain, which may stand in its addresses.
type Whose = (String, Option<String>, Option<String>);

fn whose(token: &TokenData) -> Whose {
    (token.user_id.clone(), token.project_id.clone(), token.domain_id.clone())
}

/// The roles and the catalog as of one revision.
#[derive(Debug)]
pub(crate) struct Directory {
    pub roles: BTreeMap<String, role::Role>,
    /// Prior role to implied roles.
    pub implied: BTreeMap<String, Vec<String>>,
    pub services: Vec<catalog::Service>,
    pub endpoints: Vec<catalog::Endpoint>,
    pub endpoint_groups: Vec<endpoint_filter::EndpointGroup>,
    /// Whether any project is not shown all endpoints.
    pub is_filtered: bool,
    catalogs: Mutex<HashMap<Whose, Catalog>>,
}

impl Identity {
    /// The directory; read again only when identity has changed.
    pub(crate) async fn directory(&self, revision: i64) -> Result<Arc<Directory>> {
        let known = self.0.directory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, directory)) = known
            && at == revision
        {
            return Ok(directory);
        }
        let directory = Arc::new(Directory::load(self).await?);
        *self.0.directory.lock().unwrap_or_else(PoisonError::into_inner) = Some((revision, Arc::clone(&directory)));
        Ok(directory)
    }
}

impl Directory {
    async fn load(identity: &Identity) -> Result<Self> {
        let db = &identity.0.db;
        let roles = role::all(db).await?.into_iter().map(|role| (role.id.clone(), role)).collect();
        let mut implied: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in role::implications(db).await? {
            implied.entry(one.prior_id).or_default().push(one.implied_id);
        }
        let enabled = || vec![Filter::is("enabled", true)];
        let services = catalog::service_list(db, enabled(), &Page::default()).await?;
        let endpoints = catalog::endpoint_list(db, enabled(), &Page::default()).await?;
        let endpoint_groups = endpoint_filter::list(db, Vec::new(), &Page::default()).await?;
        let is_filtered = endpoint_filter::any(db).await?;
        Ok(Self { roles, implied, services, endpoints, endpoint_groups, is_filtered, catalogs: Mutex::default() })
    }

    /// The catalog of a token as text, if it was made before: every answer with a token carries it.
    pub fn catalog_known(&self, token: &TokenData) -> Option<Catalog> {
        self.catalogs.lock().unwrap_or_else(PoisonError::into_inner).get(&whose(token)).cloned()
    }

    /// Keeps the catalog of a token as text.
    pub fn catalog_keep(&self, token: &TokenData, catalog: &Value) -> Result<Catalog> {
        let text = Catalog(to_raw_value(catalog).map_err(Error::internal)?.into());
        let mut catalogs = self.catalogs.lock().unwrap_or_else(PoisonError::into_inner);
        if catalogs.len() >= CATALOGS {
            catalogs.clear();
        }
        catalogs.insert(whose(token), text.clone());
        Ok(text)
    }

    /// The given roles and all that they imply, without those that only a domain knows.
    pub fn effective(&self, given: &[String]) -> BTreeSet<String> {
        let mut all = self.with_implied(given);
        all.retain(|id| self.roles.get(id).is_some_and(|role| role.domain_id.is_none()));
        all
    }

    /// The given roles and all that they imply, those included that only a domain knows.
    pub fn with_implied(&self, given: &[String]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut open: Vec<&String> = given.iter().collect();
        while let Some(id) = open.pop() {
            if all.insert(id.clone()) {
                open.extend(self.implied.get(id).into_iter().flatten());
            }
        }
        all
    }

    /// The id of the role that is meant; a name is that of a role of no domain.
    pub fn role_id(&self, wanted: RoleRef) -> Result<String> {
        let found = match (&wanted.id, &wanted.name) {
            (Some(id), _) => self.roles.get(id),
            (None, Some(name)) => self.roles.values().find(|role| role.domain_id.is_none() && role.name == *name),
            (None, None) => return Err(Error::bad_request("Each of the roles needs an id or a name.")),
        };
        let wanted = || wanted.id.as_deref().or(wanted.name.as_deref()).unwrap_or_default();
        found.map(|role| role.id.clone()).ok_or_else(|| missing("role", wanted()))
    }

    /// Ids and names of the roles in a token.
    pub fn roles_of_token(&self, given: &[String]) -> Vec<(String, String)> {
        let mut roles: Vec<(String, String)> = self
            .effective(given)
            .into_iter()
            .filter_map(|id| self.roles.get(&id))
            .map(|role| (role.id.clone(), role.name.clone()))
            .collect();
        roles.sort_by(|a, b| a.1.cmp(&b.1));
        roles
    }
}
