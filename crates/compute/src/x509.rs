//! Certificates for clients that ask for a key pair of type x509: with one a user logs in to Windows over WinRM.

use ::api::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, ToSpan as _};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use runtime::Ids;

use crate::keys::Generated;

/// How long a certificate holds.
const YEARS: i64 = 10;

/// Object identifiers, encoded: ecdsa-with-SHA256, id-ecPublicKey, prime256v1, commonName, extendedKeyUsage, clientAuth,
/// subjectAltName and Microsoft's user principal name.
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const PRINCIPAL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03];

/// Makes a key and a certificate for it that it signed itself.
pub(crate) fn generate(ids: &Ids, now: Timestamp, user_id: &str) -> Result<Generated> {
    // Nearly every 32 bytes are a key; others follow.
    let secret = (0..4).find_map(|_| SecretKey::from_slice(&ids.bytes::<32>()).ok());
    let secret = secret.ok_or_else(|| Error::unavailable("No key could be made; try again."))?;
    let failed = |error: p256::pkcs8::Error| Error::internal(error);
    let private = secret.to_pkcs8_pem(LineEnding::LF).map_err(failed)?.to_string();
    let to_be_signed = certificate(ids, now, user_id, secret.public_key().to_sec1_point(false).as_bytes())?;
    let signature: Signature = SigningKey::from(&secret).sign(&to_be_signed);
    let signature = [&[0][..], signature.to_der().as_bytes()].concat();
    let whole = sequence(&[to_be_signed, sequence(&[tagged(0x06, ECDSA_SHA256)]), tagged(0x03, &signature)]);
    Ok(Generated { public: pem(&whole), private })
}

/// The part of the certificate that is signed.
fn certificate(ids: &Ids, now: Timestamp, user_id: &str, point: &[u8]) -> Result<Vec<u8>> {
    let mut serial = ids.bytes::<16>();
    // A serial is positive and does not begin with a zero byte.
    serial[0] = serial[0] & 0x7f | 0x40;
    let name = sequence(&[tagged(0x31, &sequence(&[tagged(0x06, COMMON_NAME), tagged(0x0c, user_id.as_bytes())]))]);
    let zoned = now.to_zoned(jiff::tz::TimeZone::UTC);
    let end = zoned.checked_add(YEARS.years()).map_err(Error::internal)?;
    let time = |at: &jiff::Zoned| tagged(0x18, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes());
    let principal = tagged(0xa0, &tagged(0x0c, format!("{user_id}@localhost").as_bytes()));
    let alternative = sequence(&[tagged(0xa0, &[tagged(0x06, PRINCIPAL), principal].concat())]);
    let extensions = sequence(&[
        sequence(&[tagged(0x06, KEY_USAGE), tagged(0x04, &sequence(&[tagged(0x06, CLIENT_AUTH)]))]),
        sequence(&[tagged(0x06, ALT_NAME), tagged(0x04, &alternative)]),
    ]);
    Ok(sequence(&[
        tagged(0xa0, &tagged(0x02, &[2])),
        tagged(0x02, &serial),
        sequence(&[tagged(0x06, ECDSA_SHA256)]),
        name.clone(),
        sequence(&[time(&zoned), time(&end)]),
        name,
        sequence(&[sequence(&[tagged(0x06, EC_KEY), tagged(0x06, P256)]), tagged(0x03, &[&[0][..], point].concat())]),
        tagged(0xa3, &extensions),
    ]))
}

/// One element of DER: its tag, the length of its content, its content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => element.push(length),
        _ => {
            let bytes = content.len().to_be_bytes();
            let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
            let bytes = bytes.get(from..).unwrap_or_default();
            // A length has eight bytes at most.
            element.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            element.extend(bytes);
        }
    }
    element.extend(content);
    element
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use runtime::Ids;

    use super::{generate, tagged};

    #[test]
    fn certificates_are_good_ones() {
        let now = "2026-11-21T04:00:00Z".parse().unwrap();
        let made = generate(&Ids::seeded(1), now, "mia").unwrap();
        let print = crate::keys::fingerprint("x509", &made.public).unwrap();
        assert_eq!(print.len(), 20 * 3 - 1);
        assert!(made.private.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        // OpenSSL is the judge where it is.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &made.public).unwrap();
        let path = file.path().to_str().unwrap();
        let judge =
            std::process::Command::new("openssl").args(["verify", "-check_ss_sig", "-CAfile", path, path]).output();
        if let Ok(said) = judge {
            let said = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
            assert!(said.contains("OK"), "{said}");
        }
    }

    #[test]
    fn lengths_are_as_der_has_them() {
        assert_eq!(tagged(4, &[1]), [4, 1, 1]);
        assert_eq!(tagged(4, &[0; 200])[..3], [4, 0x81, 200]);
        assert_eq!(tagged(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }
}
