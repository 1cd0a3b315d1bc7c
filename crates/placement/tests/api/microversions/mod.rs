//! What each microversion brought, as the version history of placement tells it: a request at the version before, and the
//! same at that version.

mod early;
mod late;
mod middle;

use std::collections::{BTreeMap, BTreeSet};

use placement::Inventory;
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud};

/// Has CPUs and memory; a server holds two of the CPUs.
const HOST: &str = "aaaaaaaa-0000-4000-8000-000000000001";
/// Hangs below the host, and has functions of a network card.
const CARD: &str = "aaaaaaaa-0000-4000-8000-000000000002";
/// Has CPUs, and is in no aggregate.
const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000003";
const SERVER: &str = "bbbbbbbb-0000-4000-8000-000000000001";
/// Has the host in it.
const AGGREGATE: &str = "cccccccc-0000-4000-8000-000000000001";
/// Has new providers in it.
const ELSEWHERE: &str = "cccccccc-0000-4000-8000-000000000003";
const NOWHERE: &str = "cccccccc-0000-4000-8000-000000000002";

/// A request whose answer changed with 1.`minor`.
///
/// In its path and body `$FRESH` becomes a new provider, `$CHILD` a new one below the host, `$CONSUMER` a new consumer's
/// id and `$COUNT` a number that no other request has.
struct Row {
    minor: u16,
    method: &'static str,
    path: String,
    body: Value,
    before: Seen,
    since: Seen,
}

fn ask(minor: u16, method: &'static str, path: &str, body: Value, before: Seen, since: Seen) -> Row {
    Row { minor, method, path: path.to_owned(), body, before, since }
}

fn get(minor: u16, path: &str, before: Seen, since: Seen) -> Row {
    ask(minor, "GET", path, Value::Null, before, since)
}

/// What an answer is to be.
struct Seen {
    status: u16,
    checks: Vec<Check>,
}

enum Check {
    Is(String, Value),
    Lacks(String),
    Counts(&'static str, usize),
    Header(&'static str, Option<&'static str>),
    NoHeader(&'static str),
    Says(String),
}

fn seen(status: u16) -> Seen {
    Seen { status, checks: Vec::new() }
}

/// 404, and the version that knows it.
fn not_yet(minor: u16) -> Seen {
    seen(404).says(&format!("needs microversion 1.{minor} "))
}

/// 400 for a field or parameter, and the version that knows it.
fn unknown_before(minor: u16) -> Seen {
    seen(400).says(&format!("microversion 1.{minor} "))
}

impl Seen {
    fn with(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    fn is(self, pointer: &str, value: impl Into<Value>) -> Self {
        self.with(Check::Is(pointer.to_owned(), value.into()))
    }

    fn lacks(self, pointer: &str) -> Self {
        self.with(Check::Lacks(pointer.to_owned()))
    }

    /// How many items a list or an object has.
    fn counts(self, pointer: &'static str, count: usize) -> Self {
        self.with(Check::Counts(pointer, count))
    }

    /// A part of the error's sentence.
    fn says(self, gist: &str) -> Self {
        self.with(Check::Says(gist.to_owned()))
    }

    fn code(self, code: &str) -> Self {
        self.is("/errors/0/code", code)
    }

    fn has_header(self, name: &'static str) -> Self {
        self.with(Check::Header(name, None))
    }

    fn dated(self) -> Self {
        self.with(Check::Header("cache-control", Some("no-cache"))).has_header("last-modified")
    }

    fn undated(self) -> Self {
        self.with(Check::NoHeader("cache-control")).with(Check::NoHeader("last-modified"))
    }

    /// What is not as it should be.
    fn misses(&self, answer: &Answer) -> Option<String> {
        let Answer { status, headers, body } = answer;
        if status.as_u16() != self.status {
            return Some(format!("is not {}", self.status));
        }
        let error = body["errors"][0].clone();
        if self.status >= 400 && (error["status"] != self.status || !error["title"].is_string()) {
            return Some("is no error as placement writes them".to_owned());
        }
        self.checks.iter().find_map(|check| {
            let (fits, what) = match check {
                Check::Is(pointer, value) => (body.pointer(pointer) == Some(value), format!("{pointer} is {value}")),
                Check::Lacks(pointer) => (body.pointer(pointer).is_none(), format!("there is no {pointer}")),
                Check::Counts(pointer, count) => {
                    let found = body.pointer(pointer);
                    let found = found.and_then(|found| match found {
                        Value::Array(items) => Some(items.len()),
                        other => other.as_object().map(serde_json::Map::len),
                    });
                    (found == Some(*count), format!("{pointer} has {count} items"))
                }
                Check::Header(name, value) => {
                    let found = headers.get(*name).and_then(|value| value.to_str().ok());
                    (found.is_some() && value.is_none_or(|value| found == Some(value)), format!("it has {name}"))
                }
                Check::NoHeader(name) => (!headers.contains_key(*name), format!("it has no {name}")),
                Check::Says(gist) => {
                    (error["detail"].as_str().is_some_and(|detail| detail.contains(gist)), format!("it says {gist}"))
                }
            };
            (!fits).then(|| format!("should be such that {what}"))
        })
    }
}

/// The cloud that the rows are about.
async fn world(cloud: &Cloud) {
    let provider = async |id: &str, parent: Option<&str>, stocks: &[(&str, i64)]| {
        let body = json!({"uuid": id, "name": id, "parent_provider_uuid": parent});
        cloud.ask("POST", "/resource_providers", 39, body).await.expect(200);
        let stocks: BTreeMap<String, Inventory> =
            stocks.iter().map(|(class, total)| ((*class).to_owned(), Inventory::of(*total))).collect();
        cloud.placement.inventories_set(id, &stocks).await.unwrap();
    };
    provider(HOST, None, &[("VCPU", 64), ("MEMORY_MB", 1024)]).await;
    provider(CARD, Some(HOST), &[("SRIOV_NET_VF", 4)]).await;
    provider(OTHER, None, &[("VCPU", 8)]).await;
    for (id, name) in [(HOST, "HW_CPU_X86_AVX2"), (CARD, "CUSTOM_FAST"), (OTHER, "HW_CPU_X86_SSE")] {
        cloud.placement.traits_set(id, &[name.to_owned()]).await.unwrap();
    }
    cloud.placement.aggregates_set(HOST, None, &[AGGREGATE.to_owned()]).await.unwrap();
    let held = json!({
        "allocations": {HOST: {"resources": {"VCPU": 2}}},
        "project_id": "p", "user_id": "u", "consumer_generation": null, "consumer_type": "INSTANCE",
    });
    cloud.ask("PUT", &format!("/allocations/{SERVER}"), 39, held).await.expect(204);
}

/// Asks at one version; `count` has not been used before.
async fn answer(cloud: &Cloud, row: &Row, minor: u16, count: usize) -> Answer {
    let fresh = format!("dddddddd-0000-4000-8000-{count:012}");
    let text = format!("{}\n{}", row.path, row.body);
    let parent = text.contains("$CHILD").then_some(HOST);
    if parent.is_some() || text.contains("$FRESH") {
        let body = json!({"uuid": fresh, "name": fresh, "parent_provider_uuid": parent});
        cloud.ask("POST", "/resource_providers", 39, body).await.expect(200);
    }
    let consumer = format!("eeeeeeee-0000-4000-8000-{count:012}");
    let text = text.replace("$FRESH", &fresh).replace("$CHILD", &fresh);
    let text = text.replace("$CONSUMER", &consumer).replace("$COUNT", &count.to_string());
    let (path, body) = text.split_once('\n').unwrap();
    let answer = cloud.ask(row.method, path, minor, serde_json::from_str(body).unwrap()).await;
    assert_eq!(answer.headers["openstack-api-version"], format!("placement 1.{minor}"));
    answer
}

#[tokio::test]
async fn every_microversion_changes_what_its_history_says() {
    every_microversion_changes_what_its_history_says_on(Cloud::new().await).await;
}

pub async fn every_microversion_changes_what_its_history_says_on(cloud: Cloud) {
    world(&cloud).await;
    let rows: Vec<Row> = [early::rows(), middle::rows(), late::rows()].into_iter().flatten().collect();
    let minors: BTreeSet<u16> = rows.iter().map(|row| row.minor).collect();
    assert!(minors.into_iter().eq(1..=39), "each microversion has a row");
    let mut wrong = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        for (minor, expected, side) in [(row.minor - 1, &row.before, 0), (row.minor, &row.since, 1)] {
            let answer = answer(&cloud, row, minor, 2 * number + side).await;
            if let Some(missed) = expected.misses(&answer) {
                let (method, path, status) = (row.method, &row.path, answer.status);
                wrong.push(format!("1.{minor} {method} {path} {}: {status} {missed}: {}", row.body, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
