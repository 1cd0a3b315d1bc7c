//! Application credentials: what a program shows instead of its user's password, and what it may do with it.

use std::collections::{BTreeMap, BTreeSet};

use api::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::Tx;
use jiff::Timestamp;
use serde::Deserialize;

use crate::audit::Action;
use crate::fields::{missing, taken};
use crate::store::application_credential::{self as store, ApplicationCredential};
use crate::store::role::Role;
use crate::store::{Filter, revision, user};
use crate::{AccessRule, Caller, Identity};

/// The methods that an access rule may name.
const METHODS: &[&str] = &["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];

/// An application credential with its roles and access rules.
pub(crate) struct Details {
    pub credential: ApplicationCredential,
    pub roles: Vec<Role>,
    pub rules: Vec<AccessRule>,
}

/// What a user asks for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    name: String,
    secret: Option<String>,
    description: Option<String>,
    expires_at: Option<String>,
    roles: Option<Vec<RoleRef>>,
    unrestricted: Option<bool>,
    access_rules: Option<Vec<WantedRule>>,
}

/// A role by its id or its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRef {
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(rename = "domain_id")]
    _domain_id: Option<String>,
}

#[derive(Deserialize)]
struct WantedRule {
    id: Option<String>,
    service: Option<String>,
    method: Option<String>,
    path: Option<String>,
}

impl Identity {
    /// Makes one for the caller itself on the caller's project; gives it with its secret, which is not kept.
    pub(crate) async fn application_credential_create(
        &self,
        caller: &Caller,
        wanted: Wanted,
    ) -> Result<(Details, String)> {
        let project_id = caller.project_id()?;
        let user_id = &caller.token.user_id;
        api::fields::length("name", &wanted.name, 1, 255)?;
        let expires_at = wanted.expires_at.as_deref().map(|text| self.future(text)).transpose()?;
        let role_ids = self.roles_wanted(caller, wanted.roles).await?;
        let secret = wanted.secret.filter(|secret| !secret.is_empty());
        let secret = secret.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(self.0.runtime.ids.bytes::<48>()));
        let new = ApplicationCredential {
            id: self.0.runtime.ids.hex(),
            name: wanted.name,
            description: wanted.description,
            user_id: user_id.clone(),
            project_id: project_id.to_owned(),
            secret_hash: self.0.passwords.hash(&secret).await?,
            expires_at,
            unrestricted: wanted.unrestricted.unwrap_or(false),
            // An empty list, which the stock client sends where nothing is asked, is no restriction.
            restricted_to_rules: wanted.access_rules.as_ref().is_some_and(|rules| !rules.is_empty()),
        };
        let mut tx = self.write().await?;
        user::get(&mut tx, user_id).await?.ok_or_else(|| missing("user", user_id))?;
        let limit = self.0.config.application_credential.user_limit;
        if limit >= 0 && store::count(&mut tx, user_id).await? >= limit {
            return Err(Error::forbidden(format!(
                "A user may have at most {limit} application credentials; delete one that is not needed."
            )));
        }
        let mut rules = Vec::new();
        for rule in wanted.access_rules.into_iter().flatten() {
            rules.push(self.rule_wanted(&mut tx, user_id, rule).await?);
        }
        store::insert(&mut tx, &new, &role_ids, &rules)
            .await
            .map_err(|error| taken(error, "application_credential", &new.name))?;
        self.commit(tx, Action::Created, "application_credential", &new.id).await?;
        let details = self.details(vec![new]).await?.pop();
        Ok((details.ok_or_else(|| Error::conflict("It was deleted at the same moment."))?, secret))
    }

    /// A time that is yet to come.
    pub(crate) fn future(&self, text: &str) -> Result<Timestamp> {
        let time = api::time::parse(text)
            .ok_or_else(|| Error::bad_request("expires_at must be a time such as 2027-01-31T12:00:00.000000Z."))?;
        if time <= self.0.runtime.clock.now() {
            return Err(Error::bad_request("expires_at is in the past; name a time to come."));
        }
        Ok(time)
    }

    /// The ids of the wanted roles with all that they imply, or of all that the caller's token has. None may be
    /// wanted that the token has not: whoever acts by a delegation must not hand on more than it got.
    async fn roles_wanted(&self, caller: &Caller, wanted: Option<Vec<RoleRef>>) -> Result<Vec<String>> {
        let directory = self.directory(revision::get(&self.0.db).await?).await?;
        let of_token: BTreeSet<&String> = directory
            .roles
            .values()
            .filter(|role| role.domain_id.is_none() && caller.token.roles.contains(&role.name))
            .map(|role| &role.id)
            .collect();
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
            return Ok(of_token.into_iter().cloned().collect());
        };
        let mut ids = Vec::new();
        for role in wanted {
            ids.push(directory.role_id(role)?);
        }
        let ids = directory.with_implied(&ids);
        if ids.iter().any(|id| !of_token.contains(id)) {
            return Err(Error::bad_request(
                "Invalid application credential: Cannot create an application credential with a role that your token \
                 does not have.",
            ));
        }
        Ok(ids.into_iter().collect())
    }

    async fn rule_wanted(&self, tx: &mut Tx, user_id: &str, wanted: WantedRule) -> Result<store::AccessRule> {
        if let Some(id) = &wanted.id
            && let Some(known) = store::rule_get(&mut *tx, id).await?.filter(|rule| rule.user_id == user_id)
        {
            return Ok(known);
        }
        let field = |name: &str, value: Option<String>| {
            value.ok_or_else(|| {
                Error::bad_request(format!(
                    "access_rules: each needs a service, a method and a path; {name} is missing."
                ))
            })
        };
        let new = store::AccessRule {
            id: self.0.runtime.ids.hex(),
            user_id: user_id.to_owned(),
            service: field("service", wanted.service)?,
            method: field("method", wanted.method)?,
            path: field("path", wanted.path)?,
        };
        api::fields::length("service", &new.service, 1, 64)?;
        api::fields::length("path", &new.path, 1, 225)?;
        if !METHODS.contains(&new.method.as_str()) || !new.path.starts_with('/') {
            return Err(Error::bad_request(format!(
                "access_rules: the method must be one of {METHODS:?} and the path must begin with a slash."
            )));
        }
        Ok(store::rule_ensure(tx, &new).await?)
    }

    pub(crate) async fn application_credential_find(&self, id: &str) -> Result<Option<ApplicationCredential>> {
        Ok(store::get(&self.0.db, id).await?)
    }

    pub(crate) async fn application_credential_show(&self, found: ApplicationCredential) -> Result<Details> {
        let id = found.id.clone();
        self.details(vec![found]).await?.pop().ok_or_else(|| missing("application credential", &id))
    }

    pub(crate) async fn application_credential_list(&self, user_id: &str, name: Option<&str>) -> Result<Vec<Details>> {
        let found = store::list(&self.0.db, user_id, name).await?;
        self.details(found).await
    }

    /// Roles and rules of application credentials of one user, in two queries.
    async fn details(&self, found: Vec<ApplicationCredential>) -> Result<Vec<Details>> {
        let Some(user_id) = found.first().map(|credential| credential.user_id.clone()) else { return Ok(Vec::new()) };
        let db = &self.0.db;
        let directory = self.directory(revision::get(db).await?).await?;
        let mut roles: BTreeMap<String, Vec<Role>> = BTreeMap::new();
        for one in store::roles(db, &user_id).await? {
            roles.entry(one.credential_id).or_default().extend(directory.roles.get(&one.role_id).cloned());
        }
        let mut rules: BTreeMap<String, Vec<AccessRule>> = BTreeMap::new();
        for one in store::rules(db, &user_id).await? {
            let rule = AccessRule { id: one.id, service: one.service, method: one.method, path: one.path };
            rules.entry(one.credential_id).or_default().push(rule);
        }
        let details = found.into_iter().map(|credential| Details {
            roles: roles.remove(&credential.id).unwrap_or_default(),
            rules: rules.remove(&credential.id).unwrap_or_default(),
            credential,
        });
        Ok(details.collect())
    }

    pub(crate) async fn application_credential_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        if store::delete(&mut tx, id).await? == 0 {
            return Err(missing("application credential", id));
        }
        self.commit(tx, Action::Deleted, "application_credential", id).await
    }

    pub(crate) async fn access_rule_get(&self, user_id: &str, id: &str) -> Result<store::AccessRule> {
        let found = store::rule_get(&self.0.db, id).await?.filter(|rule| rule.user_id == user_id);
        found.ok_or_else(|| missing("access rule", id))
    }

    pub(crate) async fn access_rule_list(&self, user_id: &str, filters: Vec<Filter>) -> Result<Vec<store::AccessRule>> {
        Ok(store::rule_list(&self.0.db, user_id, filters).await?)
    }

    pub(crate) async fn access_rule_delete(&self, user_id: &str, id: &str) -> Result<()> {
        self.access_rule_get(user_id, id).await?;
        let mut tx = self.write().await?;
        store::rule_delete(&mut tx, id).await.map_err(|error| match error {
            db::Error::ForeignKey => Error::forbidden(
                "May not delete access rule in use; delete the application credentials that refer to it first.",
            ),
            other => other.into(),
        })?;
        self.commit(tx, Action::Deleted, "access_rule", id).await
    }
}
