//! What keeps servers' disks.

mod cache;
mod config_drive;
mod expiry;
mod files;
mod inspect;
mod resize;
pub(crate) mod upload;

use std::time::Duration;

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

    /// Has the disks of a server that is off made anew, but the ephemeral one if that is to stay.
    async fn disks_rebuild(&self, server: &ServerSpec, preserve_ephemeral: bool) -> Result<(), Problem>;

    /// Has the disks of a server that is off in the size that it is given in, and the old ones kept aside.
    async fn disks_resize(&self, server: &ServerSpec) -> Result<(), Problem>;

    /// Has nothing kept aside any more.
    async fn disks_resize_confirm(&self, server_id: &str) -> Result<(), Problem>;

    /// Has the disks that were kept aside back. Without any, the disks are left as they are.
    async fn disks_resize_revert(&self, server: &ServerSpec) -> Result<(), Problem>;

    /// Sends the copy that [`crate::hypervisor::Hypervisor::disk_copy`] made to `url` for the bearer of `token`, and
    /// has it gone, whatever comes.
    async fn disk_upload(&self, server_id: &str, url: &str, token: &str) -> Result<(), Problem>;

    /// Has the rescue disk gone.
    async fn rescue_end(&self, server_id: &str) -> Result<(), Problem>;

    /// Deletes images from the cache that no disk stands on and that nobody has asked for since `keep` ago.
    async fn images_expire(&self, keep: Duration) -> Result<(), Problem>;

    /// Has no disk of the server left, nor its console's log.
    async fn disks_delete(&self, server_id: &str) -> Result<(), Problem>;
}
