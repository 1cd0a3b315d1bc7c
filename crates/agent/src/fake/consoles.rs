use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use protocol::{ConsoleKind, Problem};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The console sockets of a fake node's servers: each greets and then sends back what it gets.
#[derive(Debug, Default)]
pub(super) struct Consoles(Mutex<BTreeMap<PathBuf, JoinHandle<()>>>);

impl Consoles {
    /// The socket of a server's console, which answers when this returns.
    pub(super) fn open(&self, dir: &Path, id: &str, kind: ConsoleKind) -> Result<String, Problem> {
        let (extension, greeting) = match kind {
            ConsoleKind::Vnc => ("vnc", "RFB 003.008\n"),
            ConsoleKind::Serial => ("tty", "login: "),
        };
        let path = dir.join(format!("{id}.{extension}"));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.contains_key(&path) {
            // A socket may be left of an earlier process.
            drop(std::fs::remove_file(&path));
            let failed = |error| Problem::Temporary(format!("cannot listen on {}: {error}", path.display()));
            let listener = std::fs::create_dir_all(dir).and_then(|()| UnixListener::bind(&path)).map_err(failed)?;
            open.insert(path.clone(), tokio::spawn(serve(listener, greeting)));
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

async fn serve(listener: UnixListener, greeting: &'static str) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(echo(connection, greeting));
        while connections.try_join_next().is_some() {}
    }
}

async fn echo(mut connection: UnixStream, greeting: &'static str) {
    if connection.write_all(greeting.as_bytes()).await.is_ok() {
        let (mut from, mut to) = connection.split();
        // The other side may hang up whenever it likes.
        drop(tokio::io::copy(&mut from, &mut to).await);
    }
}
