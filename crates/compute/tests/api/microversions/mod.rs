//! The microversions one by one: what each of them changed, asked in the one before and in it. What no request can show is
//! listed with the reason.

mod actions;
mod fleet;
mod project;
mod row;
mod servers;
mod stage;

use std::collections::BTreeSet;

use row::Row;
use stage::Stage;

/// Microversions that change nothing that a request to this cloud could tell.
const NOTHING: &[(u16, &str)] = &[
    (4, "os-fixed-ips is gone for good"),
    (12, "os-virtual-interfaces is gone for good"),
    (18, "addresses without and with a project are taken in every version"),
    (20, "there are no volumes yet"),
    (27, "both headers are understood in every version; see crates/api"),
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
