//! The EC2 form: a tree of small texts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Document, Documents};

impl Documents<'_> {
    /// The document at a path below the version.
    pub(super) fn ec2(&self, path: &[&str]) -> Option<Document> {
        match path {
            [] if self.server.user_data.is_some() => Some(Document::Text("meta-data/\nuser-data".to_owned())),
            [] => Some(Document::Text("meta-data/".to_owned())),
            ["user-data"] => self.user_data().map(Document::Bytes),
            ["meta-data", rest @ ..] => self.leaf_or_list(rest).map(Document::Text),
            _ => None,
        }
    }

    /// The leaves of `meta-data`, by path.
    fn leaves(&self) -> BTreeMap<String, String> {
        let server = self.server;
        let fixed = self.ports.iter().flat_map(|port| &port.fixed_ips);
        let fixed = fixed.filter(|fixed| fixed.ip.is_ipv4()).collect::<Vec<_>>();
        let local = fixed.first().map(|fixed| fixed.ip.to_string()).unwrap_or_default();
        let public = fixed.iter().find_map(|fixed| fixed.floating_ips.first()).map(ToString::to_string);
        let groups: Vec<&str> = self.ports.iter().flat_map(|port| &port.security_groups).map(String::as_str).collect();
        let mut leaves: BTreeMap<String, String> = [
            ("ami-id", format!("ami-{}", short(&server.image_id))),
            ("ami-launch-index", server.launch_index.to_string()),
            ("ami-manifest-path", "none".to_owned()),
            ("block-device-mapping/ami", "vda".to_owned()),
            ("block-device-mapping/root", "/dev/vda".to_owned()),
            ("hostname", self.hostname()),
            ("instance-action", "none".to_owned()),
            ("instance-id", format!("i-{:08x}", server.number)),
            ("instance-type", server.flavor.0.name.clone()),
            ("local-hostname", self.hostname()),
            ("local-ipv4", local),
            ("placement/availability-zone", self.zone.clone()),
            ("public-hostname", self.hostname()),
            ("public-ipv4", public.unwrap_or_default()),
            ("reservation-id", server.reservation_id.clone()),
            ("security-groups", if groups.is_empty() { "default".to_owned() } else { groups.join("\n") }),
        ]
        .map(|(path, text)| (path.to_owned(), text))
        .into();
        if let Some(key) = &server.public_key {
            leaves.insert("public-keys/0/openssh-key".to_owned(), key.clone());
        }
        leaves
    }

    fn leaf_or_list(&self, path: &[&str]) -> Option<String> {
        let leaves = self.leaves();
        let path = path.join("/");
        if let Some(text) = leaves.get(&path) {
            return Some(text.clone());
        }
        if path == "public-keys" {
            // The key's name stands in the list in place of its content.
            return self.server.key_name.as_ref().map(|name| format!("0={name}"));
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut names: Vec<String> = leaves
            .keys()
            .filter_map(|leaf| leaf.strip_prefix(&prefix))
            .map(|rest| rest.split_once('/').map_or_else(|| rest.to_owned(), |(head, _)| format!("{head}/")))
            .collect();
        names.dedup();
        (!names.is_empty()).then(|| names.join("\n"))
    }

    /// The whole tree as one object, for the config drive.
    pub(super) fn ec2_json(&self) -> Value {
        let mut tree = json!({});
        for (path, text) in self.leaves() {
            let place = path.split('/').fold(&mut tree, |at, part| &mut at[part]);
            *place = json!(text);
        }
        tree
    }
}

/// Eight hex digits of an id.
fn short(id: &str) -> String {
    id.chars().filter(char::is_ascii_hexdigit).take(8).collect()
}
