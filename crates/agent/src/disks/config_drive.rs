use std::collections::BTreeMap;
use std::path::{Component, Path};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use protocol::Problem;
use tokio::process::Command;

use crate::tools;

/// Makes a config drive at `path` of files (path and content in base64).
pub(super) async fn make(path: &Path, files: &BTreeMap<String, String>) -> Result<(), Problem> {
    let content = path.with_extension("files");
    files_write(&content, files)?;
    let mut command = Command::new("genisoimage");
    command
        .args(["-quiet", "-ldots", "-allow-lowercase", "-allow-multidot", "-l", "-J", "-r", "-V", "config-2"])
        .args(["-publisher", "ferrostack", "-o"])
        .arg(path)
        .arg(&content);
    let made = tools::run(&mut command, tools::SHORT).await;
    drop(std::fs::remove_dir_all(&content));
    made.map(drop)
}

fn files_write(dir: &Path, files: &BTreeMap<String, String>) -> Result<(), Problem> {
    let failed = |path: &Path, error| Problem::Temporary(format!("{}: {error}", path.display()));
    // An earlier attempt may have left some.
    drop(std::fs::remove_dir_all(dir));
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for (name, content) in files {
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Problem::Permanent(format!("the config drive cannot have a file {name:?}")));
        }
        let content = BASE64_STANDARD
            .decode(content)
            .map_err(|error| Problem::Permanent(format!("the config drive's file {name:?} is not base64: {error}")))?;
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, content))
            .map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_in_their_folder() {
        let dir = tempfile::tempdir().unwrap();
        let content = dir.path().join("config.files");
        let one = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
        files_write(&content, &one("openstack/latest/user_data", "aGk=")).unwrap();
        assert_eq!(std::fs::read(content.join("openstack/latest/user_data")).unwrap(), b"hi");
        for (name, text) in [("../x", "aGk="), ("/x", "aGk="), ("a/../../x", "aGk="), ("x", "?")] {
            assert!(matches!(files_write(&content, &one(name, text)), Err(Problem::Permanent(_))), "{name}");
        }
    }
}
