//! Trusts: what one user lets another do for it.

use api::{Error, Result};

use crate::application_credential::RoleRef;
use crate::audit::Action;
use crate::fields::{Fields, missing};
use crate::store::role::Role;
use crate::store::trust::{self as store, Trust};
use crate::store::{assignment, project, revision, user};
use crate::{Caller, Identity};

impl Identity {
    /// The trust while it can still be used.
    pub(crate) async fn trust_find(&self, id: &str) -> Result<Option<Trust>> {
        let now = self.0.runtime.clock.now();
        let usable = |trust: &Trust| {
            trust.expires_at.is_none_or(|at| at > now) && trust.remaining_uses.is_none_or(|uses| uses > 0)
        };
        Ok(store::get(&self.0.db, id).await?.filter(usable))
    }

    pub(crate) async fn trust_list(&self, trustor_id: Option<&str>, trustee_id: Option<&str>) -> Result<Vec<Trust>> {
        Ok(store::list(&self.0.db, trustor_id, trustee_id).await?)
    }

    /// The roles that the trust gives, without those that are gone.
    pub(crate) async fn trust_roles(&self, id: &str) -> Result<Vec<Role>> {
        let directory = self.directory(revision::get(&self.0.db).await?).await?;
        let ids = store::roles(&self.0.db, id).await?;
        Ok(ids.iter().filter_map(|id| directory.roles.get(id)).cloned().collect())
    }

    /// Makes a trust of the caller's, or hands on the one that the caller's token is of.
    pub(crate) async fn trust_create(&self, caller: &Caller, mut fields: Fields) -> Result<Trust> {
        let wanted: Vec<RoleRef> = fields.typed("roles")?.unwrap_or_default();
        let trustee_id = fields.required("trustee_user_id", 1, 64)?;
        let trustor_id = fields.required("trustor_user_id", 1, 64)?;
        let project_id = fields.nullable("project_id", 64)?.flatten();
        if project_id.is_some() && wanted.is_empty() {
            return Err(Error::forbidden("At least one role should be specified: a trust of a project gives roles."));
        }
        let expires_at = fields.nullable("expires_at", 64)?.flatten().map(|text| self.future(&text)).transpose()?;
        let (redelegation_count, limited) = self.depth(&mut fields)?;
        let remaining_uses = self.uses(&mut fields, redelegation_count)?;
        let mut trust = Trust {
            id: self.0.runtime.ids.hex(),
            trustor_user_id: trustor_id,
            trustee_user_id: trustee_id,
            project_id,
            impersonation: fields
                .flag("impersonation")?
                .ok_or_else(|| Error::bad_request("Invalid input: 'impersonation' is a required property."))?,
            expires_at,
            remaining_uses,
            redelegated_trust_id: None,
            redelegation_count,
            created_at: self.0.runtime.clock.now(),
            extra: fields.into_extra(),
        };
        let directory = self.directory(revision::get(&self.0.db).await?).await?;
        let mut role_ids = Vec::new();
        for role in wanted {
            role_ids.push(directory.role_id(role)?);
        }
        role_ids.sort();
        role_ids.dedup();
        let mut tx = self.write().await?;
        user::get(&mut tx, &trust.trustee_user_id).await?.ok_or_else(|| missing("user", &trust.trustee_user_id))?;
        let origin = caller.token.trust.as_ref().map(|trust| trust.id.as_str());
        let first_trustor = match origin {
            Some(origin) => self.hand_on(&mut tx, origin, &mut trust, &role_ids, limited).await?,
            None => trust.trustor_user_id.clone(),
        };
        if let Some(id) = &trust.project_id {
            let project = project::get(&mut tx, id).await?.ok_or_else(|| missing("project", id))?;
            let has = assignment::roles_on_project(&mut tx, &first_trustor, id, &project.domain_id).await?;
            let has = directory.with_implied(&has);
            if let Some(lacking) = role_ids.iter().find(|id| !has.contains(*id)) {
                return Err(missing("role", lacking));
            }
        }
        store::insert(&mut tx, &trust, &role_ids).await?;
        self.commit(tx, Action::Created, "OS-TRUST:trust", &trust.id).await?;
        Ok(trust)
    }

    /// How often the trust may be handed on, and whether the client said so itself.
    fn depth(&self, fields: &mut Fields) -> Result<(i64, Option<i64>)> {
        let most = self.0.config.trust.max_redelegation_count;
        fields.null_is_absent("redelegation_count");
        let asked = fields.number("redelegation_count")?;
        if asked.is_some_and(|asked| asked < 0) {
            return Err(Error::bad_request("redelegation_count must be zero or more."));
        }
        fields.null_is_absent("allow_redelegation");
        if !fields.flag("allow_redelegation")?.unwrap_or(false) || asked == Some(0) {
            return Ok((0, None));
        }
        if asked.is_some_and(|asked| asked > most) {
            return Err(Error::forbidden(format!(
                "Requested redelegation depth of {} is greater than allowed {most}; ask for less.",
                asked.unwrap_or_default()
            )));
        }
        Ok((asked.unwrap_or(most), asked))
    }

    fn uses(&self, fields: &mut Fields, redelegation_count: i64) -> Result<Option<i64>> {
        fields.null_is_absent("remaining_uses");
        let uses = fields.number("remaining_uses")?;
        if uses.is_some_and(|uses| uses <= 0) {
            return Err(Error::bad_request("remaining_uses must be a positive integer or null."));
        }
        if uses.is_some() && redelegation_count > 0 {
            return Err(Error::bad_request("remaining_uses must not be set if redelegation is allowed"));
        }
        Ok(uses)
    }

    /// Bounds a trust by the one that it is handed on from, and by all before that. Gives the first trustor.
    async fn hand_on(
        &self,
        tx: &mut db::Tx,
        origin: &str,
        trust: &mut Trust,
        role_ids: &[String],
        asked: Option<i64>,
    ) -> Result<String> {
        let pedigree = store::pedigree(&mut *tx, origin).await?;
        let (Some(parent), Some(first)) = (pedigree.first(), pedigree.last()) else {
            return Err(missing("trust", origin));
        };
        let left = parent.redelegation_count - 1;
        if trust.redelegation_count > 0 && asked.is_some_and(|asked| asked != left) {
            return Err(Error::forbidden(
                "Modifying \"redelegation_count\" upon redelegation is forbidden. Omitting this parameter is advised.",
            ));
        }
        for before in &pedigree {
            self.bound(trust, before)?;
            let given = store::roles(&mut *tx, &before.id).await?;
            if trust.project_id != before.project_id || role_ids.iter().any(|id| !given.contains(id)) {
                return Err(Error::forbidden("Some of requested roles are not in redelegated trust"));
            }
        }
        trust.redelegation_count = trust.redelegation_count.min(left);
        trust.redelegated_trust_id = Some(parent.id.clone());
        Ok(first.trustor_user_id.clone())
    }

    fn bound(&self, trust: &mut Trust, before: &Trust) -> Result<()> {
        let most = self.0.config.trust.max_redelegation_count;
        if !(1..=most).contains(&before.redelegation_count) {
            return Err(Error::forbidden(format!(
                "Remaining redelegation depth of {} out of allowed range of [0..{most}]: the trust cannot be handed on.",
                before.redelegation_count
            )));
        }
        if trust.remaining_uses.is_some() {
            return Err(Error::forbidden("remaining_uses must not be set in order to redelegate a trust."));
        }
        if trust.impersonation && !before.impersonation {
            return Err(Error::forbidden(format!(
                "Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated \
                 trust id: {}",
                before.id
            )));
        }
        match (trust.expires_at, before.expires_at) {
            (Some(asked), Some(end)) if asked > end => {
                Err(Error::forbidden("Requested expiration time is more than redelegated trust can provide"))
            }
            (asked, end) => {
                trust.expires_at = asked.or(end);
                Ok(())
            }
        }
    }

    /// Removes the trust and all that it was handed on to.
    pub(crate) async fn trust_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.write().await?;
        if store::delete(&mut tx, id).await? == 0 {
            return Err(missing("trust", id));
        }
        self.commit(tx, Action::Deleted, "OS-TRUST:trust", id).await
    }
}
