//! What a guest learns about itself: the documents of the metadata service and of the config drive.

mod ec2;
mod network_data;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use network::PortInfo;
use serde_json::{Value, json};

use crate::server::Server;

/// Versions of the OpenStack form; all have the same content.
pub(crate) const VERSIONS: &[&str] = &[
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
];

/// Versions of the EC2 form.
pub(crate) const EC2_VERSIONS: &[&str] = &[
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "latest",
];

/// The domain of guests' names.
const DOMAIN: &str = "novalocal";

/// What the documents are made from.
pub(crate) struct Documents<'a> {
    pub(crate) server: &'a Server,
    pub(crate) ports: &'a [PortInfo],
    pub(crate) zone: String,
    /// Known only while the server is being made.
    pub(crate) admin_pass: Option<&'a str>,
    /// Fresh randomness for the guest.
    pub(crate) seed: [u8; 512],
}

/// A metadata answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    Json(Value),
    Text(String),
    Bytes(Vec<u8>),
}

impl Documents<'_> {
    /// The document at a path such as `openstack/latest/meta_data.json`; `None` if there is none.
    pub(crate) fn at(&self, path: &str) -> Option<Document> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            [] => Some(Document::Text(EC2_VERSIONS.join("\n"))),
            ["openstack"] => Some(Document::Text(VERSIONS.join("\n"))),
            ["openstack", "content", name] => self.file(&format!("/content/{name}")),
            ["openstack", version, rest @ ..] if VERSIONS.contains(version) => self.openstack(rest),
            [version, rest @ ..] if EC2_VERSIONS.contains(version) => self.ec2(rest),
            _ => None,
        }
    }

    fn openstack(&self, path: &[&str]) -> Option<Document> {
        Some(match path {
            [] => {
                let mut names =
                    vec!["meta_data.json", "password", "vendor_data.json", "vendor_data2.json", "network_data.json"];
                if self.server.user_data.is_some() {
                    names.insert(2, "user_data");
                }
                Document::Text(names.join("\n"))
            }
            ["meta_data.json"] => Document::Json(self.meta_data()),
            ["network_data.json"] => Document::Json(self.network_data()),
            ["vendor_data.json" | "vendor_data2.json"] => Document::Json(json!({})),
            ["user_data"] => Document::Bytes(self.user_data()?),
            ["password"] => Document::Text(self.server.password.clone()),
            _ => return None,
        })
    }

    /// A file that the user gave, by where the metadata say that its content is.
    fn file(&self, path: &str) -> Option<Document> {
        let content = self.server.personality.0.values().enumerate().find(|(index, _)| content_path(*index) == path)?.1;
        STANDARD.decode(content.split_whitespace().collect::<String>()).ok().map(Document::Bytes)
    }

    /// What the user gave for the guest.
    fn user_data(&self) -> Option<Vec<u8>> {
        let text: String = self.server.user_data.as_deref()?.split_whitespace().collect();
        STANDARD.decode(text).ok()
    }

    fn hostname(&self) -> String {
        format!("{}.{DOMAIN}", self.server.hostname)
    }

    fn meta_data(&self) -> Value {
        let server = self.server;
        let mut document = json!({
            "uuid": server.id,
            "name": server.name,
            "hostname": self.hostname(),
            "availability_zone": self.zone,
            "launch_index": server.launch_index,
            "project_id": server.project_id,
            "random_seed": STANDARD.encode(self.seed),
            "devices": self.devices(),
            "dedicated_cpus": [],
        });
        if !server.metadata.0.is_empty() {
            document["meta"] = json!(server.metadata.0);
        }
        if let (Some(name), Some(key)) = (&server.key_name, &server.public_key) {
            document["public_keys"] = json!({name: key});
            document["keys"] = json!([{"name": name, "type": server.key_type, "data": key}]);
        }
        let files = server.personality.0.keys().enumerate();
        let files: Vec<Value> =
            files.map(|(index, path)| json!({"path": path, "content_path": content_path(index)})).collect();
        if !files.is_empty() {
            document["files"] = json!(files);
        }
        if let Some(password) = self.admin_pass.filter(|password| !password.is_empty()) {
            document["admin_pass"] = json!(password);
        }
        document
    }

    /// Interfaces and disks that the user labelled.
    fn devices(&self) -> Vec<Value> {
        let labelled = self.ports.iter().filter_map(|port| Some((port, port.tag.as_deref()?)));
        labelled
            .map(|(port, tag)| {
                json!({"type": "nic", "bus": "none", "address": "none", "mac": port.mac_address, "tags": [tag]})
            })
            .chain(self.labelled_disks())
            .collect()
    }

    /// Disks that the user labelled, by the names that the guest gives them.
    fn labelled_disks(&self) -> impl Iterator<Item = Value> {
        let bus = self.server.image.0.properties.get("hw_disk_bus").map_or("virtio", String::as_str);
        let prefix = match bus {
            "virtio" => "vd",
            "ide" => "hd",
            _ => "sd",
        };
        ('a'..='z').zip(&self.server.local_disks.0.tags).filter_map(move |(letter, tag)| {
            let path = format!("/dev/{prefix}{letter}");
            Some(json!({"type": "disk", "bus": bus, "address": "none", "path": path, "tags": [tag.as_ref()?]}))
        })
    }

    /// The files of the config drive: path, and content in base64.
    pub(crate) fn config_drive(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for name in ["meta_data.json", "network_data.json", "vendor_data.json", "vendor_data2.json", "user_data"] {
            if let Some(document) = self.openstack(&[name]) {
                files.insert(format!("openstack/latest/{name}"), STANDARD.encode(document.bytes()));
            }
        }
        for (index, content) in self.server.personality.0.values().enumerate() {
            files.insert(format!("openstack{}", content_path(index)), content.clone());
        }
        files.insert("ec2/latest/meta-data.json".to_owned(), STANDARD.encode(self.ec2_json().to_string()));
        if let Some(user_data) = self.user_data() {
            files.insert("ec2/latest/user-data".to_owned(), STANDARD.encode(user_data));
        }
        files
    }
}

/// Where a file that the user gave is on the config drive, below `openstack`.
fn content_path(index: usize) -> String {
    format!("/content/{index:04}")
}

impl Document {
    /// What goes over the wire, or onto the drive.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}
