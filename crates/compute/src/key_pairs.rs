//! Key pairs: the public keys that users put into their servers. They belong to a user, not to a project.

use ::api::{Error, Result};
use jiff::Timestamp;

use crate::quota::Owner;
use crate::store::key_pairs as store;
use crate::{Compute, keys, quota, x509};

db::row! {
    /// A key pair; the private half is never kept.
    #[derive(Debug, Clone, PartialEq)]
    pub struct KeyPair {
        /// Its id in the database.
        pub id: String,
        /// Whose it is.
        pub user_id: String,
        /// Its name, unique for the user.
        pub name: String,
        /// `ssh` or `x509`.
        pub kind: String,
        /// The public key: a line of `authorized_keys`, or a certificate in PEM.
        pub public_key: String,
        /// The MD5 of an SSH key, the SHA-1 of a certificate.
        pub fingerprint: String,
        /// When it was made.
        pub created_at: Timestamp,
    }
}

impl KeyPair {
    /// The number that clients see as its id.
    pub(crate) fn number(&self) -> i64 {
        let digits = self.id.get(..7).unwrap_or_default();
        i64::from_str_radix(digits, 16).unwrap_or(0)
    }
}

/// A key pair that is asked for.
#[derive(Debug)]
pub(crate) struct NewKeyPair {
    pub(crate) user_id: String,
    /// Whose limit counts.
    pub(crate) project_id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Without it a pair is generated.
    pub(crate) public_key: Option<String>,
}

impl Compute {
    /// The user's key pair of that name; 404 when there is none.
    pub async fn key_pair_get(&self, user_id: &str, name: &str) -> Result<KeyPair> {
        store::key_pair_get(self.db(), user_id, name).await?.ok_or_else(|| missing(user_id, name))
    }

    /// One page of the user's key pairs, after the one named `marker`.
    pub(crate) async fn key_pairs_list(
        &self,
        user_id: &str,
        marker: Option<&str>,
        limit: Option<i64>,
    ) -> Result<Vec<KeyPair>> {
        let marker = match marker {
            None => None,
            Some(name) => Some(
                store::key_pair_get(self.db(), user_id, name)
                    .await?
                    .ok_or_else(|| Error::bad_request(format!("Marker {name} could not be found.")))?
                    .id,
            ),
        };
        Ok(store::key_pairs_list(self.db(), user_id, marker.as_deref(), limit).await?)
    }

    /// Imports a public key, or generates a pair and returns its private half, which is not kept.
    pub(crate) async fn key_pair_create(&self, new: NewKeyPair) -> Result<(KeyPair, Option<String>)> {
        let (public_key, private_key) = match new.public_key {
            Some(public_key) => (public_key, None),
            None if new.kind == "ssh" => {
                let generated = keys::generate(&self.runtime().ids);
                (generated.public, Some(generated.private))
            }
            None => {
                let made = x509::generate(&self.runtime().ids, self.runtime().clock.now(), &new.user_id)?;
                (made.public, Some(made.private))
            }
        };
        let fingerprint = keys::fingerprint(&new.kind, &public_key)?;
        let key_pair = KeyPair {
            id: self.runtime().ids.uuid(),
            user_id: new.user_id,
            name: new.name,
            kind: new.kind,
            public_key,
            fingerprint,
            created_at: self.runtime().clock.now(),
        };
        let mut tx = self.db().begin().await?;
        let owner = Owner::User { user_id: &key_pair.user_id, project_id: &new.project_id };
        quota::claim_for(&mut tx, &self.0.deps.identity, owner, &[("key_pairs", 1)]).await?;
        store::key_pair_insert(&mut tx, &key_pair).await.map_err(|error| match error {
            db::Error::Unique { .. } => Error::conflict(format!(
                "Key pair '{}' already exists. Choose another name, or delete that one first.",
                key_pair.name
            )),
            other => other.into(),
        })?;
        tx.commit().await?;
        Ok((key_pair, private_key))
    }

    pub(crate) async fn key_pair_delete(&self, user_id: &str, name: &str) -> Result<()> {
        let mut tx = self.db().begin().await?;
        if store::key_pair_delete(&mut tx, user_id, name).await? == 0 {
            return Err(missing(user_id, name));
        }
        let owner = Owner::User { user_id, project_id: "" };
        quota::release_for(&mut tx, &self.0.deps.identity, owner, &[("key_pairs", 1)]).await?;
        Ok(tx.commit().await?)
    }
}

fn missing(user_id: &str, name: &str) -> Error {
    Error::not_found(format!(
        "Keypair {name} not found for user {user_id}. GET /os-keypairs lists those that there are."
    ))
}
