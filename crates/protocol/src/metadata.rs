use std::net::IpAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Signs that a node's metadata proxy passes on a request of the guest at `address` in the network: HMAC-SHA256 under
/// the secret that control and agents share, in hex.
pub fn metadata_sign(secret: &str, network_id: &str, address: IpAddr) -> Option<String> {
    Some(hex::encode(mac(secret, network_id, address)?.finalize().into_bytes()))
}

/// Whether `signature` is one of [`metadata_sign`]; it takes the same time wherever the difference is. Without a secret
/// nothing is.
pub fn metadata_verify(secret: &str, network_id: &str, address: IpAddr, signature: &str) -> bool {
    let (Ok(signature), Some(mac)) = (hex::decode(signature), mac(secret, network_id, address)) else { return false };
    !secret.is_empty() && mac.verify_slice(&signature).is_ok()
}

fn mac(secret: &str, network_id: &str, address: IpAddr) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{network_id} {address}").as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_is_verified() {
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let signature = metadata_sign("secret", "net", one).unwrap_or_default();
        assert!(metadata_verify("secret", "net", one, &signature));
        assert!(!metadata_verify("secret", "net", two, &signature));
        assert!(!metadata_verify("secret", "other", one, &signature));
        assert!(!metadata_verify("other", "net", one, &signature));
        assert!(!metadata_verify("", "net", one, &metadata_sign("", "net", one).unwrap_or_default()));
        assert!(!metadata_verify("secret", "net", one, "zz"));
    }
}
