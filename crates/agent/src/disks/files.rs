use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use http_body_util::StreamBody;
use hyper::body::Frame;
use protocol::{ConsoleKind, DiskSource, ImageSource, Problem, ServerSpec};
use tokio::fs;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use super::{Disks, cache, config_drive, expiry, inspect, resize, upload};
use crate::layout::{Layout, ServerFile};
use crate::locks::Locks;
use crate::tools;

/// How long a file system may take to be made.
const FORMAT_LIMIT: Duration = Duration::from_secs(300);

/// How much of a disk is sent at once.
const SENT_AT_ONCE: usize = 256 << 10;

/// What the driver of disks in files is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where they are.
    pub layout: Layout,
    /// The user that QEMU runs as.
    pub qemu_user: String,
}

/// Disks as files: images in a cache, servers' root disks as overlays on them.
#[derive(Clone)]
pub struct FileDisks(Arc<Inner>);

struct Inner {
    layout: Layout,
    images: Locks,
}

impl FileDisks {
    /// The driver; makes the folders that it works in.
    pub fn new(options: &Options) -> Result<Self> {
        let layout = &options.layout;
        for dir in [layout.dir().to_owned(), layout.images(), layout.servers(), layout.sockets()] {
            std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            // QEMU's user finds the way to what it was given and sees nothing else.
            std::fs::set_permissions(&dir, Permissions::from_mode(0o711))
                .with_context(|| format!("cannot open {} to QEMU", dir.display()))?;
        }
        let user = nix::unistd::User::from_name(&options.qemu_user)?
            .with_context(|| format!("there is no user {}: is libvirt installed?", options.qemu_user))?;
        std::os::unix::fs::chown(layout.sockets(), Some(user.uid.as_raw()), None)
            .with_context(|| format!("cannot give {} to {}", layout.sockets().display(), options.qemu_user))?;
        Ok(Self(Arc::new(Inner { layout: layout.clone(), images: Locks::default() })))
    }

    /// Has a disk that stands on an image, of at least its size.
    async fn overlay_create(
        &self,
        server_id: &str,
        file: ServerFile,
        image: &ImageSource,
        size_gb: u64,
    ) -> Result<(), Problem> {
        let layout = &self.0.layout;
        let path = layout.file(server_id, file);
        if fs::try_exists(&path).await.map_err(failed(&path))? {
            return Ok(());
        }
        let (base, format) = (layout.image(&image.id), inspect::qemu_format(&image.disk_format)?);
        if !fs::try_exists(&base).await.unwrap_or(false) {
            return Err(Problem::Temporary(format!("the image {} is not on the node", image.id)));
        }
        let (wanted, least) = (size_gb << 30, inspect::inspect(&base, format).await?);
        if wanted != 0 && wanted < least {
            let least = least.div_ceil(1 << 30);
            let text = format!("the image needs a disk of {least} GiB, and the flavor has {size_gb} GiB");
            return Err(Problem::Permanent(text));
        }
        let size = if wanted == 0 { least } else { wanted };
        // Relative, so that it is right wherever the folder is seen from.
        let backing = Path::new("../../images").join(&image.id);
        made(path, async |path| {
            let mut command = Command::new("qemu-img");
            command.args(["create", "-q", "-f", "qcow2", "-F", format, "-b"]).arg(&backing).arg(path);
            tools::run(command.arg(size.to_string()), tools::SHORT).await.map(drop)
        })
        .await
    }

    async fn copy_send(&self, server_id: &str, url: &str, token: &str) -> Result<(), Problem> {
        let path = self.0.layout.file(server_id, ServerFile::Copy);
        let file = fs::File::open(&path).await.map_err(failed(&path))?;
        let chunks = ReaderStream::with_capacity(file, SENT_AT_ONCE).map_ok(Frame::data);
        upload::image_put(url, token, StreamBody::new(chunks)).await
    }
}

#[async_trait]
impl Disks for FileDisks {
    async fn image_fetch(&self, image: &ImageSource, url: &str, token: &str) -> Result<(), Problem> {
        id_check(&image.id)?;
        let _alone = self.0.images.lock(&image.id).await;
        cache::image_fetch(&self.0.layout, image, url, token).await?;
        expiry::touch(&self.0.layout.image(&image.id)).await
    }

    async fn disks_create(&self, server: &ServerSpec) -> Result<(), Problem> {
        id_check(&server.id)?;
        let layout = &self.0.layout;
        let dir = layout.server(&server.id);
        fs::create_dir_all(&dir).await.map_err(failed(&dir))?;
        fs::set_permissions(&dir, Permissions::from_mode(0o711)).await.map_err(failed(&dir))?;
        let DiskSource::Image(image) = &server.root_disk;
        self.overlay_create(&server.id, ServerFile::Root, image, server.root_gb).await?;
        if let Some(rescue) = &server.rescue {
            self.overlay_create(&server.id, ServerFile::Rescue, &rescue.image, 0).await?;
        }
        for (number, size) in server.ephemerals_gb.iter().enumerate() {
            let path = layout.file(&server.id, ServerFile::Ephemeral(number));
            made(path, async |path| ephemeral_create(path, number, size << 30).await).await?;
        }
        if server.swap_mb > 0 {
            let path = layout.file(&server.id, ServerFile::Swap);
            made(path, async |path| raw_create(path, server.swap_mb << 20, &["mkswap"]).await).await?;
        }
        if let Some(files) = &server.config_drive {
            let path = layout.file(&server.id, ServerFile::config_drive(server));
            made(path, async |path| config_drive::make(path, files).await).await?;
        }
        Ok(())
    }

    async fn disks_rebuild(&self, server: &ServerSpec, preserve_ephemeral: bool) -> Result<(), Problem> {
        id_check(&server.id)?;
        let ephemerals = ServerFile::ephemerals().filter(|_| !preserve_ephemeral);
        for file in [ServerFile::Root, ServerFile::Swap, ServerFile::ConfigDrive].into_iter().chain(ephemerals) {
            let path = self.0.layout.file(&server.id, file);
            gone(fs::remove_file(&path).await, &path)?;
        }
        self.disks_create(server).await
    }

    async fn disks_resize(&self, server: &ServerSpec) -> Result<(), Problem> {
        id_check(&server.id)?;
        resize::resize(&self.0.layout, server).await
    }

    async fn disks_resize_confirm(&self, server_id: &str) -> Result<(), Problem> {
        id_check(server_id)?;
        resize::confirm(&self.0.layout, server_id).await
    }

    async fn disks_resize_revert(&self, server: &ServerSpec) -> Result<(), Problem> {
        id_check(&server.id)?;
        resize::revert(&self.0.layout, server).await
    }

    async fn disk_upload(&self, server_id: &str, url: &str, token: &str) -> Result<(), Problem> {
        id_check(server_id)?;
        let sent = self.copy_send(server_id, url, token).await;
        let path = self.0.layout.file(server_id, ServerFile::Copy);
        gone(fs::remove_file(&path).await, &path)?;
        sent
    }

    async fn rescue_end(&self, server_id: &str) -> Result<(), Problem> {
        id_check(server_id)?;
        for file in [ServerFile::Rescue, ServerFile::RescueConfigDrive] {
            let path = self.0.layout.file(server_id, file);
            gone(fs::remove_file(&path).await, &path)?;
        }
        Ok(())
    }

    async fn images_expire(&self, keep: Duration) -> Result<(), Problem> {
        expiry::images_expire(&self.0.layout, &self.0.images, keep).await
    }

    async fn disks_delete(&self, server_id: &str) -> Result<(), Problem> {
        id_check(server_id)?;
        let layout = &self.0.layout;
        for kind in [ConsoleKind::Vnc, ConsoleKind::Spice, ConsoleKind::Serial] {
            let socket = layout.socket(server_id, kind);
            gone(fs::remove_file(&socket).await, &socket)?;
        }
        let dir = layout.server(server_id);
        gone(fs::remove_dir_all(&dir).await, &dir)
    }
}

/// Has a file made under another name, and only then under its own, so that what is there is whole.
pub(super) async fn made(path: PathBuf, make: impl AsyncFnOnce(&Path) -> Result<(), Problem>) -> Result<(), Problem> {
    if fs::try_exists(&path).await.map_err(failed(&path))? {
        return Ok(());
    }
    let new = PathBuf::from(format!("{}.new", path.display()));
    gone(fs::remove_file(&new).await, &new)?;
    make(&new).await?;
    fs::set_permissions(&new, Permissions::from_mode(0o600)).await.map_err(failed(&new))?;
    fs::rename(&new, &path).await.map_err(failed(&path))
}

/// Makes an ephemeral disk with a file system that its number names.
pub(super) async fn ephemeral_create(path: &Path, number: usize, size: u64) -> Result<(), Problem> {
    raw_create(path, size, &["mkfs.ext4", "-q", "-F", "-L", &format!("ephemeral{number}")]).await
}

/// Makes an empty disk of that size that takes no space yet, and formats it.
pub(super) async fn raw_create(path: &Path, size: u64, format: &[&str]) -> Result<(), Problem> {
    let file = fs::File::create(path).await.map_err(failed(path))?;
    file.set_len(size).await.map_err(failed(path))?;
    let Some((program, arguments)) = format.split_first() else { return Ok(()) };
    tools::run(Command::new(program).args(arguments).arg(path), FORMAT_LIMIT).await.map(drop)
}

pub(super) fn gone(removed: std::io::Result<()>, path: &Path) -> Result<(), Problem> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn failed(path: &Path) -> impl Fn(std::io::Error) -> Problem {
    move |error| Problem::Temporary(format!("{}: {error}", path.display()))
}

/// An id becomes part of a path: it must have only what a UUID has.
fn id_check(id: &str) -> Result<(), Problem> {
    if id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Ok(());
    }
    Err(Problem::Permanent(format!("{id:?} is not an id")))
}
