//! Images that no server needs leave the cache after a while.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use protocol::Problem;
use tokio::fs;
use tokio::io::AsyncReadExt as _;

use super::files::{failed, gone};
use crate::layout::Layout;
use crate::locks::Locks;

/// Where a qcow2 header says where the name of its base is, and how long it is.
const HEADER: usize = 20;
/// The most that such a name may have.
const NAME_LIMIT: u32 = 1023;

/// Deletes the images that no disk stands on and that nobody has asked for since `keep` ago.
pub(super) async fn images_expire(layout: &Layout, images: &Locks, keep: Duration) -> Result<(), Problem> {
    let dir = layout.images();
    let mut entries = fs::read_dir(&dir).await.map_err(failed(&dir))?;
    let mut old = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(failed(&dir))? {
        let id = entry.file_name().to_string_lossy().into_owned();
        if is_old(&entry.path(), keep).await {
            old.push(id);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    let used = used(layout).await?;
    for id in old {
        // Whoever wants the image meanwhile waits, and fetches it again.
        let _alone = images.lock(&id).await;
        let path = dir.join(&id);
        if !used.contains(&id) && is_old(&path, keep).await {
            tracing::info!(image = id, "no server needs this image any more: it leaves the cache");
            gone(fs::remove_file(&path).await, &path)?;
        }
    }
    Ok(())
}

async fn is_old(path: &Path, keep: Duration) -> bool {
    let modified = fs::metadata(path).await.and_then(|known| known.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|age| age >= keep))
}

/// Says that an image is needed now.
pub(super) async fn touch(path: &Path) -> Result<(), Problem> {
    let file = fs::File::open(path).await.map_err(failed(path))?.into_std().await;
    let touched = tokio::task::spawn_blocking(move || file.set_modified(SystemTime::now())).await;
    touched.map_err(|error| Problem::Temporary(error.to_string()))?.map_err(failed(path))
}

/// The images that servers' disks stand on, those that are kept aside too.
async fn used(layout: &Layout) -> Result<BTreeSet<String>, Problem> {
    let (mut used, mut dirs) = (BTreeSet::new(), vec![layout.servers()]);
    while let Some(dir) = dirs.pop() {
        let mut entries = match fs::read_dir(&dir).await {
            Ok(entries) => entries,
            // A server may go while we look.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&dir)(error)),
        };
        while let Some(entry) = entries.next_entry().await.map_err(failed(&dir))? {
            match entry.file_type().await {
                Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                Ok(_) => used.extend(base(&entry.path()).await),
                Err(_) => {}
            }
        }
    }
    Ok(used)
}

/// The file name of what a qcow2 stands on; `None` for anything else.
async fn base(path: &Path) -> Option<String> {
    let mut file = fs::File::open(path).await.ok()?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header).await.ok()?;
    let offset = u64::from_be_bytes(header.get(8..16)?.try_into().ok()?);
    let length = u32::from_be_bytes(header.get(16..20)?.try_into().ok()?);
    if !header.starts_with(b"QFI\xfb") || offset == 0 || length > NAME_LIMIT {
        return None;
    }
    tokio::io::AsyncSeekExt::seek(&mut file, std::io::SeekFrom::Start(offset)).await.ok()?;
    let mut name = vec![0; usize::try_from(length).ok()?];
    file.read_exact(&mut name).await.ok()?;
    let name = String::from_utf8(name).ok()?;
    Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn images_that_nobody_needs_go() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), dir.path());
        let server = layout.servers().join("server");
        for dir in [layout.images(), server.join("kept")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let overlay = |base: &str| {
            let mut header = b"QFI\xfb\0\0\0\x03".to_vec();
            let name = format!("../../images/{base}");
            header.extend(104_u64.to_be_bytes());
            header.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
            header.resize(104, 0);
            header.extend(name.as_bytes());
            header
        };
        std::fs::write(server.join("root.qcow2"), overlay("running")).unwrap();
        std::fs::write(server.join("kept/root.qcow2"), overlay("kept")).unwrap();
        std::fs::write(server.join("console.log"), "text").unwrap();
        for id in ["running", "kept", "left", "new"] {
            let path = layout.images().join(id);
            std::fs::write(&path, id).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(100)).unwrap();
        }
        touch(&layout.images().join("new")).await.unwrap();
        images_expire(&layout, &Locks::default(), Duration::from_secs(50)).await.unwrap();
        let mut left: Vec<_> = std::fs::read_dir(layout.images()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["kept", "new", "running"]);
    }
}
