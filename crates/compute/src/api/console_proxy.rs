//! The consoles as browsers reach them: a page, and a WebSocket that carries the bytes of the node's socket.

use ::api::{Error, Query, Result, Service, Style};
use axum::Router;
use axum::body::Body;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::Compute;

/// How much of the node's socket is read at once.
const CHUNK: usize = 64 * 1024;

pub(crate) fn routes_of(compute: Compute) -> Router {
    let router = Router::new()
        .route("/websockify", get(console_connect))
        .route("/", get(console_bare))
        .route("/vnc_auto.html", get(console_page))
        .route("/spice/{*file}", get(spice_file))
        .route("/{*file}", get(console_file));
    Service { kind: "compute", prefix: "/console", style: Style::Compute, negotiation: None }
        .wrap(router.with_state(compute))
}

/// Older pages of noVNC take the WebSocket's path from the host's root, so the address is a token and nothing else.
async fn console_bare(
    State(compute): State<Compute>,
    query: Query,
    headers: HeaderMap,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    match upgrade {
        Ok(upgrade) => Ok(console_connect(State(compute), query, headers, upgrade).await),
        Err(_) => Err(Error::not_found("The resource could not be found.")),
    }
}

/// The page; newer noVNC opens the WebSocket at the page's own address when it is given nothing but a token.
async fn console_page(
    compute: State<Compute>,
    query: Query,
    headers: HeaderMap,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    match upgrade {
        Ok(upgrade) => Ok(console_connect(compute, query, headers, upgrade).await),
        Err(_) => console_file(compute, Path("vnc_auto.html".to_owned())).await,
    }
}

/// A browser cannot read why it was refused, and noVNC would take a body for frames: there is none, and the connection
/// ends.
async fn console_connect(
    State(compute): State<Compute>,
    query: Query,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    match console_upgrade(compute, query, headers, upgrade).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(cause = ?error.cause, "a console was refused: {error}");
            (error.status(), [(header::CONNECTION, "close")]).into_response()
        }
    }
}

async fn console_upgrade(
    compute: Compute,
    query: Query,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response> {
    check_origin(&compute, &headers)?;
    let token = token(&query, &headers).ok_or_else(|| Error::unauthorized("The console's address has no token."))?;
    let opened = compute.console_of_token(&token).await?;
    let stream = UnixStream::connect(&opened.socket)
        .await
        .map_err(|error| Error::unavailable("The console cannot be reached now; try again.").with_cause(error))?;
    Ok(upgrade.protocols(["binary"]).on_upgrade(move |browser| carry(browser, stream)))
}

/// The token: in the address, in the address that the page passes on, or in a cookie, as noVNC sends it.
fn token(query: &Query, headers: &HeaderMap) -> Option<String> {
    if let Some(token) = query.get("token") {
        return Some(token.to_owned());
    }
    if let Some(path) = query.get("path") {
        return Query::parse(path.split_once('?')?.1).get("token").map(str::to_owned);
    }
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("token=")).map(str::to_owned)
}

/// A page of another origin must not open consoles with what it finds in the user's browser.
fn check_origin(compute: &Compute, headers: &HeaderMap) -> Result<()> {
    let text = |name| headers.get(name).map(HeaderValue::to_str).and_then(std::result::Result::ok);
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let options = compute.options();
    let own = options.console_url.split_once("://").map(|(_, host)| host.trim_end_matches('/'));
    if text(header::HOST) == Some(host)
        || own == Some(host)
        || options.console_origins.iter().any(|allowed| allowed == origin)
    {
        return Ok(());
    }
    Err(Error::forbidden(format!("The origin {origin} may not open consoles here.")))
}

/// Carries bytes both ways until either side ends.
async fn carry(browser: WebSocket, node: UnixStream) {
    let (mut to_browser, mut from_browser) = browser.split();
    let (mut from_node, mut to_node) = node.into_split();
    let up = async {
        while let Some(Ok(message)) = from_browser.next().await {
            let bytes = match message {
                Message::Binary(bytes) => bytes,
                Message::Text(text) => Bytes::from(text),
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) => continue,
            };
            if to_node.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut chunk = vec![0; CHUNK];
        while let Ok(read) = from_node.read(&mut chunk).await {
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            if to_browser.send(Message::Binary(Bytes::copy_from_slice(bytes))).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
    // The browser may be gone already.
    drop(to_browser.send(Message::Close(None)).await);
}

/// A file of noVNC, if it is installed.
async fn console_file(State(compute): State<Compute>, Path(mut file): Path<String>) -> Result<Response> {
    let files = compute.options().console_files.as_deref();
    // Newer releases have a page of another name that connects by itself.
    let lite = "vnc_lite.html";
    if let Some(files) = files
        && file == "vnc_auto.html"
        && tokio::fs::try_exists(files.join(lite)).await.unwrap_or(false)
    {
        lite.clone_into(&mut file);
    }
    file_of(files, &file, "noVNC").await
}

/// A file of spice-html5, if it is installed.
async fn spice_file(State(compute): State<Compute>, Path(file): Path<String>) -> Result<Response> {
    file_of(compute.options().spice_files.as_deref(), &file, "spice-html5").await
}

async fn file_of(files: Option<&std::path::Path>, file: &str, package: &str) -> Result<Response> {
    let missing = || {
        Error::not_found(format!("There is no such page. This console needs {package}; put it where it is looked for."))
    };
    let files = files.ok_or_else(missing)?;
    let plain = file.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\\'));
    if !plain {
        return Err(missing());
    }
    let path = files.join(file);
    let bytes = tokio::fs::read(&path).await.map_err(|_| missing())?;
    let kind = match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}
