//! Receipts: what someone gets who has shown some of the methods that a user must log in by, and comes back with it and
//! the others.

use api::{Error, Result};
use jiff::{SignedDuration, Timestamp};

use crate::Identity;
use crate::authentication::Proven;
use crate::store::user;
use crate::token::{Methods, put_id, refused, take_id};
use crate::user_options::MethodRules;

/// What a receipt says.
pub(crate) struct Receipt {
    pub methods: Methods,
    pub user: user::Account,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// The sets of methods of which one is needed.
    pub required: MethodRules,
}

/// Marks the bytes of a receipt, which share their keys with tokens.
const MARK: u8 = b'R';

impl Identity {
    pub(crate) async fn receipt_issue(&self, proven: Proven) -> Result<(String, Receipt)> {
        let user = user::account(&self.0.db, &proven.id).await?.ok_or_else(refused)?;
        let issued_at = self.0.runtime.clock.now();
        let lifetime = SignedDuration::from_secs(self.0.config.receipt.expiration_seconds.into());
        let expires_at = issued_at.checked_add(lifetime).map_err(Error::internal)?;
        let mut bytes = vec![MARK];
        bytes.extend_from_slice(&proven.methods.bits().to_be_bytes());
        bytes.extend_from_slice(&expires_at.as_microsecond().to_be_bytes());
        bytes.extend_from_slice(&proven.generation.to_be_bytes());
        put_id(&mut bytes, &proven.id);
        let text = self.0.keys.ring().seal(&bytes);
        Ok((text, Receipt { methods: proven.methods, user, issued_at, expires_at, required: proven.rules }))
    }

    /// The methods that a receipt of that user stands for; 401 when it is not valid.
    pub(crate) fn receipt_open(&self, text: &str, user: &Proven) -> Result<Methods> {
        let bytes = self.0.keys.ring().open(text).ok_or_else(refused)?;
        let (methods, expires_at, generation, user_id) = decode(&bytes).ok_or_else(refused)?;
        let valid = expires_at > self.0.runtime.clock.now().as_microsecond();
        if valid && user_id == user.id && generation == user.generation { Ok(methods) } else { Err(refused()) }
    }
}

fn decode(bytes: &[u8]) -> Option<(Methods, i64, i64, String)> {
    let (mark, rest) = bytes.split_first()?;
    let (methods, rest) = rest.split_first_chunk::<2>()?;
    let (expires_at, rest) = rest.split_first_chunk::<8>()?;
    let (generation, mut rest) = rest.split_first_chunk::<8>()?;
    let user_id = take_id(&mut rest)?;
    let methods = Methods::from_bits(u16::from_be_bytes(*methods));
    let all = (methods, i64::from_be_bytes(*expires_at), i64::from_be_bytes(*generation), user_id);
    (*mark == MARK && rest.is_empty()).then_some(all)
}
