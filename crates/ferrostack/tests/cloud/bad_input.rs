//! What is wrong with a request is said in the service's own form of errors, with the right status; nothing that a user
//! sends is an internal error.

mod cases;

use ferrostack::client::{Answer, Client};
use http::Method;
use serde_json::{Value, json};
use testkit::TestCloud;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::tenants::alice::Alice;
use crate::tenants::row::Row;
use crate::tenants::table;
use cases::Case;

/// What is put in the place of every value of a body that is right.
fn wrong_values() -> Vec<Value> {
    let long = "x".repeat(70_000);
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("no such thing"),
        json!("a\u{0}b"),
        json!("\u{1F9C1}"),
        json!("../../../etc/passwd"),
        json!(long),
        json!([]),
        json!([null]),
        json!([[1]]),
        json!({}),
        json!({"unknown": 1}),
    ]
}

/// What is put in the place of every part of a path, and into queries.
const WRONG_PARTS: &[&str] =
    &["no-such-thing", "%00", "%FF", "..%2F..", "%F0%9F%A7%81", "'", "-1", "%20", "%25", "1e99"];

/// Queries that no list may stumble over.
const WRONG_QUERIES: &[&str] = &[
    "limit=-1",
    "limit=many",
    "limit=99999999999999999999999",
    "limit=0",
    "marker=nothing",
    "marker=%00",
    "sort_key=nothing",
    "sort_key=id&sort_dir=sideways",
    "sort=nothing:sideways",
    "name=%00",
    "name=%FF",
    "id=%00",
    "status=%00",
    "project_id=%00",
    "user_id=%00",
    "tags=%00",
    "changes-since=yesterday",
    "updated_at=gt:yesterday",
    "fields=%00",
    "enabled=perhaps",
    "shared=perhaps",
    "page_reverse=perhaps",
    "fixed_ips=subnet_id%3D%00",
    "unknown=%00",
    "&&==&=",
];

/// One service: where it answers, how it writes errors, and its operations that work.
struct Service {
    prefix: &'static str,
    sentence: fn(&Value) -> Option<&str>,
    rows: fn() -> Vec<Row>,
    cases: fn() -> Vec<Case>,
}

const IDENTITY: Service = Service {
    prefix: "/identity",
    sentence: |error| error["error"]["message"].as_str().filter(|_| error["error"]["code"].is_u64()),
    rows: table::identity,
    cases: cases::identity,
};
const PLACEMENT: Service = Service {
    prefix: "/placement",
    // Codes came with a microversion; where none is understood there is none.
    sentence: |error| error["errors"][0]["detail"].as_str().filter(|_| error["errors"][0]["title"].is_string()),
    rows: table::placement,
    cases: cases::placement,
};
const IMAGE: Service = Service {
    prefix: "/image",
    sentence: |error| error["message"].as_str().filter(|_| error["code"].is_string() && error["title"].is_string()),
    rows: table::image,
    cases: cases::image,
};
const NETWORK: Service = Service {
    prefix: "/network/v2.0",
    sentence: |error| error["NeutronError"]["message"].as_str().filter(|_| error["NeutronError"]["type"].is_string()),
    rows: table::network,
    cases: cases::network,
};
const COMPUTE: Service = Service {
    prefix: "/compute/v2.1",
    sentence: |error| {
        let (_, error) = error.as_object().filter(|error| error.len() == 1)?.iter().next()?;
        error["message"].as_str().filter(|_| error["code"].is_u64())
    },
    rows: table::compute,
    cases: cases::compute,
};

/// Sends requests and remembers what was wrong with the answers.
struct Trial {
    alice: Alice,
    service: Service,
    wrong: Vec<String>,
}

impl Trial {
    async fn new(cloud: TestCloud, service: Service) -> Self {
        Self { alice: Alice::start(cloud).await, service, wrong: Vec::new() }
    }

    fn client(&self, row: &Row) -> Client {
        let admin = self.alice.cloud.admin.clone();
        row.headers
            .iter()
            .fold(admin, |client, (name, value)| client.with_header(name, &self.alice.fill(value)).unwrap())
    }

    fn path(&self, row: &Row) -> String {
        let (path, _) = row.path.split_once(" (").unwrap_or((&row.path, ""));
        self.alice.fill(&format!("{}{path}{}", self.service.prefix, row.query))
    }

    /// Sends a request; `wanted` empty takes every status but an internal error.
    async fn send(&mut self, client: &Client, asked: (Method, &str), body: (&str, Vec<u8>), wanted: &[u16], why: &str) {
        let (method, path) = asked;
        let answer = match client.send(method.clone(), path, body.0, body.1).await {
            Ok(answer) => answer,
            Err(error) => return self.wrong.push(format!("{method} {path}: {why}: no answer: {error:#}")),
        };
        if let Some(problem) = self.judge(&answer, wanted) {
            let text: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
            self.wrong.push(format!("{method} {path}: {why}: {problem}; {} {text}", answer.status.as_u16()));
        }
    }

    fn judge(&self, answer: &Answer, wanted: &[u16]) -> Option<String> {
        let status = answer.status.as_u16();
        // What is not built says so with 501.
        if status >= 500 && status != 501 && !wanted.contains(&status) {
            return Some("an internal error".to_owned());
        }
        if !wanted.is_empty() && !wanted.contains(&status) {
            return Some(format!("wanted {wanted:?}"));
        }
        let error = answer.json();
        let sentence = (self.service.sentence)(&error).is_some_and(|sentence| sentence.len() > 8);
        (status >= 400 && !answer.body.is_empty() && !sentence).then(|| "not in the service's form".to_owned())
    }

    /// Every body of the table, broken as a whole.
    async fn bodies(&mut self) {
        for row in (self.service.rows)().iter().filter(|row| row.body.starts_with('{') || row.body.starts_with('[')) {
            let (client, path) = (self.client(row), self.path(row));
            let method: Method = row.method.parse().unwrap();
            let kind = row.content_type.unwrap_or("application/json");
            let whole = self.alice.fill(&row.body).into_bytes();
            let large = format!("{{\"x\": \"{}\"}}", "x".repeat(1 << 20)).into_bytes();
            let shapes: [(&str, &str, Vec<u8>, &[u16]); 10] = [
                ("half of it", kind, whole[..whole.len() / 2].to_vec(), &[400]),
                ("nothing", kind, Vec::new(), &[400]),
                ("not UTF-8", kind, vec![0xFF, 0xFE, 0], &[400]),
                ("a number", kind, b"7".to_vec(), &[400]),
                ("a list", kind, b"[7]".to_vec(), &[400]),
                ("null", kind, b"null".to_vec(), &[400]),
                ("another object", kind, br#"{"cake": {}}"#.to_vec(), &[400]),
                ("deep", kind, vec![b'['; 100_000], &[400]),
                ("a text", "text/plain", whole.clone(), &[415]),
                ("too large", kind, large, &[413]),
            ];
            for (why, kind, body, wanted) in shapes {
                self.send(&client, (method.clone(), &path), (kind, body), wanted, why).await;
            }
        }
    }

    /// Every value in every body of the table, replaced by wrong ones.
    async fn values(&mut self) {
        let values = wrong_values();
        for row in &(self.service.rows)() {
            let Ok(right) = serde_json::from_str::<Value>(&self.alice.fill(&row.body)) else { continue };
            let (client, path) = (self.client(row), self.path(row));
            let method: Method = row.method.parse().unwrap();
            let kind = row.content_type.unwrap_or("application/json");
            for place in places(&right, String::new()) {
                for value in &values {
                    let mut body = right.clone();
                    *body.pointer_mut(&place).unwrap() = value.clone();
                    let short: String = value.to_string().chars().take(40).collect();
                    let why = format!("{place} is {short}");
                    self.send(&client, (method.clone(), &path), (kind, body.to_string().into_bytes()), &[], &why).await;
                }
            }
        }
    }

    /// Every parameter in every path, and every list's query.
    async fn paths(&mut self) {
        for row in &(self.service.rows)() {
            let client = self.client(row);
            let method: Method = row.method.parse().unwrap();
            let kind = row.content_type.unwrap_or("application/json");
            let body = self.alice.fill(&row.body).into_bytes();
            for wrong in WRONG_PARTS {
                let (path, _) = row.path.split_once(" (").unwrap_or((&row.path, ""));
                let Some((before, rest)) = path.rsplit_once('{') else { continue };
                let after = rest.split_once('}').unwrap().1;
                let path = self.alice.fill(&format!("{}{before}{wrong}{after}", self.service.prefix));
                self.send(&client, (method.clone(), &path), (kind, body.clone()), &[], "a wrong part").await;
            }
            if row.method == "GET" {
                for wrong in WRONG_QUERIES {
                    let path = self.path(row);
                    let path = format!("{path}{}{wrong}", if path.contains('?') { '&' } else { '?' });
                    self.send(&client, (method.clone(), &path), (kind, Vec::new()), &[], "a wrong query").await;
                }
            }
        }
    }

    /// What the list of cases says.
    async fn cases(&mut self) {
        for case in (self.service.cases)() {
            let mut client = if case.admin { &self.alice.cloud.admin } else { &self.alice.tenant.member }.clone();
            if let Some((name, value)) = case.header {
                client = client.with_header(name, value).unwrap();
            }
            let path = self.alice.fill(&format!("{}{}", self.service.prefix, case.path));
            let body = (case.content_type, self.alice.fill(&case.body).into_bytes());
            self.send(&client, (case.method.parse().unwrap(), &path), body, &[case.status], case.why).await;
        }
    }

    async fn finish(self) {
        let shown: Vec<&String> = self.wrong.iter().take(60).collect();
        assert!(self.wrong.is_empty(), "{} wrong: {shown:#?}", self.wrong.len());
        self.alice.cloud.settle().await;
        self.alice.cloud.finish().await;
    }
}

/// The places of all values in a document.
fn places(value: &Value, at: String) -> Vec<String> {
    let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
    let mut found = match value {
        Value::Object(map) => {
            map.iter().flat_map(|(name, one)| places(one, format!("{at}/{}", escaped(name)))).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(index, one)| places(one, format!("{at}/{index}"))).collect()
        }
        _ => Vec::new(),
    };
    found.push(at);
    found
}

async fn says_what_is_wrong(service: Service) {
    let mut trial = Trial::new(TestCloud::start().await, service).await;
    trial.cases().await;
    trial.bodies().await;
    trial.paths().await;
    trial.finish().await;
}

/// PostgreSQL takes less than SQLite does: no NUL in a text, no number beyond its type.
async fn survives_wrong_values(service: Service) {
    let mut trial = Trial::new(TestCloud::start_on_postgres().await, service).await;
    trial.paths().await;
    trial.values().await;
    trial.finish().await;
}

macro_rules! tests {
    ($($module:ident: $service:ident;)*) => {$(
        mod $module {
            #[tokio::test(flavor = "multi_thread")]
            async fn says_what_is_wrong() {
                super::says_what_is_wrong(super::$service).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn survives_wrong_values() {
                super::survives_wrong_values(super::$service).await;
            }
        }
    )*};
}

tests! {
    identity: IDENTITY;
    placement: PLACEMENT;
    image: IMAGE;
    network: NETWORK;
    compute: COMPUTE;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_without_a_free_address_says_so() {
    let cloud = TestCloud::start().await;
    let tenant = cloud.tenant("demo").await;
    let make = async |status, kind: &str, body| {
        testkit::expect(&tenant.member, status, Method::POST, &format!("/network/v2.0/{kind}"), Some(body)).await
    };
    let network = make(201, "networks", json!({"network": {}})).await["network"]["id"].clone();
    let body = json!({"subnet": {"network_id": network, "cidr": "10.0.0.0/29", "ip_version": 4,
        "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.2"}]}});
    make(201, "subnets", body).await;
    make(201, "ports", json!({"port": {"network_id": network}})).await;
    let refused = make(409, "ports", json!({"port": {"network_id": network}})).await;
    assert_eq!(refused["NeutronError"]["type"], "IpAddressGenerationFailure", "{refused}");
    cloud.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_the_image_queued() {
    let alice = Alice::start(TestCloud::start().await).await;
    let token = alice.fill("{token_of_project}");
    let path = alice.fill("/image/v2/images/{empty_image}");
    let mut stream = TcpStream::connect(alice.cloud.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "PUT {path}/file HTTP/1.1\r\nhost: cloud\r\nx-auth-token: {token}\r\n\
         content-type: application/octet-stream\r\ncontent-length: 100000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[7; 5000]).await.unwrap();
    testkit::wait_for(&alice.tenant.member, &path, |image| image["status"] == "saving").await;
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    testkit::wait_for(&alice.tenant.member, &path, |image| image["status"] == "queued").await;
    alice.cloud.finish().await;
}
