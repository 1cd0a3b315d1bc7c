use std::process::{Output, Stdio};
use std::time::Duration;

use protocol::Problem;
use tokio::process::Command;

/// How long a tool may take that only touches a file's headers or the kernel's tables.
pub(crate) const SHORT: Duration = Duration::from_secs(60);

/// Runs a tool to its end and gives what it printed; what it complained about if it failed or took too long.
pub(crate) async fn run(command: &mut Command, limit: Duration) -> Result<Vec<u8>, Problem> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(limit, command.output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(output.stdout),
        Ok(Ok(output)) => Err(Problem::Temporary(format!("{name}: {}", complaint(&output)))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Problem::Temporary(format!("{name} is not installed on the node: install it")))
        }
        Ok(Err(error)) => Err(Problem::Temporary(format!("{name} cannot be run: {error}"))),
        Err(_) => Err(Problem::Temporary(format!("{name} took longer than {limit:?}"))),
    }
}

/// Why a tool failed, in its own words.
pub(crate) fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    match text.trim() {
        "" => output.status.to_string(),
        text => text.chars().take(2000).collect(),
    }
}
