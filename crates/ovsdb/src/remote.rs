//! Where a database server listens.

use std::fmt;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::error::{Error, Result};

/// One address of a database server, in the notation of `ovsdb(7)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remote {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

impl Remote {
    /// Reads a list separated by commas.
    pub(crate) fn list(text: &str) -> Result<Vec<Remote>> {
        text.split(',').map(|remote| Remote::parse(remote.trim())).collect()
    }

    fn parse(text: &str) -> Result<Remote> {
        let wrong = || Error::Remote(text.to_owned());
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Remote::Unix(path.into())),
            Some(("tcp", address)) => {
                let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                let port = port.parse().map_err(|_| wrong())?;
                if host.is_empty() { Err(wrong()) } else { Ok(Remote::Tcp { host: host.to_owned(), port }) }
            }
            _ => Err(wrong()),
        }
    }

    pub(crate) async fn connect(&self) -> std::io::Result<(Reader, Writer)> {
        match self {
            Remote::Unix(path) => {
                let (reader, writer) = UnixStream::connect(path).await?.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
            Remote::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Unix(path) => write!(f, "unix:{}", path.display()),
            Remote::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Remote::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_are_read_as_they_are_written() {
        let text = "unix:/run/nb.sock,tcp:10.0.0.1:6641,tcp:[::1]:6641";
        let remotes: Vec<String> = Remote::list(text).unwrap().iter().map(Remote::to_string).collect();
        assert_eq!(remotes.join(","), text);
    }

    #[test]
    fn wrong_remotes_are_refused() {
        for text in ["", "unix:", "tcp:host", "tcp::6641", "tcp:host:99999", "ssl:host:6641", "unix:/a,,"] {
            assert!(Remote::list(text).is_err(), "{text}");
        }
    }
}
