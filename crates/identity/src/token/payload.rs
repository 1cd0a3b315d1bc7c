//! What a token carries, in as few bytes as possible. Names, roles and catalog are looked up when it is used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Nothing but getting another one.
    Unscoped,
    /// A project.
    Project(String),
    /// A domain.
    Domain(String),
    /// The whole system.
    System,
    /// What a trust hands over. The token's user is one of its two users; the generation is that of the other.
    Trust { id: String, other_generation: i64 },
    /// What an application credential is for.
    Application(String),
}

/// How the user proved who it is: a set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Methods(u16);

const METHODS: &[(u16, &str)] =
    &[(1, "password"), (2, "token"), (4, "totp"), (8, "application_credential"), (16, "ec2credential")];

impl Methods {
    /// By a password.
    pub const PASSWORD: Self = Self(1);
    /// By another token.
    pub const TOKEN: Self = Self(2);
    /// By a one-time passcode.
    pub const TOTP: Self = Self(4);
    /// By the secret of an application credential.
    pub const APPLICATION_CREDENTIAL: Self = Self(8);
    /// By a request signed as for EC2 or S3.
    pub const EC2: Self = Self(16);

    /// Either's.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// As a number.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// From that number.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Whether each of these is among them.
    pub fn contain(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// The method of that name.
    pub fn named(name: &str) -> Option<Self> {
        METHODS.iter().find(|(_, known)| *known == name).map(|(flag, _)| Self(*flag))
    }

    /// Their names on the wire.
    pub fn names(self) -> Vec<&'static str> {
        METHODS.iter().filter(|(flag, _)| self.0 & flag != 0).map(|(_, name)| *name).collect()
    }
}

/// The content of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub methods: Methods,
    pub user_id: String,
    pub scope: Scope,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    pub audit_id: [u8; 16],
    /// The audit id of the first token of the chain, when this is not the first.
    pub chain_id: Option<[u8; 16]>,
    /// The user's token generation when it was made.
    pub generation: i64,
}

const VERSION: u8 = 2;

impl Payload {
    /// The token's own audit id, as it is written.
    pub fn audit_id_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.audit_id)
    }

    /// The audit id of the first token of its chain, as it is written.
    pub fn chain_id_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.chain_id.unwrap_or(self.audit_id))
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.methods.0.to_be_bytes());
        put_id(&mut out, &self.user_id);
        match &self.scope {
            Scope::Unscoped => out.push(0),
            Scope::Project(id) => {
                out.push(1);
                put_id(&mut out, id);
            }
            Scope::Domain(id) => {
                out.push(2);
                put_id(&mut out, id);
            }
            Scope::System => out.push(3),
            Scope::Trust { id, other_generation } => {
                out.push(4);
                put_id(&mut out, id);
                out.extend_from_slice(&other_generation.to_be_bytes());
            }
            Scope::Application(id) => {
                out.push(5);
                put_id(&mut out, id);
            }
        }
        for number in [self.issued_at.as_microsecond(), self.expires_at.as_microsecond(), self.generation] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.audit_id);
        if let Some(chain_id) = self.chain_id {
            out.extend_from_slice(&chain_id);
        }
        out
    }

    /// Reads the bytes; `None` for any that [`encode`](Self::encode) does not make.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        if take::<1>(from)? != [VERSION] {
            return None;
        }
        let methods = Methods(u16::from_be_bytes(take(from)?));
        let user_id = take_id(from)?;
        let scope = match take::<1>(from)?[0] {
            0 => Scope::Unscoped,
            1 => Scope::Project(take_id(from)?),
            2 => Scope::Domain(take_id(from)?),
            3 => Scope::System,
            4 => Scope::Trust { id: take_id(from)?, other_generation: i64::from_be_bytes(take(from)?) },
            5 => Scope::Application(take_id(from)?),
            _ => return None,
        };
        let time = |micros| Timestamp::from_microsecond(i64::from_be_bytes(micros)).ok();
        let (issued_at, expires_at) = (time(take(from)?)?, time(take(from)?)?);
        let generation = i64::from_be_bytes(take(from)?);
        let audit_id = take(from)?;
        let chain_id = if from.is_empty() { None } else { Some(take(from)?) };
        let payload = Self { methods, user_id, scope, issued_at, expires_at, audit_id, chain_id, generation };
        from.is_empty().then_some(payload)
    }
}

/// An id of 32 lower-case hex digits takes 17 bytes: a zero, then the number. Others take their length and text.
pub(crate) fn put_id(out: &mut Vec<u8>, id: &str) {
    let mut packed = [0; 16];
    let lower = id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if lower && hex::decode_to_slice(id, &mut packed).is_ok() {
        out.push(0);
        out.extend_from_slice(&packed);
    } else {
        // Ids have at most 64 characters; a longer one could not have been stored.
        let text = &id.as_bytes()[..id.len().min(255)];
        out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(text);
    }
}

pub(crate) fn take_id(from: &mut &[u8]) -> Option<String> {
    match take::<1>(from)?[0] {
        0 => Some(hex::encode(take::<16>(from)?)),
        length => {
            let (text, rest) = from.split_at_checked(usize::from(length))?;
            *from = rest;
            String::from_utf8(text.to_vec()).ok()
        }
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = from.split_first_chunk::<N>()?;
    *from = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope() -> impl Strategy<Value = Scope> {
        prop_oneof![
            Just(Scope::Unscoped),
            "[0-9a-f]{32}".prop_map(Scope::Project),
            "[a-zA-Z0-9-]{1,64}".prop_map(Scope::Domain),
            Just(Scope::System),
            ("[0-9a-f]{32}", 0..i64::MAX).prop_map(|(id, other_generation)| Scope::Trust { id, other_generation }),
            "[0-9a-f]{32}".prop_map(Scope::Application),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            user_id in prop_oneof!["[0-9a-f]{32}", "[0-9A-F]{32}", "\\PC{1,60}"],
            scope in scope(),
            issued in 0..4_000_000_000_000_000i64,
            audit_id: [u8; 16],
            chain_id: Option<[u8; 16]>,
            generation in 0..i64::MAX,
        ) {
            let issued_at = Timestamp::from_microsecond(issued).unwrap();
            let payload = Payload {
                methods: Methods::PASSWORD.and(Methods::TOKEN),
                user_id, scope, issued_at, expires_at: issued_at, audit_id, chain_id, generation,
            };
            prop_assert_eq!(Payload::decode(&payload.encode()), Some(payload));
        }

        #[test]
        fn other_bytes_are_refused_quietly(bytes: Vec<u8>) {
            if let Some(payload) = Payload::decode(&bytes) {
                prop_assert!(Payload::decode(&payload.encode()).is_some());
            }
        }
    }
}
