//! The microversions one by one: what each of them changed, asked in the one before and in it. What no request can show is
//! listed with the reason.

mod actions;
mod fleet;
mod project;
mod row;
mod servers;
mod stage;

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use row::Row;
use stage::Stage;

use crate::fleet::Fleet;

/// Microversions that change nothing that a request to this cloud could tell.
const NOTHING: &[(u16, &str)] = &[
    (4, "os-fixed-ips is gone for good"),
    (12, "os-virtual-interfaces is gone for good"),
    (18, "addresses without and with a project are taken in every version"),
    (20, "there are no volumes yet"),
    (27, "both headers are understood in every version, as a test below says"),
    (34, "servers do not move yet"),
    (46, "the header is sent in every version"),
    (60, "there are no volumes yet"),
    (65, "servers do not move yet, so no move can be aborted"),
    (69, "there are no cells that could be down"),
    (72, "ports have no resource requests yet"),
    (87, "there are no volumes yet"),
    (89, "there are no volumes yet"),
    (95, "servers do not move yet"),
    (101, "there are no volumes yet"),
];

async fn holds(rows: Vec<Row>) {
    let stage = Stage::new().await;
    let mut wrong = Vec::new();
    for row in rows {
        wrong.extend(row.tried(&stage).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_microversion_has_a_row_or_a_reason() {
    let rows = [servers::rows(), actions::rows(), fleet::rows(), project::rows()].concat();
    let tried: BTreeSet<u16> = rows.iter().map(|row| row.minor).collect();
    let reasoned: BTreeSet<u16> = NOTHING.iter().map(|(minor, _)| *minor).collect();
    let empty: Vec<String> = rows.iter().filter_map(Row::says_nothing).collect();
    assert_eq!(empty, Vec::<String>::new(), "rows that say nothing");
    let newest = compute::NEWEST.1;
    let missing: Vec<u16> = (2..=newest).filter(|minor| !tried.contains(minor) && !reasoned.contains(minor)).collect();
    assert_eq!(missing, Vec::<u16>::new(), "microversions with neither");
    let both: Vec<u16> = tried.intersection(&reasoned).copied().collect();
    assert_eq!(both, Vec::<u16>::new(), "microversions with both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_named_by_either_header() {
    let fleet = Fleet::new().await;
    for version in ["2.1", "2.26", "2.27", "2.104"] {
        for (name, value) in [
            ("x-openstack-nova-api-version", version.to_owned()),
            ("openstack-api-version", format!("compute {version}")),
            ("openstack-api-version", format!("volume 3.1, compute {version}")),
        ] {
            let request = Request::get("/compute/v2.1/flavors").header("x-auth-token", &fleet.member.token);
            let answer = fleet.send(request.header(name, &value).body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 200, "{name}: {value}");
            assert_eq!(answer.headers["openstack-api-version"], format!("compute {version}"), "{name}: {value}");
            assert_eq!(answer.headers["x-openstack-nova-api-version"], version, "{name}: {value}");
            let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
            assert_eq!(vary, ["OpenStack-API-Version", "X-OpenStack-Nova-API-Version"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_made_and_shown_by_microversion() {
    holds(servers::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_acted_on_by_microversion() {
    holds(actions::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_is_shown_by_microversion() {
    holds(fleet::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_projects_have_is_shown_by_microversion() {
    holds(project::rows()).await;
}
