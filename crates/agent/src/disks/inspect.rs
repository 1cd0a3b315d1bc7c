use std::path::Path;
use std::time::Duration;

use protocol::Problem;
use serde::Deserialize;
use tokio::process::Command;

use crate::tools;

/// How long a header may be read: one that takes longer was made to do harm.
const LIMIT: Duration = Duration::from_secs(30);
/// What reading it may take, for `prlimit`: memory in bytes, processor time in seconds.
const LIMITS: [&str; 2] = ["--as=1073741824", "--cpu=10"];

/// QEMU's name of an image's format.
pub(super) fn qemu_format(disk_format: &str) -> Result<&'static str, Problem> {
    Ok(match disk_format {
        "raw" | "iso" | "ami" => "raw",
        "qcow2" => "qcow2",
        "vmdk" => "vmdk",
        "vdi" => "vdi",
        "vhdx" => "vhdx",
        "vhd" => "vpc",
        other => {
            let text = format!("servers cannot start from an image in format {other}: use raw or qcow2");
            return Err(Problem::Permanent(text));
        }
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    virtual_size: u64,
    backing_filename: Option<String>,
    format_specific: Option<FormatSpecific>,
}

#[derive(Debug, Deserialize)]
struct FormatSpecific {
    data: serde_json::Value,
}

/// Looks at an image's header and gives the size of its disk in bytes. One that draws on other files is refused: they
/// would be the node's.
pub(super) async fn inspect(path: &Path, format: &str) -> Result<u64, Problem> {
    let mut command = Command::new("prlimit");
    command.args(LIMITS).args(["qemu-img", "info", "--output=json", "-f", format]).arg(path);
    let printed = tools::run(&mut command, LIMIT)
        .await
        .map_err(|problem| Problem::Permanent(format!("the image is not valid as {format}: {problem}")))?;
    virtual_size(&printed)
}

fn virtual_size(printed: &[u8]) -> Result<u64, Problem> {
    let info: Info = serde_json::from_slice(printed)
        .map_err(|error| Problem::Temporary(format!("what qemu-img says of the image is not understood: {error}")))?;
    if info.backing_filename.is_some() {
        return Err(Problem::Permanent("the image has a backing file: flatten it before uploading it".to_owned()));
    }
    let data = info.format_specific.map(|specific| specific.data).unwrap_or_default();
    if data.get("data-file").is_some_and(|file| !file.is_null()) {
        return Err(Problem::Permanent("the image keeps its data in another file: convert it".to_owned()));
    }
    if data.get("extents").and_then(serde_json::Value::as_array).is_some_and(|extents| extents.len() > 1) {
        return Err(Problem::Permanent("the image is made of several files: convert it to one".to_owned()));
    }
    Ok(info.virtual_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_draw_on_other_files_are_refused() {
        assert_eq!(virtual_size(br#"{"virtual-size": 5, "format": "raw"}"#), Ok(5));
        for image in [
            r#"{"virtual-size": 5, "backing-filename": "/etc/shadow"}"#,
            r#"{"virtual-size": 5, "format-specific": {"type": "qcow2", "data": {"data-file": "/etc/shadow"}}}"#,
            r#"{"virtual-size": 5, "format-specific": {"type": "vmdk", "data": {"extents": [{}, {}]}}}"#,
        ] {
            assert!(matches!(virtual_size(image.as_bytes()), Err(Problem::Permanent(_))), "{image}");
        }
    }

    #[test]
    fn formats_that_qemu_does_not_know_are_refused() {
        assert_eq!(qemu_format("vhd"), Ok("vpc"));
        assert!(matches!(qemu_format("aki"), Err(Problem::Permanent(_))));
    }
}
