use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use protocol::{ConsoleKind, DiskSource, ImageSource, Problem, ServerSpec};
use tokio::fs;
use tokio::process::Command;

use super::{Disks, cache, config_drive, inspect};
use crate::layout::{Layout, ServerFile};
use crate::locks::Locks;
use crate::tools;

/// How long a file system may take to be made.
const FORMAT_LIMIT: Duration = Duration::from_secs(300);

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

    async fn root_create(&self, server: &ServerSpec) -> Result<(), Problem> {
        let layout = &self.0.layout;
        let DiskSource::Image(image) = &server.root_disk;
        let (base, format) = (layout.image(&image.id), inspect::qemu_format(&image.disk_format)?);
        if !fs::try_exists(&base).await.unwrap_or(false) {
            return Err(Problem::Temporary(format!("the image {} is not on the node", image.id)));
        }
        let (wanted, least) = (server.root_gb << 30, inspect::inspect(&base, format).await?);
        if wanted != 0 && wanted < least {
            let least = least.div_ceil(1 << 30);
            let text = format!("the image needs a disk of {least} GiB, and the flavor has {} GiB", server.root_gb);
            return Err(Problem::Permanent(text));
        }
        let size = if wanted == 0 { least } else { wanted };
        // Relative, so that it is right wherever the folder is seen from.
        let backing = Path::new("../../images").join(&image.id);
        made(layout.file(&server.id, ServerFile::Root), async |path| {
            let mut command = Command::new("qemu-img");
            command.args(["create", "-q", "-f", "qcow2", "-F", format, "-b"]).arg(&backing).arg(path);
            tools::run(command.arg(size.to_string()), tools::SHORT).await.map(drop)
        })
        .await
    }
}

#[async_trait]
impl Disks for FileDisks {
    async fn image_fetch(&self, image: &ImageSource, url: &str, token: &str) -> Result<(), Problem> {
        id_check(&image.id)?;
        let _alone = self.0.images.lock(&image.id).await;
        cache::image_fetch(&self.0.layout, image, url, token).await
    }

    async fn disks_create(&self, server: &ServerSpec) -> Result<(), Problem> {
        id_check(&server.id)?;
        let layout = &self.0.layout;
        let dir = layout.server(&server.id);
        fs::create_dir_all(&dir).await.map_err(failed(&dir))?;
        fs::set_permissions(&dir, Permissions::from_mode(0o711)).await.map_err(failed(&dir))?;
        self.root_create(server).await?;
        if server.ephemeral_gb > 0 {
            let path = layout.file(&server.id, ServerFile::Ephemeral);
            let arguments = ["mkfs.ext4", "-q", "-F", "-L", "ephemeral0"];
            made(path, async |path| raw_create(path, server.ephemeral_gb << 30, &arguments).await).await?;
        }
        if server.swap_mb > 0 {
            let path = layout.file(&server.id, ServerFile::Swap);
            made(path, async |path| raw_create(path, server.swap_mb << 20, &["mkswap"]).await).await?;
        }
        if let Some(files) = &server.config_drive {
            let path = layout.file(&server.id, ServerFile::ConfigDrive);
            made(path, async |path| config_drive::make(path, files).await).await?;
        }
        Ok(())
    }

    async fn disks_rebuild(&self, _server: &ServerSpec, _preserve_ephemeral: bool) -> Result<(), Problem> {
        unsupported("rebuilding")
    }

    async fn disks_resize(&self, _server: &ServerSpec) -> Result<(), Problem> {
        unsupported("resizing")
    }

    async fn disks_resize_confirm(&self, _server_id: &str) -> Result<(), Problem> {
        unsupported("resizing")
    }

    async fn disks_resize_revert(&self, _server: &ServerSpec) -> Result<(), Problem> {
        unsupported("resizing")
    }

    async fn disk_upload(&self, _server_id: &str, _url: &str, _token: &str) -> Result<(), Problem> {
        unsupported("sending a disk")
    }

    async fn rescue_end(&self, _server_id: &str) -> Result<(), Problem> {
        unsupported("rescuing")
    }

    async fn disks_delete(&self, server_id: &str) -> Result<(), Problem> {
        id_check(server_id)?;
        let layout = &self.0.layout;
        for socket in [layout.socket(server_id, ConsoleKind::Vnc), layout.socket(server_id, ConsoleKind::Serial)] {
            gone(fs::remove_file(&socket).await, &socket)?;
        }
        let dir = layout.server(server_id);
        gone(fs::remove_dir_all(&dir).await, &dir)
    }
}

fn unsupported<T>(what: &str) -> Result<T, Problem> {
    Err(Problem::Permanent(format!("{what} is not there yet")))
}

/// Has a file made under another name, and only then under its own, so that what is there is whole.
async fn made(path: PathBuf, make: impl AsyncFnOnce(&Path) -> Result<(), Problem>) -> Result<(), Problem> {
    if fs::try_exists(&path).await.map_err(failed(&path))? {
        return Ok(());
    }
    let new = PathBuf::from(format!("{}.new", path.display()));
    gone(fs::remove_file(&new).await, &new)?;
    make(&new).await?;
    fs::set_permissions(&new, Permissions::from_mode(0o600)).await.map_err(failed(&new))?;
    fs::rename(&new, &path).await.map_err(failed(&path))
}

/// Makes an empty disk of that size that takes no space yet, and formats it.
async fn raw_create(path: &Path, size: u64, format: &[&str]) -> Result<(), Problem> {
    let file = fs::File::create(path).await.map_err(failed(path))?;
    file.set_len(size).await.map_err(failed(path))?;
    let Some((program, arguments)) = format.split_first() else { return Ok(()) };
    tools::run(Command::new(program).args(arguments).arg(path), FORMAT_LIMIT).await.map(drop)
}

fn gone(removed: std::io::Result<()>, path: &Path) -> Result<(), Problem> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Problem {
    move |error| Problem::Temporary(format!("{}: {error}", path.display()))
}

/// An id becomes part of a path: it must have only what a UUID has.
fn id_check(id: &str) -> Result<(), Problem> {
    if id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Ok(());
    }
    Err(Problem::Permanent(format!("{id:?} is not an id")))
}
