//! Random sequences of actions, some of them with a node that fails, against the state machine in `docs/states.md`.
//!
//! `FERROSTACK_SEQUENCES` says how many (10,000 in CI, a few else), `FERROSTACK_SEED` with which one to begin. A sequence
//! that fails names its seed: `FERROSTACK_SEED=7 FERROSTACK_SEQUENCES=1` runs that one again.

use std::collections::BTreeMap;
use std::time::Duration;

use ferrostack::client::Answer;
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

/// An action: the document's name, and how it is asked for.
type Action = (&'static str, &'static str, &'static str);

const ACTIONS: &[Action] = &[
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
    ("ShelveOffload", "shelveOffload", "null"),
    ("CrashDump", "trigger_crash_dump", "null"),
    ("Snapshot", "createImage", r#"{"name": "copy"}"#),
    ("SoftDelete", "DELETE", "null"),
    ("Restore", "restore", "null"),
    ("Attach", "ATTACH", "null"),
    ("Detach", "DETACH", "null"),
];

/// What may leave a server in ERROR when the node fails: the rest has nothing to take back there.
const MAY_BREAK: &[&str] =
    &["Rebuild", "Rescue", "Unrescue", "Resize", "ResizeConfirm", "ResizeRevert", "Shelve", "Unshelve"];

/// How long a call of the node takes when something else is asked for meanwhile.
const SLOW: Duration = Duration::from_millis(5);

/// The calls of a node that may fail.
const CALLS: &[&str] = &[
    "server_start",
    "server_stop",
    "server_reboot",
    "server_pause",
    "server_unpause",
    "server_suspend",
    "server_resume",
    "server_crash_dump",
    "server_password",
    "server_delete",
    "port_attach",
    "port_detach",
    "port_unplug",
    "disks_create",
    "disks_rebuild",
    "disks_resize",
    "disks_resize_confirm",
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
    /// Whether shelved and deleted servers are kept on their nodes.
    keeps: bool,
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
    /// The state before a delete that can be taken back.
    before_delete: String,
    flavor: usize,
    ports: usize,
    /// Whether its guest's power is known again only by the node's next report.
    is_unsure: bool,
}

impl Subject {
    fn new(id: String) -> Self {
        let (before_resize, before_delete) = (String::new(), String::new());
        Self { id, state: "active".into(), before_resize, before_delete, flavor: 0, ports: 1, is_unsure: false }
    }

    /// Whether it is rescued, or will be when it is restored.
    fn is_rescued(&self) -> bool {
        self.state == "rescued" || (self.state == "soft-delete" && self.before_delete == "rescued")
    }
}

impl Ground {
    async fn new(keeps: bool) -> Self {
        let cloud = TestCloud::start_with(if keeps { fixture::KEEPING } else { "" }).await;
        let ready = fixture::ready(&cloud.admin, &cloud.admin).await;
        let flavors = [ready.flavor.clone(), fixture::larger_flavor(&cloud.admin).await];
        Self { cloud, keeps, ready, flavors, rules: rules() }
    }

    fn path(subject: &Subject) -> String {
        format!("/compute/v2.1/servers/{}", subject.id)
    }

    async fn run(&self, seed: u64) {
        let mut dice = Dice(seed);
        let body = fixture::server(&self.ready, "s");
        let made = expect(&self.cloud.admin, 202, Method::POST, "/compute/v2.1/servers", Some(body)).await;
        self.cloud.settle().await;
        let mut subject = Subject::new(id(&made["server"]));
        for _ in 0..2 + dice.roll(5) {
            self.step(&mut subject, &mut dice).await;
            if subject.is_unsure {
                break;
            }
        }
        self.end(&subject).await;
    }

    /// Deletes the server. Nothing of it is left but whole images that were asked for.
    async fn end(&self, subject: &Subject) {
        let admin = &self.cloud.admin;
        let body = Some(json!({"forceDelete": null})).filter(|_| self.keeps);
        let removed = match body {
            Some(body) => admin.request(Method::POST, &format!("{}/action", Self::path(subject)), Some(&body)).await,
            None => admin.request(Method::DELETE, &Self::path(subject), None).await,
        };
        assert!(removed.unwrap().status.is_success());
        self.cloud.settle().await;
        assert!(self.cloud.node.is_empty(), "the node keeps something of a deleted server");
        assert_eq!(self.cores_used().await, 0);
        let ports = admin.get("/network/v2.0/ports?device_owner=compute:nova").await.unwrap();
        assert_eq!(ports["ports"], json!([]));
        let images = admin.get(&format!("/image/v2/images?instance_uuid={}", subject.id)).await.unwrap();
        for image in images["images"].as_array().unwrap() {
            assert_eq!((&image["name"], &image["status"]), (&json!("copy"), &json!("active")));
            let path = format!("/image/v2/images/{}", id(image));
            expect(admin, 204, Method::DELETE, &path, None).await;
        }
    }

    /// An action, which the document allows most of the time.
    fn choose(&self, subject: &Subject, dice: &mut Dice) -> &'static Action {
        let allowed = |action: &Action| self.rules[action.0].allowed.contains(&subject.state);
        // A delete that cannot be taken back is no action, and only what is there can be detached.
        let possible = |action: &&Action| match action.0 {
            "SoftDelete" => self.keeps && allowed(action),
            "Detach" => subject.ports > 0,
            _ => true,
        };
        let any: Vec<&Action> = ACTIONS.iter().filter(possible).collect();
        let right: Vec<&Action> = any.iter().copied().filter(|action| allowed(action)).collect();
        if right.is_empty() || dice.roll(5) == 0 { any[dice.roll(any.len())] } else { right[dice.roll(right.len())] }
    }

    /// Has a call of the node fail, some of the time.
    fn fault(&self, dice: &mut Dice) -> Option<&'static str> {
        let call = (dice.roll(3) == 0).then(|| CALLS[dice.roll(CALLS.len())])?;
        match dice.roll(3) {
            0 => self.cloud.node.fail(call, 1, Problem::Permanent("out of order".to_owned())),
            1 => self.cloud.node.fail(call, 1, Problem::Temporary("not now".to_owned())),
            // It is done, but nobody hears of it.
            _ => self.cloud.node.fail_after(call, 1, Problem::Temporary("lost".to_owned())),
        }
        Some(call)
    }

    async fn ask(&self, subject: &Subject, (_, name, body): &Action) -> Answer {
        let path = Self::path(subject);
        let body = body.replace("IMAGE", &self.ready.image).replace("OTHER", &self.flavors[1 - subject.flavor]);
        let body: Value = serde_json::from_str(&body).unwrap();
        let (method, path, body) = match *name {
            "DELETE" => (Method::DELETE, path, None),
            "ATTACH" => {
                let body = json!({"interfaceAttachment": {"net_id": self.ready.network}});
                (Method::POST, format!("{path}/os-interface"), Some(body))
            }
            "DETACH" => {
                let ports = self.cloud.admin.get(&format!("{path}/os-interface")).await.unwrap();
                let port = ports["interfaceAttachments"][0]["port_id"].as_str().unwrap();
                (Method::DELETE, format!("{path}/os-interface/{port}"), None)
            }
            name => (Method::POST, format!("{path}/action"), Some(json!({name: body}))),
        };
        let client = self.cloud.admin.clone().with_header("openstack-api-version", "compute 2.17").unwrap();
        client.request(method, &path, body.as_ref()).await.unwrap()
    }

    /// One action, which the document allows most of the time.
    async fn step(&self, subject: &mut Subject, dice: &mut Dice) {
        let action = self.choose(subject, dice);
        let rule = &self.rules[action.0];
        let fault = self.fault(dice);
        let overtaker = self.overtaker(subject, action.0, dice);
        self.cloud.node.delay_set(if overtaker.is_some() { SLOW } else { Duration::ZERO });
        let answer = self.ask(subject, action).await;
        let overtaker = match overtaker {
            Some((action, after)) => self.overtake(subject, action, after).await,
            None => None,
        };
        self.cloud.settle().await;
        self.cloud.node.heal();
        let action = action.0;
        let context = format!("{action} of a server that is {}, fault {fault:?}, then {overtaker:?}", subject.state);
        if let Some(overtaker) = overtaker {
            self.follow_overtaken(subject, action, overtaker, fault.is_some(), &context).await;
            self.check(subject, &context).await;
            return;
        }
        if !rule.allowed.contains(&subject.state) {
            assert_eq!(answer.status, 409, "{context}");
            self.check(subject, &context).await;
            return;
        }
        // Attaching is waited for: its failure is the answer.
        let failed = action == "Attach" && fault.is_some();
        assert!(failed || answer.status.is_success(), "{context}: {}", String::from_utf8_lossy(&answer.body));
        self.follow(subject, action, rule, fault.is_some(), &context).await;
        self.check(subject, &context).await;
    }

    /// Some of the time something else is asked for a moment later, which takes the place of what is being done, or comes
    /// right after it.
    fn overtaker(&self, subject: &Subject, before: &str, dice: &mut Dice) -> Option<(&'static Action, Duration)> {
        // Deleting what is deleted changes nothing, and what leaves its node or is on none is not kept.
        let stays = self.rules["SoftDelete"].allowed.contains(&subject.state) && before != "ShelveOffload";
        let name = match dice.roll(12) {
            0 => "RebootHard",
            1 | 2 if self.keeps && (stays || before == "Restore") => "SoftDelete",
            _ => return None,
        };
        let after = Duration::from_millis(dice.roll(12) as u64);
        ACTIONS.iter().find(|action| action.0 == name).map(|action| (action, after))
    }

    /// Asks for it, while the node is slow. Returns its name if it was accepted.
    async fn overtake(&self, subject: &Subject, action: &'static Action, after: Duration) -> Option<&'static str> {
        tokio::time::sleep(after).await;
        let answer = self.ask(subject, action).await;
        self.cloud.node.delay_set(Duration::ZERO);
        answer.status.is_success().then_some(action.0)
    }

    /// Brings the model to what two actions made of the server, of which the later one counts.
    async fn follow_overtaken(&self, subject: &mut Subject, action: &str, later: &str, fault: bool, context: &str) {
        let shown = self.cloud.admin.get(&Self::path(subject)).await.unwrap();
        let state = shown["server"]["OS-EXT-STS:vm_state"].as_str().unwrap().to_owned();
        assert!(fault || state == self.rules[later].result, "{context}: it is {state}");
        if action == "Resize" && state == "resized" {
            subject.before_resize.clone_from(&subject.state);
        }
        // Whether a rescue was begun or ended before, only the disks tell.
        let disks = self.cloud.node.disks_of(&subject.id);
        let is_rescued = disks.iter().any(|disk| disk == "rescue");
        let before = if subject.state == "error" { "error" } else { "active" };
        subject.before_delete = if is_rescued { "rescued" } else { before }.to_owned();
        let listed = self.cloud.admin.get(&format!("{}/os-interface", Self::path(subject))).await.unwrap();
        subject.ports = listed["interfaceAttachments"].as_array().unwrap().len();
        assert_eq!(self.cloud.node.taps().len(), subject.ports, "{context}");
        subject.flavor = usize::from(shown["server"]["flavor"]["id"] == json!(self.flavors[1]));
        subject.state = state;
        // The first may have been done in part, and what took its place have failed.
        subject.is_unsure = fault;
    }

    /// Brings the model to what the action made of the server, which must be one of what it may be.
    async fn follow(&self, subject: &mut Subject, action: &str, rule: &Rule, fault: bool, context: &str) {
        let shown = self.cloud.admin.get(&Self::path(subject)).await.unwrap();
        let state = shown["server"]["OS-EXT-STS:vm_state"].as_str().unwrap().to_owned();
        let done: Vec<&str> = match action {
            "ResizeConfirm" => vec!["active", "stopped"],
            "ResizeRevert" => vec![&subject.before_resize],
            "Rebuild" if subject.state == "error" => vec!["active"],
            "Shelve" if !self.keeps => vec!["shelved_offloaded"],
            // It may have been rescued before it was in error.
            "Restore" if subject.before_delete == "error" => vec!["active", "rescued"],
            "Restore" if subject.is_rescued() => vec!["rescued"],
            _ if rule.result.is_empty() => vec![&subject.state],
            _ => vec![&rule.result],
        };
        // A paused server that could not be shelved has lost its memory.
        let back = if subject.state == "paused" && action == "Shelve" { "stopped" } else { &subject.state };
        let mut failed = vec![&subject.state, back];
        failed.extend(MAY_BREAK.contains(&action).then_some("error"));
        // The image is whole; only leaving the node did not work.
        failed.extend((action == "Shelve").then_some("shelved"));
        // A resize is confirmed before the server is deleted.
        let confirms = action == "SoftDelete" && subject.state == "resized";
        failed.extend(confirms.then_some(["active", "stopped"]).into_iter().flatten());
        let fine = done.contains(&state.as_str()) || (fault && failed.contains(&state.as_str()));
        assert!(fine, "{context}: it is {state}, and should be one of {done:?}");
        if action == "Resize" && state == "resized" {
            subject.before_resize.clone_from(&subject.state);
        }
        if action == "SoftDelete" && state == "soft-delete" {
            subject.before_delete.clone_from(&subject.state);
        }
        if matches!(action, "Attach" | "Detach") {
            subject.ports = self.ports_follow(subject, action, fault, context).await;
        }
        let flavor = &shown["server"]["flavor"]["id"];
        subject.flavor = usize::from(*flavor == json!(self.flavors[1]));
        subject.state = state;
    }

    /// How many ports the server has after one came or went, which the node must know too.
    async fn ports_follow(&self, subject: &Subject, action: &str, fault: bool, context: &str) -> usize {
        let listed = self.cloud.admin.get(&format!("{}/os-interface", Self::path(subject))).await.unwrap();
        let ports = listed["interfaceAttachments"].as_array().unwrap().len();
        let done = if action == "Attach" { subject.ports + 1 } else { subject.ports - 1 };
        assert!(ports == done || (fault && ports == subject.ports), "{context}: it has {ports} ports");
        assert_eq!(self.cloud.node.taps().len(), ports, "{context}");
        ports
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
            "stopped" | "suspended" | "shelved" | "soft-delete" => power == Some(PowerState::Shutdown),
            "shelved_offloaded" => power.is_none(),
            _ => true,
        };
        assert!(right || subject.is_unsure, "{context}: it is {} and the node says {power:?}", subject.state);
        let disks = self.cloud.node.disks_of(&subject.id);
        let has = |name: &str| disks.iter().any(|disk| disk == name);
        assert!(!has("copy"), "{context}: {disks:?}");
        if subject.state != "error" {
            assert_eq!(has("rescue"), subject.is_rescued(), "{context}: {disks:?}");
            assert_eq!(has("kept"), subject.state == "resized", "{context}: {disks:?}");
        }
        let cores = if subject.state == "resized" || subject.flavor == 1 { 2 } else { 1 };
        // A server that can only be restored does not count.
        let used = if subject.state == "soft-delete" { 0 } else { cores };
        assert_eq!(self.cores_used().await, used, "{context}");
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
            let mut seed = first + worker;
            // Every other sequence, so that a seed says which it is.
            let ground = Ground::new(seed % 2 == 0).await;
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
