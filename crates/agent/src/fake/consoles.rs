use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use protocol::{ConsoleKind, Problem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The console sockets of a fake node's servers: a log-in prompt that sends back what it gets, and a black screen.
#[derive(Debug, Default)]
pub(super) struct Consoles(Mutex<BTreeMap<PathBuf, JoinHandle<()>>>);

impl Consoles {
    /// The socket of a server's console, which answers when this returns.
    pub(super) fn open(&self, dir: &Path, id: &str, kind: ConsoleKind) -> Result<String, Problem> {
        let extension = match kind {
            ConsoleKind::Vnc => "vnc",
            ConsoleKind::Spice => "spice",
            ConsoleKind::Serial => "tty",
        };
        let path = dir.join(format!("{id}.{extension}"));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.contains_key(&path) {
            // A socket may be left of an earlier process.
            drop(std::fs::remove_file(&path));
            let failed = |error| Problem::Temporary(format!("cannot listen on {}: {error}", path.display()));
            let listener = std::fs::create_dir_all(dir).and_then(|()| UnixListener::bind(&path)).map_err(failed)?;
            open.insert(path.clone(), tokio::spawn(serve(listener, kind)));
        }
        Ok(path.display().to_string())
    }

    /// Closes the consoles of a server.
    pub(super) fn close(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, task| {
            let of_other = path.file_stem().is_none_or(|stem| stem != id);
            if !of_other {
                task.abort();
                drop(std::fs::remove_file(path));
            }
            of_other
        });
    }
}

impl Drop for Consoles {
    fn drop(&mut self) {
        for (path, task) in std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner)) {
            task.abort();
            drop(std::fs::remove_file(path));
        }
    }
}

async fn serve(listener: UnixListener, kind: ConsoleKind) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(async move {
            // The other side may hang up whenever it likes.
            drop(match kind {
                ConsoleKind::Vnc => screen(connection).await,
                ConsoleKind::Spice => link(connection).await,
                ConsoleKind::Serial => prompt(connection).await,
            });
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn prompt(mut connection: UnixStream) -> std::io::Result<()> {
    connection.write_all(b"login: ").await?;
    let (mut from, mut to) = connection.split();
    tokio::io::copy(&mut from, &mut to).await.map(drop)
}

/// What SPICE says to a client that links up, which is that it may not.
async fn link(mut connection: UnixStream) -> std::io::Result<()> {
    let mut header = [0; 16];
    connection.read_exact(&mut header).await?;
    // The magic, version 2.2, the length of what follows, and "permission denied", a key of zeros, no capabilities.
    let mut reply = b"REDQ".to_vec();
    for number in [2_u32, 2, 178, 6] {
        reply.extend(number.to_le_bytes());
    }
    reply.extend([0; 174]);
    connection.write_all(&reply).await
}

/// What RFB 3.8 (RFC 6143) says up to the first picture, which never comes.
async fn screen(mut connection: UnixStream) -> std::io::Result<()> {
    connection.write_all(b"RFB 003.008\n").await?;
    connection.read_exact(&mut [0; 12]).await?;
    // One way to log in: without a password.
    connection.write_all(&[1, 1]).await?;
    connection.read_u8().await?;
    connection.write_u32(0).await?;
    let _shared = connection.read_u8().await?;
    let mut start = vec![0x02, 0x80, 0x01, 0xe0];
    start.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    start.extend([0, 0, 0, 4]);
    start.extend(b"fake");
    connection.write_all(&start).await?;
    tokio::io::copy(&mut connection, &mut tokio::io::sink()).await.map(drop)
}
