//! Fetches images into the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use protocol::{ImageSource, Problem};
use sha2::{Digest as _, Sha512};
use tokio::fs;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use super::inspect;
use crate::layout::Layout;

/// How long the image service may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Has the image in the cache. It gets its name there only when all of it is there and has been checked.
pub(super) async fn image_fetch(layout: &Layout, image: &ImageSource, url: &str, token: &str) -> Result<(), Problem> {
    let format = inspect::qemu_format(&image.disk_format)?;
    let path = layout.image(&image.id);
    if fs::try_exists(&path).await.map_err(failed(&path))? {
        return Ok(());
    }
    let part = PathBuf::from(format!("{}.part", path.display()));
    let fetched = async {
        download(&part, image, url, token).await?;
        inspect::inspect(&part, format).await?;
        fs::rename(&part, &path).await.map_err(failed(&path))
    };
    let fetched = fetched.await;
    if fetched.is_err() {
        drop(fs::remove_file(&part).await);
    }
    fetched
}

async fn download(part: &Path, image: &ImageSource, url: &str, token: &str) -> Result<(), Problem> {
    let mut body = request(url, token).await?;
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(part).await.map_err(failed(part))?);
    let (mut digest, mut size) = (Sha512::new(), 0);
    let broken = |text: String| Problem::Temporary(format!("the image {} cannot be fetched: {text}", image.id));
    while let Some(frame) = tokio::time::timeout(SILENCE, body.frame())
        .await
        .map_err(|_| broken(format!("nothing came for {SILENCE:?}")))?
    {
        let frame = frame.map_err(|error| broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len() as u64;
        if size > image.size {
            return Err(broken(format!("more than its {} bytes came", image.size)));
        }
        digest.update(&data);
        file.write_all(&data).await.map_err(failed(part))?;
    }
    if size != image.size {
        return Err(broken(format!("{size} of its {} bytes came", image.size)));
    }
    if !hex::encode(digest.finalize()).eq_ignore_ascii_case(&image.sha512) {
        return Err(broken("what came has another SHA-512".to_owned()));
    }
    file.flush().await.map_err(failed(part))?;
    file.get_ref().sync_data().await.map_err(failed(part))
}

async fn request(url: &str, token: &str) -> Result<Incoming, Problem> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(10)));
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(url)
        .header("X-Auth-Token", token)
        .body(Empty::new())
        .map_err(|error| Problem::Permanent(format!("{url} is not an address to fetch from: {error}")))?;
    let away = |text: String| Problem::Temporary(format!("{url} does not give the image: {text}"));
    let response = tokio::time::timeout(SILENCE, client.request(request))
        .await
        .map_err(|_| away(format!("no answer for {SILENCE:?}")))?
        .map_err(|error| away(error.to_string()))?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Problem::Permanent(format!("{url} is gone"))),
        other => Err(away(other.to_string())),
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> Problem {
    move |error| Problem::Temporary(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one request with `body`, whatever length it says.
    async fn serve(status: &'static str, length: usize, body: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/image", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 2048];
            let read = connection.read(&mut request).await.unwrap();
            assert!(String::from_utf8_lossy(&request[..read]).to_lowercase().contains("x-auth-token: ticket"));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(body).await.unwrap();
        });
        url
    }

    fn image(content: &[u8]) -> ImageSource {
        let sha512 = hex::encode(Sha512::digest(content));
        ImageSource { id: "i".into(), disk_format: "raw".into(), size: content.len() as u64, sha512 }
    }

    async fn fetch(url: &str, image: &ImageSource) -> (Result<(), Problem>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let result = download(&dir.path().join("i.part"), image, url, "ticket").await;
        (result, dir.path().read_dir().unwrap().count())
    }

    #[tokio::test]
    async fn what_comes_whole_is_kept() {
        let url = serve("200 OK", 5, b"image").await;
        assert_eq!(fetch(&url, &image(b"image")).await, (Ok(()), 1));
    }

    #[tokio::test]
    async fn what_comes_short_or_wrong_is_not() {
        for (length, body) in [(5, b"ima".as_slice()), (5, b"egami"), (6, b"images"), (3, b"ima")] {
            let url = serve("200 OK", length, body).await;
            assert!(matches!(fetch(&url, &image(b"image")).await.0, Err(Problem::Temporary(_))), "{body:?}");
        }
        let url = serve("404 Not Found", 0, b"").await;
        assert!(matches!(fetch(&url, &image(b"image")).await.0, Err(Problem::Permanent(_))));
    }
}
