//! Random sequences of actions, some of them with a node that fails, against the state machine in `docs/states.md`.
//!
//! `FERROSTACK_SEQUENCES` says how many (10,000 in CI, a few else), `FERROSTACK_SEED` with which one to begin. A sequence
//! that fails names its seed: `FERROSTACK_SEED=7 FERROSTACK_SEQUENCES=1` runs that one again.

use std::collections::BTreeMap;

use http::Method;
use protocol::{PowerState, Problem};
use serde_json::{Value, json};
use testkit::{TestCloud, expect};

use crate::fixture::{self, Ready, id};

/// What the document says of an action.
#[derive(Debug)]
struct Rule {
    allowed: Vec<String>,
    /// Empty for the state before.
    result: String,
}

/// The table of `docs/states.md`.
fn rules() -> BTreeMap<String, Rule> {
    let document = include_str!("../../../../docs/states.md");
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| action"));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [action, allowed, _, result, _] = cells.as_slice() else { return None };
        let allowed = allowed.split(';').next()?.split(", ").map(str::to_owned).collect();
        let result = if *result == "-" { String::new() } else { (*result).to_owned() };
        Some(((*action).to_owned(), Rule { allowed, result }))
    })
    .collect()
}

/// Numbers that follow from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}

/// The actions: the document's name, and how they are asked for.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("Start", "os-start", "null"),
    ("Stop", "os-stop", "null"),
    ("RebootSoft", "reboot", r#"{"type": "SOFT"}"#),
    ("RebootHard", "reboot", r#"{"type": "HARD"}"#),
    ("Pause", "pause", "null"),
    ("Unpause", "unpause", "null"),
    ("Suspend", "suspend", "null"),
    ("Resume", "resume", "null"),
    ("Password", "changePassword", r#"{"adminPass": "new"}"#),
    ("Rebuild", "rebuild", r#"{"imageRef": "IMAGE"}"#),
    ("Rescue", "rescue", "null"),
    ("Unrescue", "unrescue", "null"),
    ("Backup", "createBackup", r#"{"name": "b", "backup_type": "daily", "rotation": 0}"#),
    ("Resize", "resize", r#"{"flavorRef": "OTHER"}"#),
    ("ResizeConfirm", "confirmResize", "null"),
    ("ResizeRevert", "revertResize", "null"),
    ("Shelve", "shelve", "null"),
    ("Unshelve", "unshelve", "null"),
];

/// The calls of a node that may fail.
const CALLS: &[&str] = &[
    "server_start",
    "server_stop",
    "server_reboot",
    "server_pause",
    "server_suspend",
    "server_resume",
    "server_delete",
    "disks_create",
    "disks_rebuild",
    "disks_resize",
    "disks_resize_revert",
    "disk_copy",
    "disk_upload",
    "ports_plug",
    "rescue_end",
    "image_fetch",
];

/// A cloud on which sequences run one after another.
struct Ground {
    cloud: TestCloud,
    ready: Ready,
    flavors: [String; 2],
    rules: BTreeMap<String, Rule>,
}

/// A server, and what the model knows of it.
struct Subject {
    id: String,
    state: String,
    /// The state before a resize that can be reverted.
    before_resize: String,
    flavor: usize,
}

impl Ground {
    async fn new() -> Self {
        let cloud = TestCloud::start().await;
        let ready = fixture::ready(&cloud, &cloud.admin).await;
        let body = json!({"flavor": {"name": "larger", "ram": 128, "vcpus": 2, "disk": 1}});
        let made = expect(&cloud.admin, 200, Method::POST, "/compute/v2.1/flavors", Some(body)).await;
        let flavors = [ready.flavor.clone(), id(&made["flavor"])];
        Self { cloud, ready, flavors, rules: rules() }
    }

    fn path(subject: &Subject) -> String {
        format!("/compute/v2.1/servers/{}", subject.id)
    }

    async fn run(&self, seed: u64) {
        let mut dice = Dice(seed);
        let body = fixture::server(&self.ready, "s");
        let made = expect(&self.cloud.admin, 202, Method::POST, "/compute/v2.1/servers", Some(body)).await;
        self.cloud.settle().await;
        let id = id(&made["server"]);
        let mut subject = Subject { id, state: "active".into(), before_resize: String::new(), flavor: 0 };
        for _ in 0..2 + dice.roll(5) {
            self.step(&mut subject, &mut dice).await;
        }
        let removed = self.cloud.admin.request(Method::DELETE, &Self::path(&subject), None).await.unwrap();
        assert_eq!(removed.status, 204);
        self.cloud.settle().await;
        assert!(self.cloud.node.is_empty(), "the node keeps something of a deleted server");
        assert_eq!(self.cores_used().await, 0);
    }

    /// One action, which the document allows most of the time.
    async fn step(&self, subject: &mut Subject, dice: &mut Dice) {
        let allowed: Vec<&(&str, &str, &str)> =
            ACTIONS.iter().filter(|action| self.rules[action.0].allowed.contains(&subject.state)).collect();
        let (action, name, body) =
            if dice.roll(5) == 0 { &ACTIONS[dice.roll(ACTIONS.len())] } else { allowed[dice.roll(allowed.len())] };
        let rule = &self.rules[*action];
        let fault = (dice.roll(3) == 0).then(|| CALLS[dice.roll(CALLS.len())]);
        if let Some(call) = fault {
            match dice.roll(3) {
                0 => self.cloud.node.fail(call, 1, Problem::Permanent("out of order".to_owned())),
                1 => self.cloud.node.fail(call, 1, Problem::Temporary("not now".to_owned())),
                // It is done, but nobody hears of it.
                _ => self.cloud.node.fail_after(call, 1, Problem::Temporary("lost".to_owned())),
            }
        }
        let body = body.replace("IMAGE", &self.ready.image).replace("OTHER", &self.flavors[1 - subject.flavor]);
        let body: Value = serde_json::from_str(&body).unwrap();
        let path = format!("{}/action", Self::path(subject));
        let answer = self.cloud.admin.request(Method::POST, &path, Some(&json!({*name: body}))).await.unwrap();
        self.cloud.settle().await;
        self.cloud.node.heal();
        let context = format!("{action} of a server that is {}, fault {fault:?}", subject.state);
        if !rule.allowed.contains(&subject.state) {
            assert_eq!(answer.status, 409, "{context}");
            self.check(subject, &context).await;
            return;
        }
        assert!(answer.status.is_success(), "{context}: {}", String::from_utf8_lossy(&answer.body));
        self.follow(subject, action, rule, fault.is_some(), &context).await;
        self.check(subject, &context).await;
    }

    /// Brings the model to what the action made of the server, which must be one of what it may be.
    async fn follow(&self, subject: &mut Subject, action: &str, rule: &Rule, fault: bool, context: &str) {
        let shown = self.cloud.admin.get(&Self::path(subject)).await.unwrap();
        let state = shown["server"]["OS-EXT-STS:vm_state"].as_str().unwrap().to_owned();
        let done: Vec<&str> = match action {
            "ResizeConfirm" => vec!["active", "stopped"],
            "ResizeRevert" => vec![&subject.before_resize],
            "Rebuild" if subject.state == "error" => vec!["active"],
            "Shelve" => vec!["shelved_offloaded"],
            _ if rule.result.is_empty() => vec![&subject.state],
            _ => vec![&rule.result],
        };
        // A paused server that could not be shelved has lost its memory.
        let back = if subject.state == "paused" && action == "Shelve" { "stopped" } else { &subject.state };
        let failed = [&subject.state, back, "error", "shelved"];
        let fine = done.contains(&state.as_str()) || (fault && failed.contains(&state.as_str()));
        assert!(fine, "{context}: it is {state}, and should be one of {done:?}");
        if action == "Resize" && state == "resized" {
            subject.before_resize.clone_from(&subject.state);
        }
        let flavor = &shown["server"]["flavor"]["id"];
        subject.flavor = usize::from(*flavor == json!(self.flavors[1]));
        subject.state = state;
    }

    /// What holds for every server that nothing is done to.
    async fn check(&self, subject: &Subject, context: &str) {
        let shown = self.cloud.admin.get(&Self::path(subject)).await.unwrap();
        let server = &shown["server"];
        assert_eq!(server["OS-EXT-STS:task_state"], Value::Null, "{context}");
        assert_eq!(server["OS-EXT-STS:vm_state"], json!(subject.state), "{context}");
        let power = self.cloud.node.server_power(&subject.id);
        let right = match subject.state.as_str() {
            "active" | "rescued" => power == Some(PowerState::Running),
            "paused" => power == Some(PowerState::Paused),
            "stopped" | "suspended" => power == Some(PowerState::Shutdown),
            "shelved_offloaded" => power.is_none(),
            _ => true,
        };
        assert!(right, "{context}: it is {} and the node says {power:?}", subject.state);
        let disks = self.cloud.node.disks_of(&subject.id);
        let has = |name: &str| disks.iter().any(|disk| disk == name);
        assert!(!has("copy"), "{context}: {disks:?}");
        if subject.state != "error" {
            assert_eq!(has("rescue"), subject.state == "rescued", "{context}: {disks:?}");
            assert_eq!(has("kept"), subject.state == "resized", "{context}: {disks:?}");
        }
        let cores = if subject.state == "resized" || subject.flavor == 1 { 2 } else { 1 };
        assert_eq!(self.cores_used().await, cores, "{context}");
        let path = format!("/placement/allocations/{}", subject.id);
        let held = self.cloud.admin.get(&path).await.unwrap();
        let held =
            held["allocations"].as_object().unwrap().values().next().map(|held| held["resources"]["VCPU"].clone());
        let expected = (subject.state != "shelved_offloaded").then(|| json!(cores));
        assert_eq!(held, expected, "{context}");
    }

    async fn cores_used(&self) -> i64 {
        let limits = self.cloud.admin.get("/compute/v2.1/limits").await.unwrap();
        limits["limits"]["absolute"]["totalCoresUsed"].as_i64().unwrap()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sequence_of_actions_follows_the_document() {
    const WORKERS: u64 = 4;
    let usual = if std::env::var_os("CI").is_some() { 10_000 } else { 200 };
    let (first, count) = (number("FERROSTACK_SEED").unwrap_or(1), number("FERROSTACK_SEQUENCES").unwrap_or(usual));
    let workers = (0..WORKERS.min(count)).map(|worker| {
        tokio::spawn(async move {
            let ground = Ground::new().await;
            let mut seed = first + worker;
            while seed < first + count {
                let run = std::panic::AssertUnwindSafe(ground.run(seed));
                if futures_util::FutureExt::catch_unwind(run).await.is_err() {
                    panic!("seed {seed} failed: run it again with FERROSTACK_SEED={seed} FERROSTACK_SEQUENCES=1");
                }
                seed += WORKERS;
            }
            ground.cloud.finish().await;
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}
