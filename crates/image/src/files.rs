//! The directory of the bytes: one file per upload, named after it, `.part` while it grows.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use api::{Error, Kind, Result};
use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha512};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::inspect::{Inspector, Refusal};
use crate::store::image::Stored;

/// How many received pieces may wait for the disk.
const WAITING: usize = 8;
const PART: &str = ".part";

enum Piece {
    Data(Bytes),
    End,
}

/// A file that grows on a thread of its own, hashed and looked at on the way. Dropped before its end, nothing stays.
pub(crate) struct Writer {
    pieces: mpsc::Sender<Piece>,
    thread: JoinHandle<Result<Stored>>,
}

impl Writer {
    /// Begins the file of that upload. Without an inspector the content is not looked at.
    pub fn start(dir: &Path, upload: &str, inspector: Option<Inspector>, cap: u64) -> Self {
        let (pieces, received) = mpsc::channel(WAITING);
        let path = dir.join(upload);
        let thread = tokio::task::spawn_blocking(move || {
            let part = part_of(&path);
            let stored = write(&path, &part, inspector, cap, received);
            if stored.is_err() {
                drop(fs::remove_file(&part));
            }
            stored
        });
        Self { pieces, thread }
    }

    /// Hands over the next bytes; false when the thread has ended, for a reason that [`finish`](Self::finish) tells.
    pub async fn push(&self, data: Bytes) -> bool {
        self.pieces.send(Piece::Data(data)).await.is_ok()
    }

    /// Waits until everything is on the disk under its final name.
    pub async fn finish(self) -> Result<Stored> {
        // When the thread has ended before, its own answer follows.
        drop(self.pieces.send(Piece::End).await);
        self.thread.await.map_err(Error::internal)?
    }

    /// Ends without a file.
    pub async fn abort(self) {
        drop(self.pieces);
        drop(self.thread.await);
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

fn write(
    path: &Path,
    part: &Path,
    mut inspector: Option<Inspector>,
    cap: u64,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Stored> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(failed)?;
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(part).map_err(failed)?);
    let (mut md5, mut sha512, mut size) = (Md5::new(), Sha512::new(), 0_u64);
    loop {
        match pieces.blocking_recv() {
            None => return Err(truncated()),
            Some(Piece::End) => break,
            Some(Piece::Data(data)) => {
                size += data.len() as u64;
                if size > cap {
                    return Err(too_large(cap));
                }
                if let Some(inspector) = &mut inspector {
                    inspector.push(&data).map_err(refused)?;
                }
                md5.update(&data);
                sha512.update(&data);
                file.write_all(&data).map_err(failed)?;
            }
        }
    }
    let virtual_size = inspector.map(Inspector::finish).transpose().map_err(refused)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    fs::rename(part, path).map_err(failed)?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    Ok(Stored {
        size: size.cast_signed(),
        virtual_size: virtual_size.map(u64::cast_signed),
        checksum: hex::encode(md5.finalize()),
        hash_value: hex::encode(sha512.finalize()),
    })
}

pub(crate) fn truncated() -> Error {
    Error::bad_request("The upload ended before its end; nothing of it was kept. Upload the whole file again.")
}

pub(crate) fn too_large(cap: u64) -> Error {
    Error::new(Kind::TooLarge, format!("The image is larger than the {cap} bytes that are allowed here."))
}

fn refused(refusal: Refusal) -> Error {
    Error::bad_request(refusal.0)
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::new(
            Kind::InsufficientStorage,
            "The image store is full; nothing of the upload was kept. Delete images or ask the operator for space.",
        )
        .with_cause(error),
        _ => Error::internal(error),
    }
}

/// Removes the file of an upload, if there is one. A file that stays is swept later.
pub(crate) async fn remove(dir: &Path, upload: Option<&str>) {
    let Some(upload) = upload else { return };
    match tokio::fs::remove_file(dir.join(upload)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, upload, "an image's file could not be removed; it is tried again later");
        }
        _ => {}
    }
}

/// The uploads that have files, whole or in part.
pub(crate) async fn uploads(dir: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut entries = match tokio::fs::read_dir(dir).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    while let Some(entry) = entries.next_entry().await? {
        if let Some(name) = entry.file_name().to_str() {
            let upload = name.strip_suffix(PART).unwrap_or(name);
            // Whatever else lies there is not ours to remove.
            if api::fields::is_uuid(upload) {
                found.push(upload.to_owned());
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Removes what there is of an upload.
pub(crate) async fn remove_all(dir: &Path, upload: &str) {
    remove(dir, Some(upload)).await;
    remove(dir, Some(&format!("{upload}{PART}"))).await;
}
