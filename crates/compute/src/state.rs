//! The states of a server, what may be done in each, and what comes of it: the table that `docs/states.md` shows.

use ::api::{Error, Result};

/// Nothing was started yet.
pub(crate) const BUILDING: &str = "building";
/// It runs.
pub(crate) const ACTIVE: &str = "active";
/// It is off and keeps its place.
pub(crate) const STOPPED: &str = "stopped";
/// Its processors stand still.
pub(crate) const PAUSED: &str = "paused";
/// Its memory is on disk.
pub(crate) const SUSPENDED: &str = "suspended";
/// It runs from a disk for its repair.
pub(crate) const RESCUED: &str = "rescued";
/// It has another size, which waits for being confirmed or reverted.
pub(crate) const RESIZED: &str = "resized";
/// It is off, its disk is an image too, and its node keeps it still.
pub(crate) const SHELVED: &str = "shelved";
/// Its disk is an image, and no node has it.
pub(crate) const SHELVED_OFFLOADED: &str = "shelved_offloaded";
/// It is deleted and can be restored for a while.
pub(crate) const SOFT_DELETED: &str = "soft-delete";
/// Something went wrong; the fault says what.
pub(crate) const ERROR: &str = "error";
/// It is gone.
pub(crate) const DELETED: &str = "deleted";

/// It is on its way out: nothing else may begin.
pub(crate) const DELETING: &str = "deleting";
/// It is switched off, to be kept for a while.
pub(crate) const SOFT_DELETING: &str = "soft-deleting";

/// What users can ask of a server that depends on its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Stop,
    RebootSoft,
    RebootHard,
    Pause,
    Unpause,
    Suspend,
    Resume,
    CrashDump,
    Password,
    Rebuild,
    Rescue,
    Unrescue,
    Snapshot,
    Backup,
    Resize,
    ResizeConfirm,
    ResizeRevert,
    Shelve,
    ShelveOffload,
    Unshelve,
    SoftDelete,
    Restore,
    Attach,
    Detach,
    Metadata,
    Diagnostics,
    Console,
    ConsoleOutput,
}

/// What holds for one action.
struct Rule {
    action: Action,
    /// Its name in messages.
    name: &'static str,
    /// The states that it is allowed in.
    allowed: &'static [&'static str],
    /// The task states that do not forbid it; none never does.
    tasks: &'static [&'static str],
    /// The task state while it goes on; empty for what is over at once.
    task: &'static str,
    /// The state when it is done; empty where it is the one before.
    result: &'static str,
    /// Whether the lock of a server keeps it from those who are not administrators.
    locked: bool,
}

const fn rule(
    action: Action,
    name: &'static str,
    allowed: &'static [&'static str],
    task: &'static str,
    result: &'static str,
) -> Rule {
    Rule { action, name, allowed, tasks: &[], task, result, locked: true }
}

/// The task states in which a server may be restarted by force, as one that hangs in them.
const REBOOTABLE: &[&str] = &["rebooting", "rebooting_hard", "pausing", "unpausing", "suspending", "resuming"];
/// The task states in which a server is deleted so that it can be restored: those of everything that is done to a server on
/// a node, but for deleting it and taking it off.
const KEEPABLE: &[&str] = &[
    "rebooting",
    "rebooting_hard",
    "powering-off",
    "powering-on",
    "pausing",
    "unpausing",
    "suspending",
    "resuming",
    "updating_password",
    "rebuilding",
    "rescuing",
    "unrescuing",
    "image_snapshot",
    "image_backup",
    "image_uploading",
    "resize_prep",
    "resize_migrating",
    "resize_finish",
    "resize_confirming",
    "resize_reverting",
    "shelving",
    "unshelving",
    "restoring",
];
/// Those of them whose work is completed first: undone halfway it would lose the disks that are to be kept. All else is
/// undone.
pub(crate) const COMPLETED_FIRST: &[&str] = &["rebuilding", "resize_reverting"];
const POWER_TASKS: &[&str] = &["rebooting", "rebooting_hard", "powering-off", "powering-on"];
const BOOT_TASKS: &[&str] = &["rebooting", "rebooting_hard", "powering-off", "powering-on", "spawning"];
const DISK_STATES: &[&str] = &[ACTIVE, STOPPED, PAUSED, SUSPENDED];
const KEPT: &[&str] = &[ACTIVE, STOPPED, PAUSED, SUSPENDED, RESCUED, RESIZED, SHELVED, ERROR];
const VISIBLE: &[&str] = &[ACTIVE, ERROR, PAUSED, RESCUED, STOPPED, SUSPENDED, RESIZED];
const VISIBLE_EARLY: &[&str] = &[ACTIVE, ERROR, PAUSED, RESCUED, STOPPED, SUSPENDED, RESIZED, BUILDING];

const RULES: &[Rule] = &[
    rule(Action::Start, "start", &[STOPPED], "powering-on", ACTIVE),
    rule(Action::Stop, "stop", &[ACTIVE, ERROR], "powering-off", STOPPED),
    rule(Action::RebootSoft, "reboot", &[ACTIVE], "rebooting", ACTIVE),
    Rule {
        tasks: REBOOTABLE,
        ..rule(Action::RebootHard, "reboot", &[ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR], "rebooting_hard", ACTIVE)
    },
    rule(Action::Pause, "pause", &[ACTIVE], "pausing", PAUSED),
    rule(Action::Unpause, "unpause", &[PAUSED], "unpausing", ACTIVE),
    rule(Action::Suspend, "suspend", &[ACTIVE], "suspending", SUSPENDED),
    rule(Action::Resume, "resume", &[SUSPENDED], "resuming", ACTIVE),
    rule(Action::CrashDump, "trigger_crash_dump", &[ACTIVE, PAUSED, RESCUED, RESIZED, ERROR], "", ""),
    rule(Action::Password, "changePassword", &[ACTIVE], "updating_password", ""),
    rule(Action::Rebuild, "rebuild", &[ACTIVE, STOPPED, ERROR], "rebuilding", ""),
    rule(Action::Rescue, "rescue", &[ACTIVE, STOPPED, ERROR], "rescuing", RESCUED),
    rule(Action::Unrescue, "unrescue", &[RESCUED], "unrescuing", ACTIVE),
    Rule { locked: false, ..rule(Action::Snapshot, "createImage", DISK_STATES, "image_snapshot", "") },
    Rule { locked: false, ..rule(Action::Backup, "createBackup", DISK_STATES, "image_backup", "") },
    rule(Action::Resize, "resize", &[ACTIVE, STOPPED], "resize_prep", RESIZED),
    rule(Action::ResizeConfirm, "confirmResize", &[RESIZED], "resize_confirming", ""),
    rule(Action::ResizeRevert, "revertResize", &[RESIZED], "resize_reverting", ""),
    rule(Action::Shelve, "shelve", DISK_STATES, "shelving", SHELVED),
    rule(Action::ShelveOffload, "shelveOffload", &[SHELVED], "shelving_offloading", SHELVED_OFFLOADED),
    rule(Action::Unshelve, "unshelve", &[SHELVED, SHELVED_OFFLOADED], "unshelving", ACTIVE),
    Rule { tasks: KEEPABLE, ..rule(Action::SoftDelete, "delete", KEPT, SOFT_DELETING, SOFT_DELETED) },
    rule(Action::Restore, "restore", &[SOFT_DELETED], "restoring", ACTIVE),
    rule(Action::Attach, "attach_interface", &[ACTIVE, PAUSED, STOPPED], "", ""),
    rule(Action::Detach, "detach_interface", &[ACTIVE, PAUSED, STOPPED], "", ""),
    rule(Action::Metadata, "update metadata", &[ACTIVE, PAUSED, SUSPENDED, STOPPED], "", ""),
    Rule {
        locked: false,
        ..rule(Action::Diagnostics, "get_diagnostics", &[ACTIVE, PAUSED, RESCUED, RESIZED, SUSPENDED], "", "")
    },
    Rule { locked: false, tasks: POWER_TASKS, ..rule(Action::Console, "get_vnc_console", VISIBLE, "", "") },
    Rule {
        locked: false,
        tasks: BOOT_TASKS,
        ..rule(Action::ConsoleOutput, "get_console_output", VISIBLE_EARLY, "", "")
    },
];

impl Action {
    fn rule(self) -> &'static Rule {
        // Every action has a row, which a test checks; the first stands in for one that has none.
        RULES.iter().find(|rule| rule.action == self).unwrap_or(&RULES[0])
    }

    /// Its name in messages.
    pub(crate) fn name(self) -> &'static str {
        self.rule().name
    }

    /// The task state while it goes on; empty for what is over at once.
    pub(crate) fn task(self) -> &'static str {
        self.rule().task
    }

    /// The state when it is done; empty where it is the one before.
    pub(crate) fn result(self) -> &'static str {
        self.rule().result
    }

    /// Whether the lock of a server keeps it from those who are not administrators.
    pub(crate) fn needs_key(self) -> bool {
        self.rule().locked
    }

    /// Whether a server in these states permits it; 409 says which state does not.
    pub(crate) fn check(self, server_id: &str, vm_state: &str, task_state: &str) -> Result<()> {
        let rule = self.rule();
        let refused = if !rule.allowed.contains(&vm_state) {
            ("vm_state", vm_state)
        } else if !task_state.is_empty() && !rule.tasks.contains(&task_state) {
            ("task_state", task_state)
        } else {
            return Ok(());
        };
        Err(Error::conflict(format!(
            "Cannot '{}' instance {server_id} while it is in {} {}",
            rule.name, refused.0, refused.1
        )))
    }
}

/// What users see of one state: the word, and the words for tasks that show instead of it.
struct Status(&'static str, &'static str, &'static [(&'static str, &'static str)]);

const REBUILD_TASK: (&str, &str) = ("rebuilding", "REBUILD");
const RESIZE_TASKS: [(&str, &str); 3] =
    [("resize_prep", "RESIZE"), ("resize_migrating", "RESIZE"), ("resize_finish", "RESIZE")];
const HARD_TASK: (&str, &str) = ("rebooting_hard", "HARD_REBOOT");

const STATUSES: &[Status] = &[
    Status(
        ACTIVE,
        "ACTIVE",
        &[
            ("rebooting", "REBOOT"),
            HARD_TASK,
            ("updating_password", "PASSWORD"),
            REBUILD_TASK,
            RESIZE_TASKS[0],
            RESIZE_TASKS[1],
            RESIZE_TASKS[2],
        ],
    ),
    Status(BUILDING, "BUILD", &[]),
    Status(STOPPED, "SHUTOFF", &[HARD_TASK, REBUILD_TASK, RESIZE_TASKS[0], RESIZE_TASKS[1], RESIZE_TASKS[2]]),
    Status(RESIZED, "VERIFY_RESIZE", &[("resize_reverting", "REVERT_RESIZE")]),
    Status(PAUSED, "PAUSED", &[]),
    Status(SUSPENDED, "SUSPENDED", &[]),
    Status(RESCUED, "RESCUE", &[]),
    Status(ERROR, "ERROR", &[HARD_TASK, REBUILD_TASK]),
    Status(DELETED, "DELETED", &[]),
    Status(SOFT_DELETED, "SOFT_DELETED", &[]),
    Status(SHELVED, "SHELVED", &[]),
    Status(SHELVED_OFFLOADED, "SHELVED_OFFLOADED", &[]),
];

/// The one word that users see for the two states.
pub(crate) fn status(vm_state: &str, task_state: &str) -> &'static str {
    let Some(Status(_, usual, tasks)) = STATUSES.iter().find(|status| status.0 == vm_state) else { return "UNKNOWN" };
    tasks.iter().find(|(task, _)| *task == task_state).map_or(usual, |(_, word)| word)
}

/// The states that a status in a filter stands for: for each `vm_state` the task states that it needs, or those that it
/// must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meant {
    pub(crate) vm_state: &'static str,
    /// Whether `tasks` are the ones that it needs.
    pub(crate) needs: bool,
    pub(crate) tasks: Vec<&'static str>,
}

/// What a status in a filter means; `None` if there is no such status.
pub(crate) fn states_of(status: &str) -> Option<Vec<Meant>> {
    let word = status.to_ascii_uppercase();
    let mut meant = Vec::new();
    for Status(vm_state, usual, tasks) in STATUSES {
        let with = |needs: bool| {
            let tasks = tasks.iter().filter(|(_, shown)| !needs || *shown == word).map(|(task, _)| *task);
            Meant { vm_state, needs, tasks: tasks.collect() }
        };
        if *usual == word {
            meant.push(with(false));
        } else if tasks.iter().any(|(_, shown)| *shown == word) {
            meant.push(with(true));
        }
    }
    (!meant.is_empty()).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_rule() {
        for rule in RULES {
            assert_eq!(RULES.iter().filter(|other| other.action == rule.action).count(), 1, "{:?}", rule.action);
        }
        // The last variant: with it the table is as long as the list of actions.
        assert_eq!(RULES.len(), Action::ConsoleOutput as usize + 1);
    }

    #[test]
    fn a_server_on_its_way_out_permits_nothing() {
        for rule in RULES {
            for vm_state in STATUSES.iter().map(|status| status.0) {
                assert!(rule.action.check("s", vm_state, DELETING).is_err(), "{} {vm_state}", rule.name);
            }
        }
    }

    /// Whatever can be done to a server, it can be deleted and kept meanwhile.
    #[test]
    fn every_task_gives_way_to_a_delete_that_can_be_taken_back() {
        for rule in RULES.iter().filter(|rule| !rule.task.is_empty() && rule.action != Action::SoftDelete) {
            let leaves = rule.action == Action::ShelveOffload;
            assert_eq!(KEEPABLE.contains(&rule.task), !leaves, "{}", rule.name);
        }
        assert!(COMPLETED_FIRST.iter().all(|task| KEEPABLE.contains(task)));
    }

    #[test]
    fn refusals_name_the_state() {
        let error = Action::Start.check("s", ACTIVE, "").unwrap_err();
        assert_eq!(error.message, "Cannot 'start' instance s while it is in vm_state active");
        assert_eq!(error.kind, ::api::Kind::Conflict);
        let error = Action::RebootSoft.check("s", ACTIVE, "powering-off").unwrap_err();
        assert_eq!(error.message, "Cannot 'reboot' instance s while it is in task_state powering-off");
    }

    #[test]
    fn statuses_follow_from_states_and_back() {
        for Status(vm_state, ..) in STATUSES {
            for task_state in ["", "rebooting_hard", "powering-on", "rebuilding", "resize_prep", DELETING] {
                let meant = states_of(status(vm_state, task_state)).unwrap();
                let mine = meant.iter().find(|meant| meant.vm_state == *vm_state).unwrap();
                assert_eq!(mine.tasks.contains(&task_state), mine.needs, "{vm_state} {task_state}");
            }
        }
        assert_eq!(states_of("NONSENSE"), None);
    }

    /// The document shows the table as it is.
    #[test]
    fn the_document_shows_the_table() {
        let mut table = String::from("| action | allowed in | task state | afterwards | kept by a lock |\n");
        table.push_str("| --- | --- | --- | --- | --- |\n");
        for rule in RULES {
            let allowed = rule.allowed.join(", ");
            let also = match rule.tasks {
                [] => String::new(),
                tasks => format!("; also while {}", tasks.join(", ")),
            };
            let word = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
            table.push_str(&format!(
                "| {} | {allowed}{also} | {} | {} | {} |\n",
                variant(rule.action),
                word(rule.task),
                word(rule.result),
                if rule.locked { "yes" } else { "no" },
            ));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/states.md");
        let document = std::fs::read_to_string(path).unwrap();
        assert!(document.contains(&table), "docs/states.md must contain:\n{table}");
    }

    fn variant(action: Action) -> String {
        format!("{action:?}")
    }
}
