//! One-time passcodes (RFC 6238) of credentials of the type `totp`. Each is good for one login.

use api::Result;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::{Choice, ConstantTimeEq as _};

use crate::Identity;
use crate::authentication::{Named, Proven};
use crate::store::credential as store;
use crate::token::{Methods, refused};

/// How long a passcode counts, in seconds.
const PERIOD: i64 = 30;

/// How far back one may be set to count.
const MOST_WINDOWS: u8 = 10;

impl Identity {
    pub(crate) async fn login_by_totp(&self, user: &Named, passcode: &str) -> Result<Proven> {
        let account = self.account(user).await?.filter(|account| self.is_active(account)).ok_or_else(refused)?;
        if self.is_locked(&account) {
            return Err(refused());
        }
        let time = self.0.runtime.clock.now();
        self.0.throttle.check(self.source(), &account.id, time)?;
        let now = time.as_second() / PERIOD;
        let windows = i64::from(self.0.config.totp.included_previous_windows.min(MOST_WINDOWS));
        for credential in self.credentials_of_user(&account.id, "totp").await? {
            let Some(secret) = base32(&credential.blob) else { continue };
            let mut fits = None;
            for window in (now - windows)..=now {
                if bool::from(same(&passcode_at(&secret, window), passcode)) {
                    fits = Some(window);
                }
            }
            if let Some(window) = fits {
                let mut tx = self.0.db.begin().await?;
                let used = store::passcode_use(&mut tx, &credential.credential.id, window).await?;
                tx.commit().await?;
                return if used { Err(refused()) } else { Ok(Proven::of(account, Methods::TOTP)) };
            }
        }
        // Six digits are soon guessed by whoever may try as often as they like.
        self.0.throttle.failed(self.source(), &account.id, time);
        self.login_failed(Some(&account)).await?;
        Err(refused())
    }
}

fn same(one: &str, other: &str) -> Choice {
    one.as_bytes().ct_eq(other.as_bytes())
}

/// The passcode of a time window, of six digits.
fn passcode_at(secret: &[u8], window: i64) -> String {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&window.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[digest.len() - 1] & 0xf);
    let mut four = [0; 4];
    four.copy_from_slice(&digest[offset..offset + 4]);
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

/// The bytes of a text in base 32, with or without padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passcodes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, with its last six digits.
        let secret = b"12345678901234567890";
        for (seconds, passcode) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(passcode_at(secret, seconds / PERIOD), passcode);
        }
    }

    #[test]
    fn secrets_are_base32() {
        assert_eq!(base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").as_deref(), Some(&b"12345678901234567890"[..]));
        assert_eq!(base32("MY======").as_deref(), Some(&b"f"[..]));
        assert_eq!(base32("MZXW6").as_deref(), Some(&b"foo"[..]));
        assert_eq!(base32("not base32"), None);
    }
}
