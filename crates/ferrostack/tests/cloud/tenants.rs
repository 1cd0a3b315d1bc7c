//! What a project has is its own: every operation is tried from another project's side, by a reader of the project and
//! without a token. One table has a row for each; an operation without a row fails a test.

pub mod alice;
mod compute;
mod delegation;
pub mod row;
pub mod table;

use std::collections::BTreeSet;

use ferrostack::client::{Answer, Client};
use ferrostack::cloud;
use http::{Method, StatusCode};
use policy::Rule;
use testkit::TestCloud;

use alice::Alice;
use row::{Access, Row};

/// A service's rules, the path before the ones in them, and the rows that try them.
struct Service {
    rules: &'static [Rule],
    prefix: &'static str,
    rows: fn() -> Vec<Row>,
}

const IDENTITY: Service = Service { rules: identity::RULES, prefix: "/identity", rows: table::identity };
const PLACEMENT: Service = Service { rules: placement::RULES, prefix: "/placement", rows: table::placement };
const IMAGE: Service = Service { rules: image::RULES, prefix: "/image", rows: table::image };
const NETWORK: Service = Service { rules: network::RULES, prefix: "/network/v2.0", rows: table::network };
const COMPUTE: Service = Service { rules: ::compute::RULES, prefix: "/compute/v2.1", rows: table::compute };

/// Method and path of an operation, as a rule documents it.
type Operation = (&'static str, &'static str);

impl Service {
    /// Every operation that a rule guards.
    fn operations(&self) -> BTreeSet<Operation> {
        self.rules.iter().flat_map(|rule| rule.operations).copied().collect()
    }
}

/// The operation that a row is for: of those that match, the one with the fewest parameters.
fn operation(operations: &BTreeSet<Operation>, row: &Row) -> Option<Operation> {
    let matching = operations.iter().filter(|(method, path)| *method == row.method && matches(path, &row.path));
    matching.min_by_key(|(_, path)| path.matches('{').count()).copied()
}

fn matches(documented: &str, path: &str) -> bool {
    let (mut left, mut right) = (documented.split(['/', '&']), path.split(['/', '&']));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || one.starts_with('{') && !other.is_empty() => {}
            (Some(one), Some(other)) if nameless(one) == nameless(other) => {}
            _ => return false,
        }
    }
}

/// Without the names of parameters: `{id}/x` and `{server}/x` are the same.
fn nameless(part: &str) -> String {
    let mut pieces = part.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + "{}" + piece.split_once('}').unwrap_or_default().1)
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let services = [IDENTITY, PLACEMENT, IMAGE, NETWORK, COMPUTE];
    let known: BTreeSet<&str> = services.iter().flat_map(|service| service.rules).map(|rule| rule.name).collect();
    let mut wrong = Vec::new();
    for rule in cloud::RULES.iter().copied().flatten() {
        if !known.contains(rule.name) && !identity::BASE_RULES.contains(rule) {
            wrong.push(format!("rule {} belongs to a service that no table is for", rule.name));
        }
    }
    for service in services {
        let operations = service.operations();
        let mut untried = operations.clone();
        for row in (service.rows)().iter().filter(|row| !row.open) {
            match operation(&operations, row) {
                Some(operation) => drop(untried.remove(&operation)),
                None => wrong.push(format!("{} {}{}: no rule is for this row", row.method, service.prefix, row.path)),
            }
        }
        wrong.extend(untried.iter().map(|(method, path)| format!("{method} {}{path}: no row", service.prefix)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Who tries.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Stranger,
    Reader,
    Nobody,
    Admin,
}

/// Tries every row of a service as everybody, and says all that was wrong.
async fn isolation(service: Service) {
    let alice = Alice::start(TestCloud::start().await).await;
    let rows = (service.rows)();
    let before = alice.belongings().await;
    let mut wrong = Vec::new();
    for who in [Who::Stranger, Who::Reader, Who::Nobody] {
        for row in &rows {
            wrong.extend(tried(&alice, service.prefix, row, who).await);
        }
    }
    let after = alice.belongings().await;
    for (path, value) in &before {
        if after.get(path) != Some(value) {
            wrong.push(format!("{path} has changed from {value} to {}", after[path]));
        }
    }
    // What the administrator stops is being stopped until every row was tried.
    let stopping = alice.cloud.node.hold("server_stop");
    for row in rows.iter().filter(|row| !row.not_by_admin) {
        wrong.extend(tried(&alice, service.prefix, row, Who::Admin).await);
    }
    stopping.release();
    alice.cloud.settle().await;
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    alice.cloud.finish().await;
}

/// Sends a row's request as `who`; says what is wrong with the answer.
async fn tried(alice: &Alice, prefix: &str, row: &Row, who: Who) -> Option<String> {
    let (client, name) = match who {
        Who::Stranger => (&alice.bob.member, "a stranger"),
        Who::Reader => (&alice.tenant.reader, "a reader"),
        Who::Nobody => (&alice.nobody, "nobody"),
        Who::Admin => (&alice.cloud.admin, "the administrator"),
    };
    let (path, _) = row.path.split_once(" (").unwrap_or((&row.path, ""));
    let path = alice.fill(&format!("{prefix}{path}{}", row.query));
    let answer = send(alice, client, row, &path).await;
    let text = String::from_utf8_lossy(&answer.body);
    let problem = match who {
        Who::Stranger => stranger_sees(alice, row, &answer),
        Who::Reader => allowed(row, row.access != Access::Refused, answer.status),
        Who::Nobody => nobody_gets(row, answer.status),
        Who::Admin => admin_gets(row, answer.status),
    };
    let problem = problem.or_else(|| refusal_is_nameless(row, &answer))?;
    let text: String = text.chars().take(300).collect();
    let asked = alice.fill(&row.path);
    Some(format!("{} {asked} by {name}: {problem}; the answer was {} {text}", row.method, answer.status.as_u16()))
}

async fn send(alice: &Alice, client: &Client, row: &Row, path: &str) -> Answer {
    let mut client = client.clone();
    for (header, value) in &row.headers {
        client = client.with_header(header, &alice.fill(value)).unwrap();
    }
    let method: Method = row.method.parse().unwrap();
    let content_type = row.content_type.unwrap_or("application/json");
    client.send(method, path, content_type, alice.fill(&row.body).into_bytes()).await.unwrap()
}

fn allowed(row: &Row, wanted: bool, status: StatusCode) -> Option<String> {
    let refused = status == StatusCode::FORBIDDEN || status == StatusCode::NOT_FOUND;
    let also = row.also == Some(status.as_u16());
    match wanted {
        true if !status.is_success() && !also => Some("it must be answered".to_owned()),
        false if !refused && !also => Some("it must be 403 or 404".to_owned()),
        _ => None,
    }
}

fn stranger_sees(alice: &Alice, row: &Row, answer: &Answer) -> Option<String> {
    let problem = allowed(row, row.access == Access::Anyone, answer.status);
    if problem.is_some() || !answer.status.is_success() {
        return problem;
    }
    let text = String::from_utf8_lossy(&answer.body);
    alice.private().find(|(_, id)| text.contains(id.as_str())).map(|(name, _)| format!("it shows alice's {name}"))
}

/// A refusal by policy says which rule it was.
fn refusal_is_nameless(row: &Row, answer: &Answer) -> Option<String> {
    if answer.status != StatusCode::FORBIDDEN || row.open || row.method == "HEAD" {
        return None;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let named = cloud::RULES.iter().copied().flatten().any(|rule| text.contains(rule.name));
    (!named).then(|| "the refusal must name its rule".to_owned())
}

fn nobody_gets(row: &Row, status: StatusCode) -> Option<String> {
    let wanted = if row.without_token { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    (status != wanted && row.also != Some(status.as_u16())).then(|| format!("it must be {}", wanted.as_u16()))
}

/// The administrator must get through to the operation itself; else the row tries nothing.
fn admin_gets(row: &Row, status: StatusCode) -> Option<String> {
    let reached = status.is_success() || row.admin == Some(status.as_u16());
    (!reached).then(|| "the row is wrong, or the operation is not served".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_keeps_projects_apart() {
    isolation(IDENTITY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn placement_keeps_projects_apart() {
    isolation(PLACEMENT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn image_keeps_projects_apart() {
    isolation(IMAGE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn network_keeps_projects_apart() {
    isolation(NETWORK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compute_keeps_projects_apart() {
    isolation(COMPUTE).await;
}
