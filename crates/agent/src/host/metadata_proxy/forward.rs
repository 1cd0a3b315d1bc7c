use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use protocol::metadata_sign;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The most that a guest may send with a question, and that control may answer.
const BODY_LIMIT: usize = 1 << 20;
/// How long control may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How many guests' connections a network may have open.
const CONNECTIONS: usize = 256;
/// What of a guest's question goes on; the rest is between it and us.
const HEADERS: [header::HeaderName; 3] = [header::ACCEPT, header::CONTENT_TYPE, header::USER_AGENT];

/// Takes guests' questions on to control.
pub(super) struct Forward {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    secret: String,
}

impl Forward {
    pub(super) fn new(url: String, secret: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        Self { client: Client::builder(TokioExecutor::new()).build(connector), url, secret }
    }

    /// Answers the guests of a network.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, network: String) {
        let network: Arc<str> = network.into();
        let mut connections = JoinSet::new();
        loop {
            let (connection, guest) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, network = &*network, "a guest's connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS {
                continue;
            }
            connections.spawn(Arc::clone(&self).connection(TokioIo::new(connection), guest, Arc::clone(&network)));
        }
    }

    async fn connection(
        self: Arc<Self>,
        connection: TokioIo<tokio::net::TcpStream>,
        guest: SocketAddr,
        network: Arc<str>,
    ) {
        let service = service_fn(|request: Request<Incoming>| {
            let (forward, network) = (Arc::clone(&self), Arc::clone(&network));
            async move { Ok::<_, Infallible>(forward.answer(request, guest.ip(), &network).await) }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
        if let Err(error) = server.serve_connection(connection, service).await {
            tracing::debug!(%error, %guest, network = &*network, "a guest's connection broke off");
        }
    }

    async fn answer(&self, request: Request<Incoming>, guest: IpAddr, network: &str) -> Response<Full<Bytes>> {
        match tokio::time::timeout(LIMIT, self.ask(request, guest, network)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                tracing::warn!(error = format!("{error:#}"), %guest, network, "metadata could not be had");
                sorry(StatusCode::SERVICE_UNAVAILABLE)
            }
            Err(_) => sorry(StatusCode::GATEWAY_TIMEOUT),
        }
    }

    async fn ask(&self, request: Request<Incoming>, guest: IpAddr, network: &str) -> Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return Ok(sorry(StatusCode::PAYLOAD_TOO_LARGE));
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let signature = metadata_sign(&self.secret, network, guest).context("the secret cannot be used")?;
        let mut asked = Request::builder()
            .method(head.method)
            .uri(format!("{}{path}", self.url))
            .header("X-Forwarded-For", guest.to_string())
            .header("X-Network-ID", network)
            .header("X-Signature", signature);
        for name in HEADERS {
            if let Some(value) = head.headers.get(&name) {
                asked = asked.header(name, value);
            }
        }
        let asked = asked.body(Full::new(body.to_bytes())).context("the guest's question cannot be asked")?;
        let (head, body) = self.client.request(asked).await.context("control does not answer")?.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = head.status;
        if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
            response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        Ok(response)
    }
}

fn sorry(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{status}\n"))));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    /// Serves one request, and gives what was asked.
    async fn control() -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/metadata", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = connection.read(&mut request).await.unwrap();
            connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
            String::from_utf8_lossy(&request[..read]).to_lowercase()
        });
        (url, asked)
    }

    async fn guest_asks(url: String, question: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(Arc::new(Forward::new(url, "s".to_owned())).serve(listener, "n".to_owned()));
        let mut guest = TcpStream::connect(address).await.unwrap();
        guest.write_all(question.as_bytes()).await.unwrap();
        let mut answer = String::new();
        guest.read_to_string(&mut answer).await.unwrap();
        serving.abort();
        answer
    }

    #[tokio::test]
    async fn control_is_told_who_asks_and_guests_cannot_say_otherwise() {
        let (url, asked) = control().await;
        let question = "GET /latest/meta-data/?a=b HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\n\
            X-Network-ID: other\r\nConnection: close\r\n\r\n";
        let answer = guest_asks(url, question).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hi"), "{answer}");
        let asked = asked.await.unwrap();
        let signed = metadata_sign("s", "n", IpAddr::from([127, 0, 0, 1])).unwrap();
        assert!(asked.starts_with("get /metadata/latest/meta-data/?a=b http/1.1"), "{asked}");
        assert!(asked.contains(&format!("x-signature: {signed}")) && asked.contains("x-forwarded-for: 127.0.0.1"));
        assert!(asked.contains("x-network-id: n\r\n") && !asked.contains("9.9.9.9") && !asked.contains("other"));
    }

    #[tokio::test]
    async fn a_guest_is_told_when_control_is_away() {
        let question = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = guest_asks("http://127.0.0.1:1".to_owned(), question).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
}
