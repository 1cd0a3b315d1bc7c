//! Requests that are signed as for EC2 (signature versions 0, 1, 2 and 4) or S3, by pairs of keys that are kept as
//! credentials. Who receives such a request asks identity for a token of whoever signed it.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use jiff::SignedDuration;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Identity;
use crate::authentication::Proven;
use crate::credential::{EC2, Open, id_of_access};
use crate::store::user;
use crate::token::{Methods, Scope, Token, refused};

/// A request as its receiver saw it.
#[derive(Debug, Deserialize)]
pub(crate) struct Signed {
    access: String,
    signature: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    verb: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    params: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body_hash: String,
}

/// A request to S3: the text that was signed, in base 64, and its signature.
#[derive(Debug, Deserialize)]
pub(crate) struct SignedS3 {
    access: String,
    signature: String,
    token: String,
}

/// What RFC 3986 leaves as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().to_vec())
}

fn sha256(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    mac::<Hmac<Sha256>>(key, &[text])
}

/// The signature of version 4 over a text, in hex. The scope is date, region, service and `aws4_request`.
fn version_4(secret: &str, scope: &str, text: &[u8]) -> Option<String> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = sha256(&key, part.as_bytes())?;
    }
    Some(hex::encode(sha256(&key, text)?))
}

impl Signed {
    /// The signature that the secret makes of the request with that host, by whichever version it names.
    fn expected(&self, secret: &str, host: &str) -> Option<String> {
        let param = |name: &str| self.params.get(name).map(String::as_str);
        match param("SignatureVersion") {
            Some("0") => {
                let text = [param("Action")?.as_bytes(), param("Timestamp")?.as_bytes()];
                Some(STANDARD.encode(mac::<Hmac<Sha1>>(secret.as_bytes(), &text)?))
            }
            Some("1") => {
                let mut sorted: Vec<(&String, &String)> = self.params.iter().collect();
                sorted.sort_by_key(|(name, _)| name.to_lowercase());
                let text: Vec<&[u8]> =
                    sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
                Some(STANDARD.encode(mac::<Hmac<Sha1>>(secret.as_bytes(), &text)?))
            }
            Some("2") => self.expected_2(secret, host),
            _ => self.expected_4(secret, host),
        }
    }

    fn expected_2(&self, secret: &str, host: &str) -> Option<String> {
        let text = format!("{}\n{host}\n{}\n{}", self.verb, self.path, query(&self.params));
        let bytes = match self.params.get("SignatureMethod").map(String::as_str) {
            Some("HmacSHA1") => mac::<Hmac<Sha1>>(secret.as_bytes(), &[text.as_bytes()])?,
            _ => sha256(secret.as_bytes(), text.as_bytes())?,
        };
        Some(STANDARD.encode(bytes))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A part of the header `Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.
    fn authorization(&self, name: &str) -> Option<&str> {
        let parts = self.header("authorization")?.strip_prefix(ALGORITHM)?;
        parts.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    }

    fn expected_4(&self, secret: &str, host: &str) -> Option<String> {
        let param = |name: &str| self.params.get(name).map(String::as_str);
        let credential = param("X-Amz-Credential").or_else(|| self.authorization("Credential"))?;
        let (_, scope) = credential.split_once('/')?;
        let named = param("X-Amz-SignedHeaders").or_else(|| self.authorization("SignedHeaders"))?;
        let date = self.header("x-amz-date").or_else(|| param("X-Amz-Date"))?;
        let mut headers = String::new();
        for name in named.split(';') {
            let value = if name == "host" { host } else { self.header(name).unwrap_or_default() };
            headers.push_str(&format!("{name}:{}\n", value.trim()));
        }
        // The parameters of a form are in the body, whose hash counts.
        let query = if self.verb == "POST" { String::new() } else { self.query_4() };
        let request = format!("{}\n{}\n{query}\n{headers}\n{named}\n{}", self.verb, self.path, self.body_hash);
        let hash = hex::encode(Sha256::digest(request));
        version_4(secret, scope, format!("{ALGORITHM}\n{date}\n{scope}\n{hash}").as_bytes())
    }

    fn query_4(&self) -> String {
        let mut params = self.params.clone();
        params.remove("X-Amz-Signature");
        query(&params)
    }

    fn time(&self) -> Option<&str> {
        let param = |name: &str| self.params.get(name).map(String::as_str);
        param("Timestamp").or_else(|| self.header("x-amz-date")).or_else(|| param("X-Amz-Date"))
    }
}

fn query(params: &BTreeMap<String, String>) -> String {
    let encode = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// The signature that the secret makes of a text that was signed for S3.
fn expected_s3(secret: &str, text: &[u8]) -> Option<String> {
    if !text.starts_with(b"AWS4") {
        return Some(STANDARD.encode(mac::<Hmac<Sha1>>(secret.as_bytes(), &[text])?));
    }
    let lines: Vec<&str> = std::str::from_utf8(text).ok()?.split('\n').collect();
    let [ALGORITHM, _, scope, _] = lines[..] else { return None };
    let parts: Vec<&str> = scope.split('/').collect();
    let [_, _, "s3" | "iam" | "sts", "aws4_request"] = parts[..] else { return None };
    version_4(secret, scope, text)
}

fn is_same(expected: Option<String>, given: &str) -> bool {
    expected.is_some_and(|expected| bool::from(expected.as_bytes().ct_eq(given.as_bytes())))
}

fn wrong() -> Error {
    Error::unauthorized("Invalid EC2 signature: sign the request with the secret of the access key.")
}

impl Identity {
    /// The pair of keys with that access key.
    pub(crate) async fn ec2_find(&self, access: &str) -> Result<Option<Open>> {
        let found = self.credential_find(&id_of_access(access)).await?;
        Ok(found.filter(|open| open.credential.kind.eq_ignore_ascii_case(EC2)))
    }

    async fn signer(&self, access: &str) -> Result<Open> {
        self.ec2_find(access).await?.ok_or_else(|| Error::not_found("EC2 access key not found."))
    }

    /// A token of whoever signed the request.
    pub(crate) async fn login_by_ec2(&self, signed: &Signed) -> Result<(String, Arc<Token>)> {
        let open = self.signer(&signed.access).await?;
        let secret = open.text("secret").ok_or_else(wrong)?;
        // Some clients leave out the port when they sign.
        let (name, _) = signed.host.rsplit_once(':').unwrap_or((&signed.host, ""));
        let fits = [signed.host.as_str(), name]
            .into_iter()
            .any(|host| is_same(signed.expected(&secret, host), &signed.signature));
        if !fits {
            return Err(wrong());
        }
        if let Some(time) = signed.time() {
            self.signing_time_check(time)?;
        }
        self.token_of_keys(open).await
    }

    /// A token of whoever signed the request to S3.
    pub(crate) async fn login_by_s3(&self, signed: &SignedS3) -> Result<(String, Arc<Token>)> {
        let open = self.signer(&signed.access).await?;
        let secret = open.text("secret").ok_or_else(wrong)?;
        let text = URL_SAFE.decode(&signed.token).or_else(|_| URL_SAFE_NO_PAD.decode(&signed.token));
        let text =
            text.map_err(|_| Error::bad_request("credentials.token must be the signed text in URL-safe base 64."))?;
        if !is_same(expected_s3(&secret, &text), &signed.signature) {
            return Err(wrong());
        }
        self.token_of_keys(open).await
    }

    fn signing_time_check(&self, text: &str) -> Result<()> {
        let compact = || {
            jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", text)
                .ok()?
                .to_datetime()
                .ok()?
                .to_zoned(jiff::tz::TimeZone::UTC)
                .ok()
        };
        let time = api::time::parse(text).or_else(|| compact().map(|zoned| zoned.timestamp()));
        let time = time.ok_or_else(|| Error::unauthorized("Credential timestamp is invalid; use one in ISO 8601."))?;
        let most = SignedDuration::from_mins(self.0.config.credential.auth_ttl_minutes.into());
        if self.0.runtime.clock.now().duration_since(time) > most {
            return Err(Error::unauthorized("Credential is expired: the request was signed too long ago."));
        }
        Ok(())
    }

    /// A token on the project of the keys, by the delegation that they are bound to, if they are.
    async fn token_of_keys(&self, open: Open) -> Result<(String, Arc<Token>)> {
        let db = &self.0.db;
        let mut user = user::account(db, &open.credential.user_id).await?.ok_or_else(refused)?;
        let project_id = open.credential.project_id.clone().ok_or_else(refused)?;
        if let Some(id) = open.text("trust_id") {
            // Of a trust with impersonation the keys are the trustor's, and the token is for the trustee to get.
            let trust = self.trust_find(&id).await?.ok_or_else(refused)?;
            if trust.impersonation {
                user = user::account(db, &trust.trustee_user_id).await?.ok_or_else(refused)?;
            }
            return self.token_of_trust(&id, Proven::of(user, Methods::EC2)).await;
        }
        let scope = open.text("app_cred_id").map_or(Scope::Project(project_id.clone()), Scope::Application);
        let (text, token) = self.token_issue(Proven::of(user, Methods::EC2).into_token(scope, None)).await?;
        if token.standing.data.project_id.as_ref() != Some(&project_id) {
            return Err(Error::unauthorized(
                "EC2 credential project does not match the application credential project; make a new credential.",
            ));
        }
        Ok((text, token))
    }
}
