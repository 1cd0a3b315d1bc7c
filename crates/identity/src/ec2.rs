//! Tokens for requests that were signed as for EC2 or S3.

mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::Identity;
use crate::authentication::Proven;
use crate::credential::{EC2, Open, id_of_access};
use crate::store::{application_credential, trust, user};
use crate::token::{Methods, Scope, Token, refused};

/// A signed request, as the service that received it describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Signed {
    access: Option<String>,
    signature: String,
    verb: String,
    host: String,
    path: String,
    params: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body_hash: String,
    /// For S3: the signed text itself, in base 64.
    token: String,
}

/// Which service received the request.
pub(crate) enum Style {
    Ec2,
    S3,
}

impl Identity {
    /// The pair of keys with that access key.
    pub(crate) async fn ec2_find(&self, access: &str) -> Result<Option<Open>> {
        let found = self.credential_find(&id_of_access(access)).await?;
        Ok(found.filter(|open| open.credential.kind.eq_ignore_ascii_case(EC2)))
    }

    /// A token for whoever signed the request.
    pub(crate) async fn login_by_signature(&self, signed: Signed, style: Style) -> Result<(String, Arc<Token>)> {
        let access = signed.access.as_deref().ok_or_else(|| Error::unauthorized("EC2 Signature not supplied"))?;
        let found = self.ec2_find(access).await?.ok_or_else(|| Error::not_found("EC2 access key not found."))?;
        let secret = found.text("secret").unwrap_or_default();
        let fits = match style {
            Style::Ec2 => signature_fits(&signed, &secret),
            Style::S3 => same(&signature::of_s3(&signed.token, &secret), &signed.signature),
        };
        if !fits {
            return Err(Error::unauthorized("The signature is not that of the access key's secret."));
        }
        self.age_check(&signed)?;
        self.token_of_pair(&found).await
    }

    /// Refuses a request whose time is long ago; one without a time is as its signer wanted it.
    fn age_check(&self, signed: &Signed) -> Result<()> {
        let text = signed.params.get("Timestamp").or_else(|| signed.headers.get("X-Amz-Date"));
        let Some(text) = text.or_else(|| signed.params.get("X-Amz-Date")) else { return Ok(()) };
        let time = time(text).ok_or_else(|| Error::unauthorized("Credential timestamp is invalid."))?;
        let most = SignedDuration::from_mins(self.0.config.credential.auth_ttl_minutes.into());
        if self.0.runtime.clock.now().duration_since(time) > most {
            return Err(Error::unauthorized("Credential is expired: sign the request anew."));
        }
        Ok(())
    }

    /// What the pair of keys is for: its project, or the delegation that it was made by.
    async fn token_of_pair(&self, pair: &Open) -> Result<(String, Arc<Token>)> {
        let db = &self.0.db;
        let project_id = pair.credential.project_id.clone().ok_or_else(refused)?;
        if let Some(id) = pair.text("trust_id") {
            let found = trust::get(db, &id).await?.ok_or_else(refused)?;
            // By impersonation the pair's owner is the trustor, but the token is the trustee's to have.
            let trustee = user::account(db, &found.trustee_user_id).await?.ok_or_else(refused)?;
            return self.token_of_trust(&id, Proven::of(trustee, Methods::EC2)).await;
        }
        let account = user::account(db, &pair.credential.user_id).await?.ok_or_else(refused)?;
        let scope = match pair.text("app_cred_id") {
            None => Scope::Project(project_id),
            Some(id) => {
                let found = application_credential::get(db, &id).await?.filter(|one| one.project_id == project_id);
                Scope::Application(found.ok_or_else(refused)?.id)
            }
        };
        self.token_issue(Proven::of(account, Methods::EC2).into_token(scope, None)).await
    }
}

/// Some clients sign the host without its port.
fn signature_fits(signed: &Signed, secret: &str) -> bool {
    let fits = |signed: &Signed| signature::of_ec2(signed, secret).is_some_and(|found| same(&found, &signed.signature));
    let without_port =
        || signed.host.rsplit_once(':').map(|(host, _)| Signed { host: host.to_owned(), ..signed.clone() });
    fits(signed) || without_port().is_some_and(|signed| fits(&signed))
}

fn same(one: &str, other: &str) -> bool {
    !one.is_empty() && bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

/// A time as the two styles write it: `20150830T123600Z` or ISO 8601.
fn time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T').filter(|_| text.is_ascii())?;
    if date.len() != 8 {
        return api::time::parse(text);
    }
    let time = time.trim_end_matches('Z').get(..6)?;
    let (day, clock) = ((&date[..4], &date[4..6], &date[6..]), (&time[..2], &time[2..4], &time[4..]));
    api::time::parse(&format!("{}-{}-{}T{}:{}:{}Z", day.0, day.1, day.2, clock.0, clock.1, clock.2))
}
