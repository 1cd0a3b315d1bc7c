//! Password hashes: bcrypt, as Keystone's, computed off the request threads and only a few at a time.

use std::sync::Arc;

use api::{Error, Result};
use tokio::sync::Semaphore;

/// bcrypt reads no more of a password than this.
const LONGEST: usize = 72;

/// Computes and compares hashes.
pub(crate) struct Passwords {
    rounds: u32,
    slots: Arc<Semaphore>,
    /// What is compared when there is no such user, so that the answer takes as long.
    decoy: String,
}

impl Passwords {
    pub fn new(rounds: u32) -> Self {
        // One core stays with the other requests: they do not wait for logins.
        let slots = std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        let decoy = format!("$2b${rounds:02}${}{}", ".".repeat(22), ".".repeat(31));
        Self { rounds, slots: Arc::new(Semaphore::new(slots)), decoy }
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: &str) -> Result<String> {
        if password.len() > LONGEST {
            return Err(Error::bad_request(format!(
                "The password has {} bytes; at most {LONGEST} are allowed, choose a shorter one.",
                password.len()
            )));
        }
        let (password, rounds) = (password.to_owned(), self.rounds);
        self.compute(move || bcrypt::hash(password, rounds)).await?.map_err(Error::internal)
    }

    /// Whether the password fits the hash; without a hash it does not, after the same time.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        let known = hash.is_some();
        let (password, hash) = (password.to_owned(), hash.unwrap_or(&self.decoy).to_owned());
        let fits = self.compute(move || bcrypt::verify(password, &hash)).await?;
        if let Err(error) = &fits {
            tracing::error!(%error, "a stored password hash cannot be read");
        }
        Ok(known && fits.unwrap_or(false))
    }

    /// Runs on a blocking thread. The slot goes with it, so that a caller who leaves does not make room for another.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(Error::internal)?;
        let task = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(slot);
            result
        });
        task.await.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new(4);
        let hash = passwords.hash("secret").await.unwrap();
        assert!(hash.starts_with("$2b$04$"));
        assert!(passwords.verify("secret", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("Secret", Some(&hash)).await.unwrap());
        assert!(!passwords.verify("secret", None).await.unwrap());
        assert!(passwords.hash(&"x".repeat(73)).await.is_err());
    }

    #[test]
    fn the_decoy_is_a_hash_like_any_other() {
        assert!(!bcrypt::verify("secret", &Passwords::new(4).decoy).unwrap());
    }
}
