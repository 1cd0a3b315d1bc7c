//! The state directory: everything that a cloud keeps, in one place.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use runtime::{Ids, config};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Where a cloud keeps its database, keys, images, disks and logs.
#[derive(Debug, Clone)]
pub struct State {
    dir: PathBuf,
}

/// What a running cloud says of itself, in `up.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Up {
    /// The process.
    pub pid: i32,
    /// When the kernel started the process, in its own clock, so that another process with its number is told apart.
    pub pid_start: u64,
    /// Where it answers: `http://127.0.0.1:8080`.
    pub url: String,
    /// Whether it runs on fake drivers.
    pub fake: bool,
    /// The network namespace of its node, on real drivers.
    pub namespace: Option<String>,
    /// Its version.
    pub version: String,
    /// When it was started.
    pub started_at: Timestamp,
}

/// Held while a cloud runs on a state directory.
pub struct Lock {
    _file: nix::fcntl::Flock<File>,
}

impl State {
    /// The directory that was asked for, or `var/` in a checkout, or `/var/lib/ferrostack`.
    pub fn open(asked: Option<&Path>) -> Result<Self> {
        let dir = match asked {
            Some(dir) => dir.to_owned(),
            None => checkout()?.map_or_else(|| PathBuf::from("/var/lib/ferrostack"), |root| root.join("var")),
        };
        let dir = std::path::absolute(&dir).with_context(|| format!("cannot resolve {}", dir.display()))?;
        Ok(Self { dir })
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of the network namespace of the node that belongs to this directory: always the same one.
    pub fn namespace(&self) -> String {
        let digest = Sha256::digest(self.dir.as_os_str().as_encoded_bytes());
        format!("ferrostack-{}", digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// Makes the directory and takes it for this process.
    pub fn lock(&self) -> Result<Lock> {
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))?;
        let file = File::create(self.path("lock")).context("cannot make the lock file")?;
        match nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Lock { _file: file }),
            Err(_) => bail!(
                "a cloud runs on {} already; stop it with `ferrostack down`, or give another --state",
                self.dir.display()
            ),
        }
    }

    /// The secret of that name, made at its first use.
    pub fn secret(&self, name: &str) -> Result<String> {
        config::secret(&self.path("secrets").join(name), &Ids::default())
    }

    /// What the running cloud says of itself; `None` when none runs.
    pub fn up(&self) -> Result<Option<Up>> {
        let Ok(text) = fs::read_to_string(self.path("up.json")) else { return Ok(None) };
        let up: Up = serde_json::from_str(&text).context("up.json cannot be read")?;
        Ok((pid_start(up.pid) == Some(up.pid_start)).then_some(up))
    }

    /// The running cloud; an error that says how to start one when none runs.
    pub fn running(&self) -> Result<Up> {
        self.up()?.with_context(|| format!("no cloud runs on {}; start one with `ferrostack up`", self.dir.display()))
    }

    /// Writes `up.json` and the files that the stock clients read.
    pub fn announce(&self, up: &Up, password: &str) -> Result<()> {
        config::write_private(&self.path("clouds.yaml"), &clouds_yaml(&up.url, password))?;
        config::write_private(&self.path("openrc"), &openrc(&up.url, password))?;
        let text = serde_json::to_string_pretty(up).context("up.json cannot be written")?;
        fs::write(self.path("up.json"), text).context("up.json cannot be written")
    }

    /// Removes `up.json`.
    pub fn withdraw(&self) {
        // A file that is gone already is as it should be.
        drop(fs::remove_file(self.path("up.json")));
    }
}

/// The root of the checkout that the current directory is in.
fn checkout() -> Result<Option<PathBuf>> {
    let here = std::env::current_dir().context("the current directory is gone")?;
    Ok(here.ancestors().find(|dir| dir.join("crates/ferrostack/Cargo.toml").exists()).map(Path::to_owned))
}

/// When the kernel started a process that is alive.
pub fn pid_start(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and parentheses; the field is the 20th behind it.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn clouds_yaml(url: &str, password: &str) -> String {
    format!(
        "clouds:\n  ferrostack:\n    auth:\n      auth_url: {url}/identity/v3\n      username: admin\n      \
         password: {password}\n      project_name: admin\n      user_domain_id: default\n      \
         project_domain_id: default\n    region_name: RegionOne\n    identity_api_version: 3\n  \
         ferrostack-system:\n    auth:\n      auth_url: {url}/identity/v3\n      username: admin\n      \
         password: {password}\n      user_domain_id: default\n      system_scope: all\n    \
         region_name: RegionOne\n    identity_api_version: 3\n"
    )
}

fn openrc(url: &str, password: &str) -> String {
    format!(
        "export OS_AUTH_URL={url}/identity/v3\nexport OS_IDENTITY_API_VERSION=3\nexport OS_USERNAME=admin\n\
         export OS_PASSWORD={password}\nexport OS_PROJECT_NAME=admin\nexport OS_USER_DOMAIN_ID=default\n\
         export OS_PROJECT_DOMAIN_ID=default\nexport OS_REGION_NAME=RegionOne\n"
    )
}
