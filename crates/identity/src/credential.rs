//! Credentials: secrets of users that identity keeps, encrypted with keys of their own.

use api::{Error, Page, Result};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::audit::Action;
use crate::fields::{Fields, missing};
use crate::store::credential::{self as store, Credential};
use crate::store::{Filter, project, user};
use crate::{Caller, Identity};

/// The type of those that sign requests for EC2 and S3.
pub(crate) const EC2: &str = "ec2";

/// How many keys stay after a rotation: the staged one, the primary and the one before.
const KEYS: usize = 3;

/// How many are encrypted anew in one transaction.
const BATCH: i64 = 100;

/// What an EC2 credential's blob is bound to; clients cannot change it.
const BINDINGS: [&str; 4] = ["trust_id", "app_cred_id", "access_token_id", "access_id"];

/// A credential in clear.
pub(crate) struct Open {
    pub credential: Credential,
    pub blob: String,
}

impl Open {
    /// A text in the blob of an EC2 credential.
    pub fn text(&self, name: &str) -> Option<String> {
        let blob: Value = serde_json::from_str(&self.blob).ok()?;
        blob.get(name)?.as_str().map(str::to_owned)
    }
}

/// The id of an EC2 credential is the hash of its access key.
pub(crate) fn id_of_access(access: &str) -> String {
    hex::encode(Sha256::digest(access))
}

fn ec2_blob(text: &str) -> Result<Map<String, Value>> {
    let blob: Option<Map<String, Value>> = serde_json::from_str(text).ok();
    blob.filter(|blob| blob.get("access").is_some_and(Value::is_string)).ok_or_else(|| {
        Error::bad_request("Invalid blob in credential: for EC2 it must be a JSON object with an access and a secret.")
    })
}

/// A token by delegation is for one project, and so are the credentials that it may touch.
pub(crate) fn is_in_reach(caller: &Caller, project_id: Option<&str>) -> bool {
    let delegated = caller.token.trust.is_some() || caller.token.application.is_some();
    !delegated || (project_id.is_some() && project_id == caller.token.project_id.as_deref())
}

/// The same as an answer.
pub(crate) fn reach_check(caller: &Caller, project_id: Option<&str>) -> Result<()> {
    is_in_reach(caller, project_id).then_some(()).ok_or_else(|| {
        Error::forbidden(
            "Credential project does not match the project scope of the delegated token; use the user's own token.",
        )
    })
}

impl Identity {
    fn open(&self, credential: Credential) -> Result<Open> {
        let bytes = self.0.credential_keys.ring().open(&credential.encrypted_blob);
        let blob = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let blob = blob.ok_or_else(|| {
            Error::new(
                api::Kind::Internal,
                format!("The credential {} cannot be decrypted: its key is missing in credential-keys.", credential.id),
            )
        })?;
        Ok(Open { credential, blob })
    }

    pub(crate) async fn credential_find(&self, id: &str) -> Result<Option<Open>> {
        store::get(&self.0.db, id).await?.map(|found| self.open(found)).transpose()
    }

    pub(crate) async fn credential_list(&self, filters: Vec<Filter>, page: &Page) -> Result<Vec<Open>> {
        let found = store::list(&self.0.db, filters, page).await?;
        found.into_iter().map(|one| self.open(one)).collect()
    }

    pub(crate) async fn credentials_of_user(&self, user_id: &str, kind: &str) -> Result<Vec<Open>> {
        let found = store::of_user(&self.0.db, user_id, kind).await?;
        found.into_iter().map(|one| self.open(one)).collect()
    }

    /// Makes a credential. One for EC2 that is made by a delegation stays bound to it.
    pub(crate) async fn credential_create(&self, caller: &Caller, mut fields: Fields) -> Result<Open> {
        fields.ignore("id");
        let kind = fields.required("type", 1, 255)?;
        let mut blob = fields.required("blob", 0, 1 << 20)?;
        let user_id = fields.required("user_id", 1, 64)?;
        let project_id = fields.nullable("project_id", 64)?.flatten();
        let mut id = self.0.runtime.ids.hex();
        if kind.eq_ignore_ascii_case(EC2) {
            if project_id.is_none() {
                return Err(Error::bad_request("An EC2 credential needs a project_id."));
            }
            let mut map = ec2_blob(&blob)?;
            id = id_of_access(map.get("access").and_then(Value::as_str).unwrap_or_default());
            bind(caller, &mut map);
            blob = Value::Object(map).to_string();
        }
        self.credential_insert(id, kind, user_id, project_id, blob, fields).await
    }

    /// Makes a pair of keys for signing requests to EC2 or S3.
    pub(crate) async fn ec2_create(&self, caller: &Caller, user_id: String, project_id: String) -> Result<Open> {
        let db = &self.0.db;
        user::get(db, &user_id).await?.ok_or_else(|| missing("user", &user_id))?;
        project::get(db, &project_id).await?.ok_or_else(|| missing("project", &project_id))?;
        let (access, secret) = (self.0.runtime.ids.hex(), self.0.runtime.ids.hex());
        let mut blob = Map::new();
        blob.insert("access".to_owned(), json!(access));
        blob.insert("secret".to_owned(), json!(secret));
        bind(caller, &mut blob);
        let (id, blob) = (id_of_access(&access), Value::Object(blob).to_string());
        self.credential_insert(id, EC2.to_owned(), user_id, Some(project_id), blob, Fields::default()).await
    }

    async fn credential_insert(
        &self,
        id: String,
        kind: String,
        user_id: String,
        project_id: Option<String>,
        blob: String,
        rest: Fields,
    ) -> Result<Open> {
        let ring = self.0.credential_keys.ring();
        let (encrypted_blob, key_hash) = (ring.seal(blob.as_bytes()), ring.primary.to_string());
        let new = Credential { id, user_id, project_id, kind, encrypted_blob, key_hash, extra: rest.into_extra() };
        let mut tx = self.0.db.begin().await?;
        user::get(&mut tx, &new.user_id).await?.ok_or_else(|| missing("user", &new.user_id))?;
        let limit = self.0.config.credential.user_limit;
        if limit >= 0 && store::count(&mut tx, &new.user_id).await? >= limit {
            return Err(Error::forbidden(format!(
                "Unable to create additional credentials, maximum of {limit} already exceeded for user; delete one."
            )));
        }
        store::insert(&mut tx, &new).await.map_err(|error| match error.is_unique() {
            true => Error::conflict("Conflict occurred attempting to store credential - the access key is taken."),
            false => error.into(),
        })?;
        self.commit(tx, Action::Created, "credential", &new.id).await?;
        Ok(Open { credential: new, blob })
    }

    /// A credential as it will be after a change.
    pub(crate) fn credential_changed(&self, old: &Open, mut fields: Fields) -> Result<Open> {
        let mut new = old.credential.clone();
        fields.fixed("id", Some(&new.id))?;
        new.kind = fields.text("type", 1, 255)?.unwrap_or(new.kind);
        new.user_id = fields.text("user_id", 1, 64)?.unwrap_or(new.user_id);
        new.project_id = fields.nullable("project_id", 64)?.unwrap_or(new.project_id);
        let blob = fields.text("blob", 0, 1 << 20)?;
        if old.credential.kind.eq_ignore_ascii_case(EC2)
            && let Some(blob) = &blob
        {
            let (before, after) = (ec2_blob(&old.blob)?, ec2_blob(blob)?);
            if let Some(name) = BINDINGS.iter().find(|name| binding(&before, name) != binding(&after, name)) {
                return Err(Error::bad_request(format!("{name} can not be updated for credential")));
            }
        }
        if new.kind.eq_ignore_ascii_case(EC2) && new.project_id.is_none() {
            return Err(Error::bad_request("An EC2 credential needs a project_id."));
        }
        fields.merge_into(&mut new.extra);
        let blob = blob.unwrap_or_else(|| old.blob.clone());
        let ring = self.0.credential_keys.ring();
        (new.encrypted_blob, new.key_hash) = (ring.seal(blob.as_bytes()), ring.primary.to_string());
        Ok(Open { credential: new, blob })
    }

    pub(crate) async fn credential_update(&self, new: &Open) -> Result<()> {
        let mut tx = self.0.db.begin().await?;
        let owner = &new.credential.user_id;
        user::get(&mut tx, owner).await?.ok_or_else(|| missing("user", owner))?;
        if store::update(&mut tx, &new.credential).await? == 0 {
            return Err(missing("credential", &new.credential.id));
        }
        self.commit(tx, Action::Updated, "credential", &new.credential.id).await
    }

    pub(crate) async fn credential_delete(&self, id: &str) -> Result<()> {
        let mut tx = self.0.db.begin().await?;
        if store::delete(&mut tx, id).await? == 0 {
            return Err(missing("credential", id));
        }
        self.commit(tx, Action::Deleted, "credential", id).await
    }

    /// Makes the staged key of credentials the primary one and encrypts all credentials with it; counts them. Running
    /// it again after it was interrupted is safe.
    pub async fn credential_keys_rotate(&self) -> Result<u64> {
        // Before a key can go, nothing may need it any more.
        self.credentials_reencrypt().await?;
        self.domain_secrets_reencrypt().await?;
        self.0.credential_keys.rotate(KEYS)?;
        self.credentials_reencrypt().await
    }

    /// Encrypts with the primary key all that is encrypted with another.
    async fn credentials_reencrypt(&self) -> Result<u64> {
        let ring = self.0.credential_keys.ring();
        let mut count = 0;
        loop {
            let found = store::of_other_keys(&self.0.db, &ring.primary, BATCH).await?;
            if found.is_empty() {
                return Ok(count);
            }
            let mut tx = self.0.db.begin().await?;
            for old in found {
                let open = self.open(old)?;
                count += store::reencrypt(&mut tx, &open.credential, &ring.seal(open.blob.as_bytes()), &ring.primary)
                    .await?;
            }
            tx.commit().await?;
        }
    }
}

/// Null is as good as nothing.
fn binding<'b>(blob: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    blob.get(name).filter(|value| !value.is_null())
}

/// Binds what is made by a delegation to it, so that tokens made from it are no more than the delegation's.
fn bind(caller: &Caller, blob: &mut Map<String, Value>) {
    for name in BINDINGS {
        blob.remove(name);
    }
    if let Some(trust) = &caller.token.trust {
        blob.insert("trust_id".to_owned(), json!(trust.id));
    }
    if let Some(application) = &caller.token.application {
        blob.insert("app_cred_id".to_owned(), json!(application.id));
    }
}
