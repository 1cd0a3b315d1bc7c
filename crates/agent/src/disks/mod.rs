//! What keeps servers' disks.

mod cache;
mod config_drive;
mod files;
mod inspect;

use async_trait::async_trait;
pub use files::{FileDisks, Options};
use protocol::{ImageSource, Problem, ServerSpec};

/// Keeps images and servers' disks on one node. As with the hypervisor, every method may be called again.
#[async_trait]
pub trait Disks: Send + Sync {
    /// Has the image in the cache. `url` serves its bytes to the bearer of `token`.
    async fn image_fetch(&self, image: &ImageSource, url: &str, token: &str) -> Result<(), Problem>;

    /// Has the server's disks, and its config drive. Disks that are there are left as they are.
    async fn disks_create(&self, server: &ServerSpec) -> Result<(), Problem>;

    /// Has no disk of the server left, nor its console's log.
    async fn disks_delete(&self, server_id: &str) -> Result<(), Problem>;
}
