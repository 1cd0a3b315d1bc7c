//! Copies of a root disk as it is at one moment.

use std::path::Path;
use std::time::Duration;

use protocol::Problem;
use tokio::process::Command;
use virt::domain::Domain;

use super::connection::problem;
use super::domain::is_active;
use super::domain_xml::GUEST_AGENT;
use super::xml::Element;
use super::{Libvirt, power, raw};
use crate::layout::ServerFile;
use crate::tools;

/// How often a copy in progress is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long the copy of a disk that nobody writes to may take.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

impl Libvirt {
    /// Has the copy beside the root disk.
    pub(super) async fn copy(&self, id: &str, quiesce: bool) -> Result<(), Problem> {
        let layout = &self.options.layout;
        let (root, copy) = (layout.file(id, ServerFile::Root), layout.file(id, ServerFile::Copy));
        let (disk, target) = (layout.qemu_file(id, ServerFile::Root), layout.qemu_file(id, ServerFile::Copy));
        // What an earlier attempt left is not what the disk is now.
        self.copy_end(id).await?;
        remove(&copy).await?;
        let begin = move |domain: &Domain| copy_begin(domain, &disk, &target, quiesce);
        let copied = if self.domain(id, begin).await? {
            self.copy_finish(id).await
        } else {
            let mut convert = Command::new("qemu-img");
            convert.args(["convert", "-q", "-f", "qcow2", "-O", "qcow2"]).arg(&root).arg(&copy);
            tools::run(&mut convert, LIMIT).await.map(drop)
        };
        if copied.is_err() {
            self.copy_end(id).await?;
            remove(&copy).await?;
        }
        copied
    }

    /// Waits until the copy of a running domain's disk is whole.
    async fn copy_finish(&self, id: &str) -> Result<(), Problem> {
        let broken = |why: &str| Problem::Temporary(format!("the root disk could not be copied: {why}"));
        loop {
            let job = self.domain(id, |domain| {
                if !is_active(domain)? {
                    return Ok(raw::Job::Failed);
                }
                let failed = |error| problem("the copy of the root disk cannot be watched", &error);
                match raw::job(domain).map_err(failed)? {
                    raw::Job::None => raw::job_ended(domain).map_err(failed),
                    other => Ok(other),
                }
            });
            match job.await? {
                raw::Job::Completed => return Ok(()),
                raw::Job::Running => tokio::time::sleep(LOOK).await,
                raw::Job::Failed => {
                    return Err(broken("the server went off, or the disk could not be read or written"));
                }
                raw::Job::None => return Err(broken("libvirt does not know how it ended")),
            }
        }
    }

    /// Has no copy in progress.
    async fn copy_end(&self, id: &str) -> Result<(), Problem> {
        loop {
            let running = self.domain(id, |domain| {
                let running = is_active(domain)? && raw::job(domain).is_ok_and(|job| job == raw::Job::Running);
                if running && let Err(error) = raw::job_abort(domain) {
                    tracing::debug!(%error, "a copy in progress cannot be ended yet");
                }
                Ok(running)
            });
            if !running.await? {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Begins to copy the root disk of a running domain; tells whether it runs. The guest writes on meanwhile: the copy is
/// the disk at the moment of its beginning. A guest with an agent has its file systems at rest then; whether that must
/// work says `quiesce`.
fn copy_begin(domain: &Domain, disk: &Path, target: &Path, quiesce: bool) -> Result<bool, Problem> {
    if !is_active(domain)? {
        return Ok(false);
    }
    let xml = domain.xml_desc(0).map_err(|error| problem("the domain cannot be read", &error))?;
    let known = Element::parse(&xml)?;
    let xml = backup_xml(&known, disk, target)?;
    // How another job ended is of no interest here.
    drop(raw::job_ended(domain));
    let mut at_rest = false;
    if quiesce || has_guest_agent(&known) {
        match raw::fs_freeze(domain) {
            Ok(()) => at_rest = true,
            Err(error) if quiesce => return Err(power::agent_problem(&error)),
            Err(error) => tracing::warn!(%error, "the disk is copied although its file systems are in use"),
        }
    }
    let begun = raw::backup_begin(domain, &xml);
    if at_rest {
        match raw::fs_thaw(domain) {
            Ok(()) => tracing::info!("the disk is copied with its file systems at rest"),
            Err(error) => tracing::warn!(%error, "the guest's file systems may still be at rest"),
        }
    }
    begun.map_err(|error| problem("the root disk cannot be copied", &error))?;
    Ok(true)
}

fn has_guest_agent(domain: &Element) -> bool {
    let mut channels = domain.find("devices").into_iter().flat_map(|devices| devices.all("channel"));
    channels.any(|channel| channel.find("target").and_then(|target| target.get("name")) == Some(GUEST_AGENT))
}

/// What libvirt is to copy and where to.
fn backup_xml(domain: &Element, disk: &Path, target: &Path) -> Result<String, Problem> {
    let mut disks = domain.find("devices").into_iter().flat_map(|devices| devices.all("disk"));
    let is_root = |known: &&Element| {
        known.find("source").and_then(|source| source.get("file")).is_some_and(|file| Path::new(file) == disk)
    };
    let root = disks.find(is_root).filter(|root| root.get("device") == Some("disk"));
    let name = root.and_then(|root| root.find("target")?.get("dev"));
    let name = name.ok_or_else(|| Problem::Permanent("the server has no root disk that could be copied".to_owned()))?;
    let disk = Element::new("disk").with("name", name).with("type", "file").with("backup", "yes").children([
        Element::new("target").with("file", target.display()),
        Element::new("driver").with("type", ServerFile::Copy.format()),
    ]);
    Element::new("domainbackup").with("mode", "push").child(Element::new("disks").child(disk)).write()
}

async fn remove(copy: &Path) -> Result<(), Problem> {
    match tokio::fs::remove_file(copy).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Problem::Temporary(format!("{}: {error}", copy.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_disk_is_found_wherever_it_is() {
        let domain = "<domain><devices>\
                      <disk device='disk'><source file='/q/rescue'/><target dev='vda'/></disk>\
                      <disk device='disk'><source file='/q/root'/><target dev='vdb'/></disk></devices></domain>";
        let domain = Element::parse(domain).unwrap();
        let xml = backup_xml(&domain, Path::new("/q/root"), Path::new("/q/copy")).unwrap();
        assert!(xml.contains(r#"name="vdb""#) && xml.contains(r#"<target file="/q/copy"/>"#), "{xml}");
        assert!(matches!(backup_xml(&domain, Path::new("/q/x"), Path::new("/q/copy")), Err(Problem::Permanent(_))));
    }
}
