//! Tokens as JSON web signatures (RFC 7515, ES256): whoever has the public key can read and verify them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use runtime::Ids;
use serde_json::{Value, json};

use super::{Payload, Scope};
use crate::keys::{Cipher, Ring};

/// The key that signs, and all whose signatures count.
pub(crate) struct Jws {
    signer: SigningKey,
    verifiers: Vec<VerifyingKey>,
}

impl Cipher for Jws {
    fn make(ids: &Ids) -> String {
        loop {
            // Nearly every number is a key.
            let key = SigningKey::from_slice(&ids.bytes::<32>()).ok();
            if let Some(text) = key.and_then(|key| key.to_pkcs8_pem(LineEnding::LF).ok()) {
                return text.to_string();
            }
        }
    }

    fn load(keys: &[String]) -> Option<Self> {
        let keys: Option<Vec<SigningKey>> = keys.iter().map(|key| SigningKey::from_pkcs8_pem(key).ok()).collect();
        let keys = keys?;
        let verifiers = keys.iter().map(|key| *key.verifying_key()).collect();
        Some(Self { signer: keys.into_iter().next()?, verifiers })
    }
}

impl Ring<Jws> {
    /// The token of a payload.
    pub fn sign(&self, payload: &Payload) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT"}"#);
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims(payload).to_string()));
        let signature: Signature = self.keys.signer.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// The payload of a token that one of the keys signed.
    pub fn verify(&self, token: &str) -> Option<Payload> {
        let (text, signature) = token.rsplit_once('.')?;
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        if !self.keys.verifiers.iter().any(|key| key.verify(text.as_bytes(), &signature).is_ok()) {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        Payload::decode(&URL_SAFE_NO_PAD.decode(claims.get(EXACT)?.as_str()?).ok()?)
    }
}

/// The claim that has the payload as we write it; the others are for readers who know Keystone's.
const EXACT: &str = "ferrostack_payload";

fn claims(payload: &Payload) -> Value {
    let mut audit_ids = vec![payload.audit_id_text()];
    if payload.chain_id.is_some() {
        audit_ids.push(payload.chain_id_text());
    }
    let mut claims = json!({
        "sub": payload.user_id,
        "iat": payload.issued_at.as_second(),
        "exp": payload.expires_at.as_second(),
        "openstack_methods": payload.methods.names(),
        "openstack_audit_ids": audit_ids,
    });
    let (name, value) = match &payload.scope {
        Scope::Unscoped => (EXACT, ""),
        Scope::Project(id) => ("openstack_project_id", id.as_str()),
        Scope::Domain(id) => ("openstack_domain_id", id.as_str()),
        Scope::System => ("openstack_system", "all"),
        Scope::Trust { id, .. } => ("openstack_trust_id", id.as_str()),
        Scope::Application(id) => ("openstack_app_cred_id", id.as_str()),
    };
    claims[name] = json!(value);
    claims[EXACT] = json!(URL_SAFE_NO_PAD.encode(payload.encode()));
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;
    use crate::token::Methods;
    use jiff::Timestamp;
    use runtime::Runtime;

    fn payload() -> Payload {
        Payload {
            methods: Methods::PASSWORD,
            user_id: "0123456789abcdef0123456789abcdef".into(),
            scope: Scope::Project("00000000000000000000000000000001".into()),
            issued_at: Timestamp::from_microsecond(1_000_001).unwrap(),
            expires_at: Timestamp::from_second(3_601).unwrap(),
            audit_id: [7; 16],
            chain_id: None,
            generation: 3,
        }
    }

    #[test]
    fn a_token_is_signed_and_readable_and_outlives_rotations_until_its_key_goes() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Keys<Jws> = Keys::open(dir.path(), &Runtime::default()).unwrap();
        let token = keys.ring().sign(&payload());
        let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts.len(), 3);
        let claims: Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!(claims["openstack_project_id"], "00000000000000000000000000000001");
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1), &json!(3601)));
        assert_eq!(keys.ring().verify(&token), Some(payload()));
        keys.rotate(3).unwrap();
        assert_eq!(keys.ring().verify(&token), Some(payload()));
        keys.rotate(3).unwrap();
        assert_eq!(keys.ring().verify(&token), None);
    }

    #[test]
    fn a_changed_token_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Keys<Jws> = Keys::open(dir.path(), &Runtime::default()).unwrap();
        let token = keys.ring().sign(&payload());
        let other: Keys<Jws> = Keys::open(&dir.path().join("other"), &Runtime::default()).unwrap();
        assert_eq!(other.ring().verify(&token), None);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            // The last letter of the signature has bits that mean nothing.
            if at + 1 < token.len() {
                assert_eq!(keys.ring().verify(&String::from_utf8(changed).unwrap()), None, "at {at}");
            }
        }
        for none in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(keys.ring().verify(none), None, "{none}");
        }
    }
}
