//! AWS signatures of the versions 2 and 4, and those of S3. Versions 0 and 1 sign too little of a request to be taken.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::{STANDARD as PLUS, URL_SAFE as DASH};
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::Signed;

const V4: &str = "AWS4-HMAC-SHA256";
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    mac::<Hmac<Sha256>>(key, text)
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length is taken.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// The signature that a request for EC2 must have; `None` for versions that are not known, and for malformed ones.
pub(super) fn of_ec2(signed: &Signed, secret: &str) -> Option<String> {
    match signed.params.get("SignatureVersion").map(String::as_str) {
        Some("2") => Some(version_2(signed, secret)),
        Some(_) => None,
        None => version_4(signed, secret),
    }
}

fn query(params: &BTreeMap<String, String>) -> String {
    let encode = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn version_2(signed: &Signed, secret: &str) -> String {
    let mut params = signed.params.clone();
    params.insert("SignatureMethod".to_owned(), "HmacSHA256".to_owned());
    let text = format!("{}\n{}\n{}\n{}", signed.verb, signed.host, signed.path, query(&params));
    STANDARD.encode(sha256(secret.as_bytes(), text.as_bytes()))
}

fn version_4(signed: &Signed, secret: &str) -> Option<String> {
    let authorization = signed.headers.get("Authorization").filter(|text| text.starts_with(V4));
    if authorization.is_none() && signed.params.get("X-Amz-Algorithm").map(String::as_str) != Some(V4) {
        return None;
    }
    let param = |name: &str| match authorization {
        Some(text) => text.split_once(&format!("{name}=")).map(|(_, rest)| rest.split(',').next().unwrap_or_default()),
        None => signed.params.get(&format!("X-Amz-{name}")).map(String::as_str),
    };
    let names = param("SignedHeaders")?;
    let headers: BTreeMap<String, &str> =
        signed.headers.iter().map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())).collect();
    let lines: Vec<String> =
        names.split(';').filter_map(|name| Some(format!("{name}:{}\n", headers.get(name)?))).collect();
    let query = if signed.verb.eq_ignore_ascii_case("POST") { String::new() } else { query(&signed.params) };
    let (verb, path, hash) = (signed.verb.to_ascii_uppercase(), &signed.path, &signed.body_hash);
    let request = format!("{verb}\n{path}\n{query}\n{}\n{names}\n{hash}", lines.concat());
    let (_, scope) = param("Credential")?.split_once('/')?;
    let date = signed.headers.get("X-Amz-Date").or_else(|| signed.params.get("X-Amz-Date"))?;
    let text = format!("{V4}\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(request)));
    let day = scope.split('/').next()?;
    date.starts_with(day).then_some(())?;
    scoped(&text, scope, secret)
}

/// Signs with the key of a scope: day, region, service and `aws4_request`.
fn scoped(text: &str, scope: &str, secret: &str) -> Option<String> {
    let parts: Vec<&str> = scope.split('/').collect();
    if parts.len() != 4 || parts[3] != "aws4_request" {
        return None;
    }
    let first = format!("AWS4{secret}").into_bytes();
    let key = parts.iter().fold(first, |key, part| sha256(&key, part.as_bytes()));
    Some(hex::encode(sha256(&key, text.as_bytes())))
}

/// The signature that the signed text of a request for S3 must have; empty for malformed ones.
pub(super) fn of_s3(token: &str, secret: &str) -> String {
    // Clients use both alphabets.
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if token.contains(['+', '/']) { &PLUS } else { &DASH };
    let Ok(text) = GeneralPurpose::new(alphabet, config).decode(token) else { return String::new() };
    if !text.starts_with(b"AWS4") {
        return STANDARD.encode(mac::<Hmac<Sha1>>(secret.as_bytes(), &text));
    }
    let Ok(text) = String::from_utf8(text) else { return String::new() };
    let lines: Vec<&str> = text.split('\n').collect();
    let service = lines.get(2).and_then(|scope| scope.split('/').nth(2));
    if lines.len() != 4 || lines[0] != V4 || !matches!(service, Some("s3" | "iam" | "sts")) {
        return String::new();
    }
    scoped(&text, lines[2], secret).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The example of AWS's own documentation.
    #[test]
    fn version_4_is_that_of_aws() {
        let signed = Signed {
            verb: "GET".into(),
            path: "/".into(),
            params: map(&[("Action", "ListUsers"), ("Version", "2010-05-08")]),
            headers: map(&[
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                    SignedHeaders=content-type;host;x-amz-date, Signature=x",
                ),
                ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("Host", "iam.amazonaws.com"),
                ("X-Amz-Date", "20150830T123600Z"),
            ]),
            body_hash: hex::encode(Sha256::digest("")),
            ..Signed::default()
        };
        let found = of_ec2(&signed, SECRET).unwrap();
        assert_eq!(found, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
        let other_day = Signed {
            headers: {
                let mut all = signed.headers.clone();
                all.insert("X-Amz-Date".into(), "20150831T000000Z".into());
                all
            },
            ..signed
        };
        assert_eq!(of_ec2(&other_day, SECRET), None);
    }

    /// The example of AWS's own documentation.
    #[test]
    fn version_2_is_that_of_aws() {
        let signed = Signed {
            verb: "GET".into(),
            host: "elasticmapreduce.amazonaws.com".into(),
            path: "/".into(),
            params: map(&[
                ("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE"),
                ("Action", "DescribeJobFlows"),
                ("SignatureMethod", "HmacSHA256"),
                ("SignatureVersion", "2"),
                ("Timestamp", "2011-10-03T15:19:30"),
                ("Version", "2009-03-31"),
            ]),
            ..Signed::default()
        };
        let found = of_ec2(&signed, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
        assert_eq!(found, "i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=");
    }

    #[test]
    fn what_is_malformed_has_no_signature() {
        assert_eq!(of_ec2(&Signed::default(), SECRET), None);
        for token in ["", "not base64!", "QVdTNAo"] {
            assert!(of_s3(token, SECRET).is_empty() || !token.starts_with("QVdT"), "{token}");
        }
    }
}
