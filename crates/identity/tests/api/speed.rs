//! How long it takes; run by hand, in a release build: `cargo test --release -p identity -- --ignored --nocapture`.

use std::time::Instant;

use crate::cloud::Cloud;

#[tokio::test]
#[ignore = "a measurement"]
async fn validation_of_a_known_token() {
    let cloud = Cloud::new().await;
    let token = cloud.admin().await;
    let headers = [("x-auth-token", token.as_str()), ("x-subject-token", token.as_str())];
    const TIMES: u32 = 5_000;
    let start = Instant::now();
    for _ in 0..TIMES {
        assert!(cloud.is_valid(&token).await);
    }
    println!("authenticate: {:?}", start.elapsed() / TIMES);
    for path in ["/v3/auth/tokens", "/v3/auth/tokens?nocatalog"] {
        let start = Instant::now();
        for _ in 0..TIMES {
            cloud.send(http::Method::GET, path, &headers, None).await.expect(200);
        }
        println!("GET {path}: {:?}", start.elapsed() / TIMES);
    }
}
