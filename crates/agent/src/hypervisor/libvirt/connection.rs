use std::sync::{Arc, Mutex, PoisonError};

use protocol::Problem;
use tokio::sync::broadcast;
use virt::connect::Connect;
use virt::enumutil::Enum;
use virt::error::{Error, ErrorNumber};

use super::events;

/// The connection to libvirt's daemon, opened again whenever the daemon was away.
#[derive(Clone)]
pub(super) struct Connection(Arc<Inner>);

struct Inner {
    uri: String,
    open: Mutex<Option<Connect>>,
    changes: broadcast::Sender<String>,
}

impl Connection {
    /// A connection that is opened when it is needed first.
    pub(super) fn new(uri: &str) -> Self {
        let inner = Inner { uri: uri.to_owned(), open: Mutex::new(None), changes: broadcast::channel(1024).0 };
        Self(Arc::new(inner))
    }

    /// The ids of domains that change from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<String> {
        self.0.changes.subscribe()
    }

    /// Does `work` on a thread that may wait for libvirt.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connect) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let connection = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let open = connection.open().map_err(|error| {
                Problem::Temporary(format!("libvirt cannot be reached at {}: {}", connection.0.uri, error.message()))
            })?;
            work(&open)
        });
        done.await.unwrap_or_else(|error| Err(Problem::Temporary(format!("a call of libvirt broke off: {error}"))))
    }

    /// The open connection; every caller has its own handle on it, so that they do not wait for each other.
    fn open(&self) -> Result<Connect, Error> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*open
            && connection.is_alive().unwrap_or(false)
        {
            return Ok(connection.clone());
        }
        *open = None;
        events::loop_start()?;
        let connection = Connect::open(Some(&self.0.uri))?;
        connection.set_keep_alive(5, 3)?;
        events::lifecycle_watch(&connection, self.0.changes.clone())?;
        tracing::debug!(uri = self.0.uri, "connected to libvirt");
        *open = Some(connection.clone());
        Ok(connection)
    }
}

/// What a libvirt error means to control: what cannot work anywhere, and what may work another time or elsewhere.
pub(super) fn problem(doing: &str, error: &Error) -> Problem {
    let text = format!("{doing}: {}", error.message());
    match error.code() {
        Enum::Known(ErrorNumber::NoDomain) => Problem::NotFound,
        Enum::Known(ErrorNumber::XmlError | ErrorNumber::XmlDetail | ErrorNumber::ConfigUnsupported) => {
            Problem::Permanent(text)
        }
        _ => Problem::Temporary(text),
    }
}
