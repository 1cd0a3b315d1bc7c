//! Public keys: what a good one looks like, its fingerprint, and new pairs for clients that ask for one.

use ::api::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use md5::Digest as _;
use runtime::Ids;

/// The kinds of SSH key that servers accept, and the number of fields of each.
const SSH_KINDS: &[(&str, usize)] = &[
    ("ssh-ed25519", 1),
    ("ssh-rsa", 2),
    ("ssh-dss", 4),
    ("ecdsa-sha2-nistp256", 2),
    ("ecdsa-sha2-nistp384", 2),
    ("ecdsa-sha2-nistp521", 2),
    ("sk-ssh-ed25519@openssh.com", 2),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
];

/// Checks a public key and returns its fingerprint: of an SSH key the MD5, of a certificate the SHA-1.
pub(crate) fn fingerprint(kind: &str, public_key: &str) -> Result<String> {
    if kind == "x509" {
        let certificate = certificate(public_key).ok_or_else(|| {
            invalid("failed to generate X509 fingerprint. Send one certificate in PEM, from BEGIN to END CERTIFICATE.")
        })?;
        return Ok(colons(&sha1::Sha1::digest(certificate)));
    }
    let blob = ssh_blob(public_key).ok_or_else(|| {
        invalid("failed to generate fingerprint. Send one line as in a .pub file: its type, the key, a comment.")
    })?;
    Ok(colons(&md5::Md5::digest(blob)))
}

fn invalid(reason: &str) -> Error {
    Error::bad_request(format!("Keypair data is invalid: {reason}"))
}

fn colons(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// The key itself from a line of `authorized_keys`, if line and key are in order.
fn ssh_blob(line: &str) -> Option<Vec<u8>> {
    let line = line.trim();
    if line.contains(['\n', '\r']) {
        return None;
    }
    let mut words = line.split_ascii_whitespace();
    let (kind, key) = (words.next()?, words.next()?);
    let (_, fields) = SSH_KINDS.iter().find(|(known, _)| *known == kind)?;
    let blob = STANDARD.decode(key).ok()?;
    let (first, mut rest) = field(&blob)?;
    if first != kind.as_bytes() {
        return None;
    }
    for _ in 0..*fields {
        let (value, after) = field(rest)?;
        if value.is_empty() || (kind == "ssh-ed25519" && value.len() != 32) {
            return None;
        }
        rest = after;
    }
    rest.is_empty().then_some(blob)
}

/// Splits off a field: four bytes of length and its content.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The DER of a certificate in PEM: one sequence that ends where it says.
fn certificate(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?.strip_suffix("-----END CERTIFICATE-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, content) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, content) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = bytes.iter().try_fold(0usize, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?;
        (length, content)
    };
    (*tag == 0x30 && content.len() == length).then_some(der)
}

/// A new key pair.
pub(crate) struct Generated {
    /// The line for `authorized_keys`.
    pub(crate) public: String,
    /// The file for `ssh -i`.
    pub(crate) private: String,
}

/// Makes an Ed25519 key pair. Every SSH since 2014 takes it, and making one costs nothing.
pub(crate) fn generate(ids: &Ids) -> Generated {
    let key = SigningKey::from_bytes(&ids.bytes::<32>());
    let public = key.verifying_key().to_bytes();
    let mut blob = Vec::new();
    put(&mut blob, b"ssh-ed25519");
    put(&mut blob, &public);

    let comment = "Generated-by-Nova";
    let check = ids.bytes::<4>();
    let mut secret = [check, check].concat();
    secret.extend(&blob);
    put(&mut secret, &[key.to_bytes(), public].concat());
    put(&mut secret, comment.as_bytes());
    for padding in 1..=u8::MAX {
        if secret.len().is_multiple_of(8) {
            break;
        }
        secret.push(padding);
    }

    // The format of OpenSSH's PROTOCOL.key: no cipher, no passphrase, one key.
    let mut file = b"openssh-key-v1\0".to_vec();
    put(&mut file, b"none");
    put(&mut file, b"none");
    put(&mut file, b"");
    file.extend(1u32.to_be_bytes());
    put(&mut file, &blob);
    put(&mut file, &secret);

    let mut private = "-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned();
    for (index, character) in STANDARD.encode(file).chars().enumerate() {
        if index > 0 && index.is_multiple_of(70) {
            private.push('\n');
        }
        private.push(character);
    }
    private.push_str("\n-----END OPENSSH PRIVATE KEY-----\n");
    Generated { public: format!("ssh-ed25519 {} {comment}", STANDARD.encode(blob)), private }
}

/// Appends a field.
fn put(to: &mut Vec<u8>, value: &[u8]) {
    // Nothing here is near four GiB.
    to.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use runtime::Ids;

    use super::{fingerprint, generate};

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f user@host with blanks";

    #[test]
    fn a_good_key_has_a_fingerprint() {
        let print = fingerprint("ssh", KEY).unwrap();
        assert_eq!(print.len(), 16 * 3 - 1);
        assert_eq!(print, fingerprint("ssh", &format!("{KEY}\n")).unwrap());
    }

    #[test]
    fn generated_keys_are_good_and_differ() {
        let ids = Ids::seeded(1);
        let (one, two) = (generate(&ids), generate(&ids));
        assert!(fingerprint("ssh", &one.public).is_ok());
        assert_ne!(one.public, two.public);
        assert!(one.private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let bad = [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAA==",
            "ssh-magic AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a\nssh-rsa b",
        ];
        for key in bad {
            assert!(fingerprint("ssh", key).is_err(), "{key}");
        }
        for pem in ["", KEY, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
            assert!(fingerprint("x509", pem).is_err(), "{pem}");
        }
        assert!(fingerprint("x509", "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_fall_over(text in "\\PC{0,200}") {
            drop(fingerprint("ssh", &text));
            drop(fingerprint("ssh", &format!("ssh-rsa {text}")));
            drop(fingerprint("x509", &format!("-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----")));
        }
    }
}
