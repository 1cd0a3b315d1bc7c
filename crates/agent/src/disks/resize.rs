//! Disks in another size, with the old ones kept aside until it is clear that nobody wants them back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{Problem, ServerSpec};
use tokio::fs;
use tokio::process::Command;

use super::files::{ephemeral_create, failed, gone, made, raw_create};
use crate::layout::{Layout, ServerFile};
use crate::tools;

/// How long copying a disk may take.
const COPY_LIMIT: Duration = Duration::from_secs(6 * 3600);
/// How long growing a file system may take.
const GROW_LIMIT: Duration = Duration::from_secs(3600);

/// The disks that have a size.
fn sized() -> impl Iterator<Item = ServerFile> {
    [ServerFile::Root, ServerFile::Swap].into_iter().chain(ServerFile::ephemerals())
}

/// Keeps the old disks, unless that was done already, and has those of the server in its new size.
pub(super) async fn resize(layout: &Layout, server: &ServerSpec) -> Result<(), Problem> {
    keep(layout, &server.id).await?;
    let root = layout.file(&server.id, ServerFile::Root);
    if server.root_gb > 0 && virtual_size(&root).await? < server.root_gb << 30 {
        let mut grow = Command::new("qemu-img");
        grow.args(["resize", "-q", "-f", "qcow2"]).arg(&root).arg(format!("{}G", server.root_gb));
        tools::run(&mut grow, tools::SHORT).await?;
    }
    for (number, file) in ServerFile::ephemerals().enumerate() {
        let size = server.ephemerals_gb.get(number).copied().unwrap_or(0) << 30;
        ephemeral(&layout.file(&server.id, file), number, size).await?;
    }
    swap(layout, server).await
}

/// Has nothing kept. It goes under another name first: half of it must not be taken for the whole.
pub(super) async fn confirm(layout: &Layout, server_id: &str) -> Result<(), Problem> {
    let (kept, part) = (layout.kept(server_id), new(&layout.kept(server_id)));
    gone(fs::remove_dir_all(&part).await, &part)?;
    gone(fs::rename(&kept, &part).await, &kept)?;
    gone(fs::remove_dir_all(&part).await, &part)
}

/// Brings back what is kept. The server is given in its old size: what it had not is removed.
pub(super) async fn revert(layout: &Layout, server: &ServerSpec) -> Result<(), Problem> {
    let kept = layout.kept(&server.id);
    if !fs::try_exists(&kept).await.map_err(failed(&kept))? {
        return Ok(());
    }
    let has_not = ServerFile::ephemerals().skip(server.ephemerals_gb.len());
    for file in has_not.chain((server.swap_mb == 0).then_some(ServerFile::Swap)) {
        let path = layout.file(&server.id, file);
        gone(fs::remove_file(&path).await, &path)?;
    }
    for file in sized() {
        let path = layout.file(&server.id, file);
        // What is not there is back already, or never was.
        gone(fs::rename(kept.join(file.name()), &path).await, &path)?;
    }
    confirm(layout, &server.id).await
}

/// Copies the disks aside, all or none.
async fn keep(layout: &Layout, server_id: &str) -> Result<(), Problem> {
    let kept = layout.kept(server_id);
    if fs::try_exists(&kept).await.map_err(failed(&kept))? {
        return Ok(());
    }
    let part = new(&kept);
    gone(fs::remove_dir_all(&part).await, &part)?;
    fs::create_dir(&part).await.map_err(failed(&part))?;
    for file in sized() {
        let path = layout.file(server_id, file);
        if fs::try_exists(&path).await.map_err(failed(&path))? {
            let mut copy = Command::new("cp");
            copy.args(["--reflink=auto", "--sparse=always"]).arg(&path).arg(part.join(file.name()));
            tools::run(&mut copy, COPY_LIMIT).await?;
        }
    }
    fs::rename(&part, &kept).await.map_err(failed(&kept))
}

/// An ephemeral disk in its new size, with what it has.
async fn ephemeral(path: &Path, number: usize, size: u64) -> Result<(), Problem> {
    if size == 0 {
        return gone(fs::remove_file(path).await, path);
    }
    made(path.to_owned(), async |path| ephemeral_create(path, number, size).await).await?;
    let file = fs::OpenOptions::new().write(true).open(path).await.map_err(failed(path))?;
    if file.metadata().await.map_err(failed(path))?.len() < size {
        file.set_len(size).await.map_err(failed(path))?;
        // A guest may have made something else of it, which is then left as it is.
        let grown = tools::run(Command::new("e2fsck").args(["-f", "-p"]).arg(path), GROW_LIMIT).await;
        if grown.is_ok() {
            tools::run(Command::new("resize2fs").arg(path), GROW_LIMIT).await?;
        }
    }
    Ok(())
}

/// The swap disk in its new size.
async fn swap(layout: &Layout, server: &ServerSpec) -> Result<(), Problem> {
    let (path, size) = (layout.file(&server.id, ServerFile::Swap), server.swap_mb << 20);
    let known = fs::metadata(&path).await.map(|known| known.len()).unwrap_or(0);
    if known == size {
        return Ok(());
    }
    gone(fs::remove_file(&path).await, &path)?;
    if size == 0 {
        return Ok(());
    }
    made(path, async |path| raw_create(path, size, &["mkswap"]).await).await
}

/// The size of a disk, as a guest sees it.
async fn virtual_size(path: &Path) -> Result<u64, Problem> {
    let mut command = Command::new("qemu-img");
    command.args(["info", "--output=json", "-f", "qcow2"]).arg(path);
    let printed = tools::run(&mut command, tools::SHORT).await?;
    let info: serde_json::Value = serde_json::from_slice(&printed)
        .map_err(|error| Problem::Temporary(format!("what qemu-img says of a disk is not understood: {error}")))?;
    info["virtual-size"].as_u64().ok_or_else(|| Problem::Temporary(format!("{} has no size", path.display())))
}

fn new(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.new", path.display()))
}
