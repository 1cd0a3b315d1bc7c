//! OVN's databases and its translator, for one test.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::ovn::{Backend, Options};

/// A process, killed when dropped.
pub struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A northbound and a southbound database with `ovn-northd` between them.
pub struct Ovn {
    pub backend: Backend,
    pub north: ovsdb::Client,
    pub south: ovsdb::Client,
    pub north_remote: String,
    pub south_remote: String,
    _processes: Vec<Process>,
    _directory: tempfile::TempDir,
}

impl Ovn {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut processes = Vec::new();
        let mut remotes = Vec::new();
        for name in ["nb", "sb"] {
            let database = directory.path().join(format!("{name}.db"));
            let schema = format!("/usr/share/ovn/ovn-{name}.ovsschema");
            run("ovsdb-tool", &["create", text(&database), &schema]);
            let remote = format!("unix:{}", directory.path().join(format!("{name}.sock")).display());
            let arguments = [format!("--remote=p{remote}"), text(&database).to_owned()];
            processes.push(spawn(directory.path(), "ovsdb-server", name, &arguments));
            remotes.push(remote);
        }
        let arguments = [format!("--ovnnb-db={}", remotes[0]), format!("--ovnsb-db={}", remotes[1])];
        processes.push(spawn(directory.path(), "ovn-northd", "northd", &arguments));
        let backend = Backend::new(Options::new(&remotes[0], &remotes[1])).unwrap();
        let client = |remote: &str| ovsdb::Client::connect(remote).unwrap();
        let (north, south) = (client(&remotes[0]), client(&remotes[1]));
        let [north_remote, south_remote] = remotes.try_into().unwrap();
        Self { backend, north, south, north_remote, south_remote, _processes: processes, _directory: directory }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn spawn(directory: &Path, program: &str, name: &str, arguments: &[String]) -> Process {
    let mut command = Command::new(program);
    command.args(arguments);
    daemon(command, directory, name)
}

/// Starts one of Open vSwitch's or OVN's daemons, which must not detach.
pub fn daemon(mut command: Command, directory: &Path, name: &str) -> Process {
    if name != "ovn-controller" {
        command.arg(format!("--unixctl={}", directory.join(format!("{name}.ctl")).display()));
    }
    command
        .args(["--no-chdir", "-vconsole:off", "-vsyslog:off"])
        .env("OVN_RUNDIR", directory)
        .env("OVS_RUNDIR", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Process(command.spawn().expect("Open vSwitch and OVN are needed: install them"))
}

/// Runs a program that must succeed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|_| panic!("{program} is needed"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
