//! Placement alone, over an empty database, on a free port of this machine: for `tests/gabbi`. Prints its address and a
//! token of the administrator, and ends when its standard input does.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it serves a test")]

use std::io::Read as _;
use std::sync::Arc;

use db::{Db, Options};
use identity::{Bootstrap, Identity};
use placement::Placement;
use policy::Policy;
use runtime::Runtime;

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&Options::Sqlite(dir.path().join("placement.db"))).await.unwrap();
    db.migrate(&[identity::MIGRATIONS, placement::MIGRATIONS].concat()).await.unwrap();
    let policy = Arc::new(Policy::new(&[identity::BASE_RULES, identity::RULES, placement::RULES]).unwrap());
    let mut options = identity::Options::new(dir.path().join("keys"));
    options.config.password_hash_rounds = 4;
    let identity = Identity::new(db.clone(), Runtime::default(), policy, options).unwrap();
    let bootstrap = Bootstrap {
        admin_password: "correct horse".into(),
        region: "RegionOne".into(),
        base_url: "http://127.0.0.1".into(),
        services: Vec::new(),
    };
    let admin = identity.bootstrap(&bootstrap).await.unwrap();
    let token = identity.token_for_user(&admin.user_id, &admin.project_id).await.unwrap();
    let placement = Placement::new(db, Runtime::default(), identity);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/placement {token}", listener.local_addr().unwrap());
    let router = axum::Router::new().nest("/placement", placement.router());
    let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.unwrap(),
        _ = closed => {}
    }
}
