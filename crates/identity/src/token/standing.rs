//! What a user is in a scope: names, roles. It is the same for all tokens of that user in that scope.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Error, Result};
use jiff::Timestamp;

use super::{Scope, refused};
use crate::authentication::rules_of;
use crate::caller::{ApplicationData, TrustData};
use crate::directory::Directory;
use crate::store::user::Account;
use crate::store::{application_credential, assignment, domain, project, trust, user};
use crate::user_options::MethodRules;
use crate::{AccessRule, Identity, TokenData};

/// What a user is in a scope, as of one revision.
#[derive(Debug)]
pub(crate) struct Standing {
    pub data: Arc<TokenData>,
    /// The user's token generation.
    pub generation: i64,
    pub user_domain_name: String,
    /// The name of the scope's domain, or of the domain that the project is in.
    pub domain_name: Option<String>,
    /// Ids and names.
    pub roles: Vec<(String, String)>,
    /// When a trust or an application credential ends, and all tokens of it.
    pub ends_at: Option<Timestamp>,
    /// The sets of methods of which the user must use one.
    pub rules: MethodRules,
    pub password_expires_at: Option<Timestamp>,
}

/// Whose standing where.
pub(crate) type Place = (String, Scope);

/// A standing that is being put together.
struct Draft<'a> {
    data: TokenData,
    directory: &'a Directory,
    domain_name: Option<String>,
    ends_at: Option<Timestamp>,
}

impl Identity {
    /// What the user is in the scope; 401 when any of it is gone, disabled or taken away.
    pub(super) async fn standing(&self, user_id: &str, scope: &Scope, revision: i64) -> Result<Arc<Standing>> {
        let place = (user_id.to_owned(), scope.clone());
        if let Some((at, known)) = self.0.standings.get(&place)
            && at == revision
        {
            return Ok(known);
        }
        let found = Arc::new(self.standing_load(user_id, scope, revision).await?);
        self.0.standings.put(place, (revision, Arc::clone(&found)));
        Ok(found)
    }

    async fn standing_load(&self, user_id: &str, scope: &Scope, revision: i64) -> Result<Standing> {
        let account = self.active(user_id).await?;
        let rules = rules_of(&account.options.0);
        let password_expires_at = account.password_expires_at;
        let directory = self.directory(revision).await?;
        let data = TokenData {
            user_id: account.id,
            user_name: account.name,
            user_domain_id: account.domain_id,
            ..TokenData::default()
        };
        let mut draft = Draft { data, directory: &directory, domain_name: None, ends_at: None };
        let given = self.scope_load(scope, &mut draft).await?;
        let Draft { mut data, domain_name, ends_at, .. } = draft;
        let roles = directory.roles_of_token(&given);
        if *scope != Scope::Unscoped && roles.is_empty() && (data.trust.is_none() || data.project_id.is_some()) {
            return Err(refused());
        }
        data.roles = roles.iter().map(|(_, name)| name.clone()).collect();
        let (generation, user_domain_name) = (account.token_generation, account.domain_name);
        Ok(Standing {
            data: Arc::new(data),
            generation,
            user_domain_name,
            domain_name,
            roles,
            ends_at,
            rules,
            password_expires_at,
        })
    }

    async fn active(&self, user_id: &str) -> Result<Account> {
        user::account(&self.0.db, user_id).await?.filter(|account| self.is_active(account)).ok_or_else(refused)
    }

    /// Fills in the scope; gives the roles that the user has there.
    async fn scope_load(&self, scope: &Scope, draft: &mut Draft<'_>) -> Result<Vec<String>> {
        let db = &self.0.db;
        match scope {
            Scope::Unscoped => Ok(Vec::new()),
            Scope::System => {
                draft.data.system = true;
                Ok(assignment::roles_on(db, &draft.data.user_id, "system", "system").await?)
            }
            Scope::Domain(id) => {
                let domain = domain::get(db, id).await?.filter(|domain| domain.enabled).ok_or_else(refused)?;
                draft.data.domain_id = Some(domain.id);
                draft.domain_name = Some(domain.name);
                Ok(assignment::roles_on(db, &draft.data.user_id, "domain", id).await?)
            }
            Scope::Project(id) => {
                let user_id = draft.data.user_id.clone();
                self.project_load(id, &user_id, draft).await
            }
            Scope::Trust { id, other_generation } => self.trust_load(id, *other_generation, draft).await,
            Scope::Application(id) => self.application_load(id, draft).await,
        }
    }

    /// Fills in the project; gives the roles that the user has there.
    async fn project_load(&self, id: &str, user_id: &str, draft: &mut Draft<'_>) -> Result<Vec<String>> {
        let db = &self.0.db;
        let project = project::scoped(db, id).await?.filter(|p| p.enabled && p.domain_enabled);
        let project = project.ok_or_else(refused)?;
        let given = assignment::roles_on_project(db, user_id, id, &project.domain_id).await?;
        draft.data.project_id = Some(project.id);
        draft.data.project_name = Some(project.name);
        draft.data.project_domain_id = Some(project.domain_id);
        draft.domain_name = Some(project.domain_name);
        Ok(given)
    }

    /// Fills in the trust and its project; gives its roles. Each of them must still be the first trustor's.
    async fn trust_load(&self, id: &str, other_generation: i64, draft: &mut Draft<'_>) -> Result<Vec<String>> {
        let db = &self.0.db;
        let pedigree = trust::pedigree(db, id).await?;
        let (Some(trust), Some(first)) = (pedigree.first(), pedigree.last()) else { return Err(refused()) };
        let (user_id, other_id) = match trust.impersonation {
            true => (&trust.trustor_user_id, &trust.trustee_user_id),
            false => (&trust.trustee_user_id, &trust.trustor_user_id),
        };
        let other = self.active(other_id).await?;
        if draft.data.user_id != *user_id || other.token_generation != other_generation {
            return Err(refused());
        }
        for parent in &pedigree[1..] {
            self.active(&parent.trustor_user_id).await?;
            self.active(&parent.trustee_user_id).await?;
        }
        draft.ends_at = pedigree.iter().filter_map(|trust| trust.expires_at).min();
        draft.data.trust = Some(TrustData {
            id: trust.id.clone(),
            trustor_id: trust.trustor_user_id.clone(),
            trustee_id: trust.trustee_user_id.clone(),
            impersonation: trust.impersonation,
        });
        let Some(project_id) = &trust.project_id else { return Ok(Vec::new()) };
        let has = self.project_load(project_id, &first.trustor_user_id, draft).await?;
        let has = draft.directory.with_implied(&has);
        let given = trust::roles(db, id).await?;
        if given.is_empty() || !draft.directory.with_implied(&given).is_subset(&has) {
            return Err(Error::forbidden(
                "The trustor has no longer all roles that the trust gives; ask for a new trust.",
            ));
        }
        Ok(given)
    }

    /// Fills in the application credential and its project; gives those of its roles that the user still has.
    async fn application_load(&self, id: &str, draft: &mut Draft<'_>) -> Result<Vec<String>> {
        let db = &self.0.db;
        let user_id = draft.data.user_id.clone();
        let credential = application_credential::get(db, id).await?.filter(|one| one.user_id == user_id);
        let credential = credential.ok_or_else(refused)?;
        let has = self.project_load(&credential.project_id, &user_id, draft).await?;
        let has = draft.directory.with_implied(&has);
        let of_it = |credential_id: &str| credential_id == id;
        let given: BTreeSet<String> = application_credential::roles(db, &user_id)
            .await?
            .into_iter()
            .filter(|role| of_it(&role.credential_id))
            .map(|role| role.role_id)
            .collect();
        let access_rules = match credential.restricted_to_rules {
            false => None,
            true => Some(
                application_credential::rules(db, &user_id)
                    .await?
                    .into_iter()
                    .filter(|rule| of_it(&rule.credential_id))
                    .map(|rule| AccessRule { id: rule.id, service: rule.service, method: rule.method, path: rule.path })
                    .collect(),
            ),
        };
        draft.ends_at = credential.expires_at;
        draft.data.application = Some(ApplicationData {
            id: credential.id,
            name: credential.name,
            unrestricted: credential.unrestricted,
            access_rules,
        });
        Ok(given.intersection(&has).cloned().collect())
    }
}
