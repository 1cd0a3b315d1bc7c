//! The states of a server and what may be done in each.

use ::api::{Error, Result};

/// Nothing was started yet.
pub(crate) const BUILDING: &str = "building";
/// It runs.
pub(crate) const ACTIVE: &str = "active";
/// It is off and keeps its place.
pub(crate) const STOPPED: &str = "stopped";
/// Something went wrong; the fault says what.
pub(crate) const ERROR: &str = "error";
/// It is gone.
pub(crate) const DELETED: &str = "deleted";

/// It is on its way out: nothing else may begin.
pub(crate) const DELETING: &str = "deleting";

/// What users can ask of a server that depends on its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Stop,
    RebootSoft,
    RebootHard,
    Console,
    ConsoleOutput,
}

/// One row per action: its name in messages, the states that it is allowed in, the task states that do not forbid it
/// (none is always allowed) and the task state that it sets.
struct Rule {
    action: Action,
    name: &'static str,
    allowed: &'static [&'static str],
    tasks: &'static [&'static str],
    task: &'static str,
}

const RULES: &[Rule] = &[
    Rule { action: Action::Start, name: "start", allowed: &[STOPPED], tasks: &[], task: "powering-on" },
    Rule { action: Action::Stop, name: "stop", allowed: &[ACTIVE, ERROR], tasks: &[], task: "powering-off" },
    Rule { action: Action::RebootSoft, name: "reboot", allowed: &[ACTIVE], tasks: &[], task: "rebooting" },
    Rule {
        action: Action::RebootHard,
        name: "reboot",
        allowed: &[ACTIVE, STOPPED, "paused", "suspended", ERROR],
        tasks: &["rebooting", "rebooting_hard"],
        task: "rebooting_hard",
    },
    Rule {
        action: Action::Console,
        name: "get_vnc_console",
        allowed: &[ACTIVE, ERROR, "paused", "rescued", STOPPED, "suspended"],
        tasks: &["rebooting", "rebooting_hard", "powering-off", "powering-on"],
        task: "",
    },
    Rule {
        action: Action::ConsoleOutput,
        name: "get_console_output",
        allowed: &[ACTIVE, ERROR, "paused", "rescued", STOPPED, "suspended", BUILDING],
        tasks: &["rebooting", "rebooting_hard", "powering-off", "powering-on", "spawning"],
        task: "",
    },
];

fn rule(action: Action) -> &'static Rule {
    // Every action has a row, which a test checks; the first stands in for one that has none.
    RULES.iter().find(|rule| rule.action == action).unwrap_or(&RULES[0])
}

impl Action {
    /// The task state while it goes on.
    pub(crate) fn task(self) -> &'static str {
        rule(self).task
    }

    /// Whether a server in these states permits it; 409 says which state does not.
    pub(crate) fn check(self, server_id: &str, vm_state: &str, task_state: &str) -> Result<()> {
        let rule = rule(self);
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

/// The one word that users see for the two states.
pub(crate) fn status(vm_state: &str, task_state: &str) -> &'static str {
    match (vm_state, task_state) {
        (ACTIVE, "rebooting" | "reboot_pending" | "reboot_started") => "REBOOT",
        (ACTIVE | STOPPED | ERROR, "rebooting_hard" | "reboot_pending_hard" | "reboot_started_hard") => "HARD_REBOOT",
        (ACTIVE, _) => "ACTIVE",
        (BUILDING, _) => "BUILD",
        (STOPPED, _) => "SHUTOFF",
        (DELETED, _) => "DELETED",
        (ERROR, _) => "ERROR",
        ("paused", _) => "PAUSED",
        ("suspended", _) => "SUSPENDED",
        _ => "UNKNOWN",
    }
}

/// The states that a status in a filter stands for: `vm_state` and, where it decides, the task states that it needs.
pub(crate) fn states_of(status: &str) -> Option<(&'static [&'static str], Option<&'static [&'static str]>)> {
    Some(match status.to_ascii_uppercase().as_str() {
        "ACTIVE" => (&[ACTIVE], Some(&["", DELETING, "powering-off", "powering-on", "spawning"])),
        "REBOOT" => (&[ACTIVE], Some(&["rebooting"])),
        "HARD_REBOOT" => (&[ACTIVE, STOPPED, ERROR], Some(&["rebooting_hard"])),
        "BUILD" => (&[BUILDING], None),
        "SHUTOFF" => (&[STOPPED], Some(&["", DELETING, "powering-off", "powering-on"])),
        "ERROR" => (&[ERROR], Some(&["", DELETING, "powering-off", "powering-on"])),
        "DELETED" => (&[DELETED], None),
        "PAUSED" => (&["paused"], None),
        "SUSPENDED" => (&["suspended"], None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 6] =
        [Action::Start, Action::Stop, Action::RebootSoft, Action::RebootHard, Action::Console, Action::ConsoleOutput];

    #[test]
    fn every_action_has_its_rule() {
        for action in ACTIONS {
            assert_eq!(rule(action).action, action);
        }
    }

    #[test]
    fn a_server_on_its_way_out_permits_nothing() {
        for action in ACTIONS {
            assert!(action.check("s", ACTIVE, DELETING).is_err());
        }
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
        for vm_state in [ACTIVE, BUILDING, STOPPED, ERROR] {
            for task_state in ["", "rebooting_hard", "powering-on", DELETING] {
                let (states, tasks) = states_of(status(vm_state, task_state)).unwrap();
                assert!(states.contains(&vm_state), "{vm_state} {task_state}");
                assert!(tasks.is_none_or(|tasks| tasks.contains(&task_state)), "{vm_state} {task_state}");
            }
        }
    }
}
