//! A repository of keys, for tokens or for credentials: a directory of numbered files, as Keystone's. `0` is staged (it
//! only reads), the highest number is the primary (it writes), those between still read.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use api::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use fernet::{Fernet, MultiFernet};
use jiff::{SignedDuration, Timestamp};
use runtime::{Ids, Runtime};
use sha2::{Digest as _, Sha256};

/// What the keys of a directory are good for.
pub(crate) trait Cipher: Sized {
    /// A new key, as its file holds it.
    fn make(ids: &Ids) -> String;
    /// The cipher of these keys, the primary first; `None` when one of them is no key.
    fn load(keys: &[String]) -> Option<Self>;
}

impl Cipher for MultiFernet {
    fn make(ids: &Ids) -> String {
        URL_SAFE.encode(ids.bytes::<32>())
    }

    fn load(keys: &[String]) -> Option<Self> {
        keys.iter().map(|key| Fernet::new(key)).collect::<Option<Vec<_>>>().map(Self::new)
    }
}

/// The keys of a directory; read again when the directory changes.
pub(crate) struct Keys<C = MultiFernet> {
    dir: PathBuf,
    runtime: Runtime,
    loaded: Mutex<Loaded<C>>,
}

struct Loaded<C> {
    looked: Timestamp,
    /// Name, modification time (seconds, nanoseconds) and size of every key.
    seen: Vec<(u64, i64, i64, u64)>,
    ring: Ring<C>,
}

/// The keys as they stand, and a number that changes when they do.
pub(crate) struct Ring<C = MultiFernet> {
    pub keys: Arc<C>,
    /// The hash of the primary key, for those who keep what they sealed.
    pub primary: Arc<str>,
    pub version: i64,
}

impl Ring {
    /// The token of some bytes.
    pub fn seal(&self, bytes: &[u8]) -> String {
        // Keystone's tokens come without padding too.
        self.keys.encrypt(bytes).trim_end_matches('=').to_owned()
    }

    /// The bytes of a token that one of the keys made.
    pub fn open(&self, token: &str) -> Option<Vec<u8>> {
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')) {
            return None;
        }
        let bare = token.trim_end_matches('=');
        let padding = (4 - bare.len() % 4) % 4;
        self.keys.decrypt(&format!("{bare}{}", &"==="[..padding])).ok()
    }
}

impl<C> Clone for Ring<C> {
    fn clone(&self) -> Self {
        Self { keys: Arc::clone(&self.keys), primary: Arc::clone(&self.primary), version: self.version }
    }
}

impl<C: Cipher> Keys<C> {
    /// Reads the keys in `dir`; makes the first ones when there are none.
    pub fn open(dir: &Path, runtime: &Runtime) -> io::Result<Self> {
        setup::<C>(dir, &runtime.ids)?;
        let seen = look(dir)?;
        let ring = read(dir, &seen, 1)?;
        let loaded = Loaded { looked: runtime.clock.now(), seen, ring };
        Ok(Self { dir: dir.to_owned(), runtime: runtime.clone(), loaded: Mutex::new(loaded) })
    }

    /// The keys. Looks at the directory at most once a second; a directory that cannot be read keeps the old ones.
    pub fn ring(&self) -> Ring<C> {
        let now = self.runtime.clock.now();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(loaded.looked).abs() >= SignedDuration::from_secs(1) {
            loaded.looked = now;
            if let Err(error) = refresh(&self.dir, &mut loaded) {
                tracing::error!(%error, dir = %self.dir.display(), "the keys cannot be read; the old ones stay");
            }
        }
        loaded.ring.clone()
    }

    /// Rotates the keys of the directory and uses them at once.
    pub fn rotate(&self, most: usize) -> Result<()> {
        rotate::<C>(&self.dir, &self.runtime.ids, most).map_err(Error::internal)?;
        self.reload()
    }

    /// Reads the directory again at once.
    pub fn reload(&self) -> Result<()> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        refresh(&self.dir, &mut loaded).map_err(Error::internal)
    }
}

fn refresh<C: Cipher>(dir: &Path, loaded: &mut Loaded<C>) -> io::Result<()> {
    let seen = look(dir)?;
    if seen != loaded.seen {
        loaded.ring = read(dir, &seen, loaded.ring.version + 1)?;
        loaded.seen = seen;
    }
    Ok(())
}

/// Makes the directory and its first two keys, unless it has some.
pub(crate) fn setup<C: Cipher>(dir: &Path, ids: &Ids) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    if look(dir)?.is_empty() {
        put_new::<C>(dir, 0, ids)?;
        put_new::<C>(dir, 1, ids)?;
    }
    Ok(())
}

/// Makes the staged key the primary, stages a new one, and removes the oldest beyond `most`.
pub(crate) fn rotate<C: Cipher>(dir: &Path, ids: &Ids, most: usize) -> io::Result<()> {
    let numbers: Vec<u64> = look(dir)?.into_iter().map(|(number, ..)| number).collect();
    let primary = numbers.iter().max().copied().unwrap_or(0);
    fs::rename(dir.join("0"), dir.join((primary + 1).to_string()))?;
    put_new::<C>(dir, 0, ids)?;
    // The staged key and the new primary are two; those left over may stay, newest first.
    let mut older: Vec<u64> = numbers.into_iter().filter(|number| *number > 0).collect();
    older.sort_unstable_by(|a, b| b.cmp(a));
    for number in older.into_iter().skip(most.saturating_sub(2).max(1)) {
        fs::remove_file(dir.join(number.to_string()))?;
    }
    Ok(())
}

/// Writes a key under a number that is free; one that another process wrote meanwhile stays.
fn put_new<C: Cipher>(dir: &Path, number: u64, ids: &Ids) -> io::Result<()> {
    let draft = dir.join(format!(".{}", ids.hex()));
    let key = C::make(ids);
    runtime::config::write_private(&draft, &key).map_err(|error| io::Error::other(error.to_string()))?;
    let linked = fs::hard_link(&draft, dir.join(number.to_string()));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// What keys there are, in order.
fn look(dir: &Path) -> io::Result<Vec<(u64, i64, i64, u64)>> {
    let mut seen = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            let metadata = entry.metadata()?;
            seen.push((number, metadata.mtime(), metadata.mtime_nsec(), metadata.size()));
        }
    }
    seen.sort_unstable();
    Ok(seen)
}

/// Reads the keys, the primary first.
fn read<C: Cipher>(dir: &Path, seen: &[(u64, i64, i64, u64)], version: i64) -> io::Result<Ring<C>> {
    let mut keys = Vec::new();
    for (number, ..) in seen.iter().rev() {
        let path = dir.join(number.to_string());
        if fs::metadata(&path)?.mode() & 0o077 != 0 {
            return Err(io::Error::other(format!("{}: others may read it; chmod 600 it", path.display())));
        }
        keys.push(fs::read_to_string(&path)?.trim().to_owned());
    }
    let place = dir.display();
    let primary = keys.first().ok_or_else(|| io::Error::other(format!("{place} holds no keys")))?;
    let primary = hex::encode(Sha256::digest(primary)).into();
    let keys = C::load(&keys)
        .ok_or_else(|| io::Error::other(format!("a file in {place} is no key: remove it or rotate the keys")))?;
    Ok(Ring { keys: Arc::new(keys), primary, version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn runtime() -> Runtime {
        Runtime {
            clock: runtime::Clock::manual(Timestamp::from_second(1_000).unwrap()),
            ids: Ids::seeded(1),
            ..Runtime::default()
        }
    }

    #[test]
    fn keys_are_private_and_numbered() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("keys");
        <Keys>::open(&dir, &runtime()).unwrap();
        for number in ["0", "1"] {
            assert_eq!(fs::metadata(dir.join(number)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
    }

    #[test]
    fn tokens_outlive_rotations_until_their_key_goes() {
        let dir = tempfile::tempdir().unwrap();
        let keys = <Keys>::open(dir.path(), &runtime()).unwrap();
        let token = keys.ring().seal(b"hello");
        keys.rotate(3).unwrap();
        assert_eq!(keys.ring().open(&token).as_deref(), Some(&b"hello"[..]));
        keys.rotate(3).unwrap();
        assert_eq!(keys.ring().open(&token), None);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn another_copy_reads_with_the_staged_key_and_notices_the_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = runtime();
        let (one, two) = (<Keys>::open(dir.path(), &runtime).unwrap(), <Keys>::open(dir.path(), &runtime).unwrap());
        one.rotate(3).unwrap();
        let token = one.ring().seal(b"hello");
        assert_eq!(two.ring().open(&token).as_deref(), Some(&b"hello"[..]));
        one.rotate(3).unwrap();
        one.rotate(3).unwrap();
        let token = one.ring().seal(b"hello");
        assert_eq!(two.ring().open(&token), None);
        runtime.clock.set(Timestamp::from_second(1_002).unwrap());
        assert_eq!(two.ring().open(&token).as_deref(), Some(&b"hello"[..]));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(<Keys>::open(dir.path(), &runtime()).unwrap());
        fs::set_permissions(dir.path().join("1"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(<Keys>::open(dir.path(), &runtime()).is_err());
    }
}
