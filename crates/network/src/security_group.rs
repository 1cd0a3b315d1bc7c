//! Security groups and their rules.

use std::collections::BTreeMap;

use api::{Error, Page, Query, Result};
use identity::Caller;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::access::{conflict, guard, invalid, missing, of_project, owner, visible};
use crate::model::{SecurityGroup, SecurityRule};
use crate::write::Write;
use crate::{Kind, Network, quota, store};

/// What is said of a new group.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Create {
    name: Option<String>,
    description: Option<String>,
    #[serde(alias = "tenant_id")]
    project_id: Option<String>,
    stateful: Option<bool>,
}

/// What is said anew of a group.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Update {
    name: Option<String>,
    description: Option<String>,
    stateful: Option<bool>,
}

/// What is said of a new rule.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuleCreate {
    security_group_id: String,
    description: Option<String>,
    #[serde(alias = "tenant_id")]
    project_id: Option<String>,
    direction: String,
    ethertype: Option<String>,
    protocol: Option<Value>,
    port_range_min: Option<Value>,
    port_range_max: Option<Value>,
    remote_ip_prefix: Option<String>,
    remote_group_id: Option<String>,
}

/// Protocols that have a name, with their numbers.
const PROTOCOLS: &[(&str, i64)] = &[
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("esp", 50),
    ("gre", 47),
    ("icmp", 1),
    ("icmpv6", 58),
    ("igmp", 2),
    ("ipip", 4),
    ("ipv6-encap", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("ospf", 89),
    ("pgm", 113),
    ("rsvp", 46),
    ("sctp", 132),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vrrp", 112),
];

pub(crate) fn not_found(id: &str) -> Error {
    missing("SecurityGroupNotFound", "Security group", id)
}

fn rule_not_found(id: &str) -> Error {
    missing("SecurityGroupRuleNotFound", "Security group rule", id)
}

impl Network {
    /// The groups that the caller sees and the query asks for.
    pub async fn security_group_list(&self, caller: &Caller, query: &Query, page: &Page) -> Result<Vec<SecurityGroup>> {
        if let Some(project) = &caller.token.project_id
            && store::security_group::default_of(&self.0.db, project).await?.is_none()
        {
            let mut write = self.write().await?;
            self.default_group_ensure(&mut write, project).await?;
            self.commit(write).await?;
        }
        let visible = visible(caller, store::security_group::VISIBLE);
        let mut groups = store::list::rows(&self.0.db, &store::security_group::TABLE, query, page, visible).await?;
        store::security_group::complete((&self.0.db).into(), &mut groups).await?;
        Ok(groups)
    }

    /// A group; 404 unless the caller sees it.
    pub async fn security_group_show(&self, caller: &Caller, id: &str) -> Result<SecurityGroup> {
        self.security_group_for(caller, id, "get_security_group").await
    }

    pub(crate) async fn security_group_for(&self, caller: &Caller, id: &str, action: &str) -> Result<SecurityGroup> {
        let group =
            store::security_group::get(&self.0.db, &[id.to_owned()]).await?.remove(id).ok_or_else(|| not_found(id))?;
        let target = of_project(&group.standard.project_id);
        guard(caller, "get_security_group", action, &target, || not_found(id))?;
        Ok(group)
    }

    /// Makes groups.
    pub async fn security_group_create(&self, caller: &Caller, creates: Vec<Create>) -> Result<Vec<SecurityGroup>> {
        let mut write = self.write().await?;
        let mut groups = Vec::new();
        for create in creates {
            let project = owner(caller, create.project_id)?;
            caller.allow("create_security_group", &of_project(&project))?;
            if create.name.as_deref() == Some("default") {
                return Err(default_name());
            }
            self.default_group_ensure(&mut write, &project).await?;
            quota::claim(&mut write.tx, &self.0.identity, &project, "security_group", 1).await?;
            let mut group = SecurityGroup {
                standard: self.standard(&project, create.name, create.description, write.now)?,
                stateful: create.stateful.unwrap_or(true),
                is_default: false,
                rules: Vec::new(),
            };
            store::security_group::create(&mut write.tx, &group).await?;
            group.rules = self.first_rules(&group, write.now)?;
            self.rules_insert(&mut write, &group.rules).await?;
            write.changed(Kind::SecurityGroup, &group.standard.id);
            groups.push(group);
        }
        self.commit(write).await?;
        Ok(groups)
    }

    /// What a new group permits: everything out, and in a default one everything from its own ports in.
    fn first_rules(&self, group: &SecurityGroup, now: Timestamp) -> Result<Vec<SecurityRule>> {
        let mut rules = Vec::new();
        for (direction, ethertype) in [("egress", "IPv4"), ("egress", "IPv6"), ("ingress", "IPv4"), ("ingress", "IPv6")]
        {
            if direction == "ingress" && !group.is_default {
                continue;
            }
            rules.push(SecurityRule {
                standard: self.standard(&group.standard.project_id, None, None, now)?,
                group_id: group.standard.id.clone(),
                direction: direction.to_owned(),
                ethertype: ethertype.to_owned(),
                protocol: None,
                port_range_min: None,
                port_range_max: None,
                remote_ip_prefix: None,
                remote_group_id: (direction == "ingress").then(|| group.standard.id.clone()),
            });
        }
        Ok(rules)
    }

    async fn rules_insert(&self, write: &mut Write, rules: &[SecurityRule]) -> Result<()> {
        for rule in rules {
            quota::count(&mut write.tx, &self.0.identity, &rule.standard.project_id, "security_group_rule", 1).await?;
            store::security_group::rule_create(&mut write.tx, rule, &meaning(rule)).await?;
        }
        Ok(())
    }

    /// The project's `default` group; made on first use.
    pub(crate) async fn default_group_ensure(&self, write: &mut Write, project: &str) -> Result<String> {
        if let Some(id) = store::security_group::default_of(&mut write.tx, project).await? {
            return Ok(id);
        }
        let mut group = SecurityGroup {
            standard: self.standard(
                project,
                Some("default".to_owned()),
                Some("Default security group".to_owned()),
                write.now,
            )?,
            stateful: true,
            is_default: true,
            rules: Vec::new(),
        };
        if !store::security_group::create(&mut write.tx, &group).await? {
            // Another transaction made it meanwhile.
            let made = store::security_group::default_of(&mut write.tx, project).await?;
            return made.ok_or_else(|| Error::unavailable("The default security group is being made; try again."));
        }
        quota::count(&mut write.tx, &self.0.identity, project, "security_group", 1).await?;
        group.rules = self.first_rules(&group, write.now)?;
        self.rules_insert(write, &group.rules).await?;
        write.changed(Kind::SecurityGroup, &group.standard.id);
        Ok(group.standard.id)
    }

    /// Changes a group.
    pub async fn security_group_update(&self, caller: &Caller, id: &str, update: Update) -> Result<SecurityGroup> {
        let mut group = self.security_group_for(caller, id, "update_security_group").await?;
        if let Some(name) = update.name.as_deref().filter(|name| *name != group.standard.name) {
            if group.is_default {
                return Err(conflict(
                    "SecurityGroupCannotUpdateDefault",
                    "Updating default security group not allowed.",
                ));
            }
            if name == "default" {
                return Err(default_name());
            }
        }
        group.standard.rename(update.name, update.description)?;
        group.stateful = update.stateful.unwrap_or(group.stateful);
        let mut write = self.write().await?;
        let fields = store::security_group::fields(&group);
        store::update(&mut write.tx, "network_security_groups", id, write.now, fields).await?;
        write.changed(Kind::SecurityGroup, id);
        self.commit(write).await?;
        self.security_group_for(caller, id, "get_security_group").await
    }

    /// Deletes a group that no port uses.
    pub async fn security_group_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let group = self.security_group_for(caller, id, "delete_security_group").await?;
        if group.is_default && !crate::access::is_admin(caller) {
            return Err(conflict("SecurityGroupCannotRemoveDefault", "Removing default security group not allowed."));
        }
        let mut write = self.write().await?;
        if let Some(port) = store::security_group::user(&mut write.tx, id).await? {
            return Err(in_use(id, &port));
        }
        let mut gone: BTreeMap<String, i64> = BTreeMap::new();
        for rule in store::security_group::referring(&mut write.tx, id).await? {
            *gone.entry(rule.standard.project_id.clone()).or_default() += 1;
            write.changed(Kind::SecurityGroup, &rule.group_id);
        }
        for (project, count) in gone {
            quota::count(&mut write.tx, &self.0.identity, &project, "security_group_rule", -count).await?;
        }
        store::tag::clear(&mut write.tx, id).await?;
        match store::delete(&mut write.tx, "network_security_groups", "id", id).await {
            Ok(0) => return Err(not_found(id)),
            Ok(_) => {}
            Err(db::Error::ForeignKey) => return Err(in_use(id, "one made at this moment")),
            Err(error) => return Err(error.into()),
        }
        quota::count(&mut write.tx, &self.0.identity, &group.standard.project_id, "security_group", -1).await?;
        write.changed(Kind::SecurityGroup, id);
        self.commit(write).await
    }

    pub(crate) async fn security_rule_list(
        &self,
        caller: &Caller,
        query: &Query,
        page: &Page,
    ) -> Result<Vec<SecurityRule>> {
        let visible = visible(caller, store::security_group::VISIBLE);
        store::list::rows(&self.0.db, &store::security_group::RULE_TABLE, query, page, visible).await
    }

    /// A rule; 404 unless the caller sees it.
    pub async fn security_rule_show(&self, caller: &Caller, id: &str) -> Result<SecurityRule> {
        self.security_rule_for(caller, id, "get_security_group_rule").await
    }

    async fn security_rule_for(&self, caller: &Caller, id: &str, action: &str) -> Result<SecurityRule> {
        let rules: Vec<SecurityRule> =
            store::by_ids((&self.0.db).into(), "network_security_rules", "id", &[id.to_owned()]).await?;
        let rule = rules.into_iter().next().ok_or_else(|| rule_not_found(id))?;
        let target = of_project(&rule.standard.project_id);
        guard(caller, "get_security_group_rule", action, &target, || rule_not_found(id))?;
        Ok(rule)
    }

    /// Adds rules to groups.
    pub async fn security_rule_create(&self, caller: &Caller, creates: Vec<RuleCreate>) -> Result<Vec<SecurityRule>> {
        let mut drafts = Vec::new();
        for create in creates {
            crate::access::uuid_check("security_group_id", &create.security_group_id)?;
            let group = self.security_group_for(caller, &create.security_group_id, "get_security_group").await?;
            let project = create.project_id.clone().unwrap_or_else(|| group.standard.project_id.clone());
            caller.allow("create_security_group_rule", &of_project(&project))?;
            if let Some(remote) = &create.remote_group_id {
                self.security_group_for(caller, remote, "get_security_group").await?;
            }
            let standard = self.standard(&project, None, create.description.clone(), self.0.runtime.clock.now())?;
            drafts.push(rule_parse(create, standard)?);
        }
        let mut write = self.write().await?;
        for rule in &drafts {
            quota::claim(&mut write.tx, &self.0.identity, &rule.standard.project_id, "security_group_rule", 1).await?;
            if !store::security_group::rule_create(&mut write.tx, rule, &meaning(rule)).await? {
                return Err(conflict(
                    "SecurityGroupRuleExists",
                    "Security group rule already exists: the group permits exactly this already.",
                ));
            }
            self.group_touched(&mut write, &rule.group_id).await?;
        }
        self.commit(write).await?;
        Ok(drafts)
    }

    /// Deletes a rule.
    pub async fn security_rule_delete(&self, caller: &Caller, id: &str) -> Result<()> {
        let rule = self.security_rule_for(caller, id, "delete_security_group_rule").await?;
        let mut write = self.write().await?;
        if store::delete(&mut write.tx, "network_security_rules", "id", id).await? == 0 {
            return Err(rule_not_found(id));
        }
        quota::count(&mut write.tx, &self.0.identity, &rule.standard.project_id, "security_group_rule", -1).await?;
        self.group_touched(&mut write, &rule.group_id).await?;
        self.commit(write).await
    }

    async fn group_touched(&self, write: &mut Write, id: &str) -> Result<()> {
        store::update(&mut write.tx, "network_security_groups", id, write.now, Vec::new()).await?;
        write.changed(Kind::SecurityGroup, id);
        Ok(())
    }
}

fn default_name() -> Error {
    conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists; choose another name.")
}

fn in_use(id: &str, port: &str) -> Error {
    conflict("SecurityGroupInUse", format!("Security Group {id} in use by port {port}; take it off its ports first."))
}

/// What a rule permits, in one text: the same for rules that permit the same.
fn meaning(rule: &SecurityRule) -> String {
    let protocol = rule.protocol.as_deref().and_then(protocol_number);
    format!(
        "{} {} {protocol:?} {:?} {:?} {:?} {:?}",
        rule.direction,
        rule.ethertype,
        rule.port_range_min,
        rule.port_range_max,
        rule.remote_ip_prefix.map(|prefix| prefix.trunc().to_string()),
        rule.remote_group_id,
    )
}

/// The number of a protocol that is given by name or number.
pub(crate) fn protocol_number(text: &str) -> Option<i64> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    named.or_else(|| text.parse().ok().filter(|number| (0..=255).contains(number)))
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_ascii_lowercase()),
        other => Some(other.to_string()),
    }
}

fn rule_parse(create: RuleCreate, standard: crate::model::Standard) -> Result<SecurityRule> {
    let ethertype = match create.ethertype.as_deref().unwrap_or("IPv4").to_ascii_lowercase().as_str() {
        "ipv4" => "IPv4",
        "ipv6" => "IPv6",
        other => return Err(invalid(format!("ethertype must be IPv4 or IPv6, not '{other}'."))),
    };
    if !["ingress", "egress"].contains(&create.direction.as_str()) {
        return Err(invalid(format!("direction must be ingress or egress, not '{}'.", create.direction)));
    }
    let protocol = create.protocol.and_then(text_of).filter(|text| !["any", "0", ""].contains(&text.as_str()));
    if let Some(protocol) = &protocol
        && protocol_number(protocol).is_none()
    {
        return Err(Error::bad_request(format!(
            "Security group rule protocol {protocol} not supported. Give a name such as tcp, udp or icmp, or a number of 0 to 255."
        ))
        .with_code("SecurityGroupRuleInvalidProtocol"));
    }
    let number = |field: &str, value: Option<Value>| -> Result<Option<i64>> {
        value
            .and_then(text_of)
            .map(|text| text.parse().map_err(|_| invalid(format!("{field} must be a whole number, not '{text}'."))))
            .transpose()
    };
    let min = number("port_range_min", create.port_range_min)?;
    let max = number("port_range_max", create.port_range_max)?;
    ports_check(protocol.as_deref(), min, max)?;
    let remote_ip_prefix = create.remote_ip_prefix.as_deref().map(prefix_parse).transpose()?;
    if remote_ip_prefix.is_some() && create.remote_group_id.is_some() {
        return Err(Error::bad_request("Only remote_ip_prefix or remote_group_id may be provided.")
            .with_code("SecurityGroupMultipleRemoteEntites"));
    }
    if remote_ip_prefix.is_some_and(|prefix| prefix.addr().is_ipv4() != (ethertype == "IPv4")) {
        return Err(Error::bad_request(format!(
            "Conflicting value ethertype {ethertype} for CIDR; give one that fits."
        ))
        .with_code("SecurityGroupRuleParameterConflict"));
    }
    Ok(SecurityRule {
        standard,
        group_id: create.security_group_id,
        direction: create.direction,
        ethertype: ethertype.to_owned(),
        protocol,
        port_range_min: min,
        port_range_max: max,
        remote_ip_prefix,
        remote_group_id: create.remote_group_id,
    })
}

fn prefix_parse(text: &str) -> Result<IpNet> {
    let net: Option<IpNet> =
        text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()));
    net.ok_or_else(|| {
        Error::bad_request(format!("Remote IP prefix '{text}' is not a valid CIDR such as 10.0.0.0/8."))
            .with_code("SecurityGroupInvalidRemoteIpPrefix")
    })
}

fn ports_check(protocol: Option<&str>, min: Option<i64>, max: Option<i64>) -> Result<()> {
    if min.is_none() && max.is_none() {
        return Ok(());
    }
    let bad = |text: String| Err(Error::bad_request(text).with_code("SecurityGroupInvalidPortRange"));
    match protocol.and_then(protocol_number) {
        None => Err(Error::bad_request("Must also specify protocol if port range is given.")
            .with_code("SecurityGroupProtocolRequiredWithPorts")),
        Some(1 | 58) => {
            for (field, value) in [("type", min), ("code", max)] {
                if let Some(value) = value.filter(|value| !(0..=255).contains(value)) {
                    return Err(Error::bad_request(format!(
                        "Invalid value for ICMP {field}: {value}; it must be 0 to 255."
                    ))
                    .with_code("SecurityGroupInvalidIcmpValue"));
                }
            }
            match (min, max) {
                (None, Some(_)) => Err(Error::bad_request(
                    "ICMP type (port-range-min) is missing; ICMP code (port-range-max) needs it.",
                )
                .with_code("SecurityGroupMissingIcmpType")),
                _ => Ok(()),
            }
        }
        Some(6 | 17 | 33 | 132 | 136) => {
            if let Some(port) = [min, max].into_iter().flatten().find(|port| !(1..=65_535).contains(port)) {
                return bad(format!("Invalid value for port {port}; it must be 1 to 65535."));
            }
            match (min, max) {
                (Some(min), Some(max)) if min <= max => Ok(()),
                _ => bad("For TCP and UDP, port_range_min must be <= port_range_max; give both or neither.".to_owned()),
            }
        }
        Some(_) => Err(Error::bad_request("This protocol has no ports; leave out port_range_min and port_range_max.")
            .with_code("SecurityGroupInvalidProtocolForPort")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(protocol: Option<&str>, min: Option<i64>, max: Option<i64>) -> Option<&'static str> {
        ports_check(protocol, min, max).err().and_then(|error| error.code)
    }

    #[test]
    fn port_ranges_fit_the_protocol() {
        assert_eq!(code(Some("tcp"), Some(22), Some(22)), None);
        assert_eq!(code(Some("6"), Some(1), Some(65_535)), None);
        assert_eq!(code(Some("tcp"), Some(23), Some(22)), Some("SecurityGroupInvalidPortRange"));
        assert_eq!(code(Some("udp"), Some(23), None), Some("SecurityGroupInvalidPortRange"));
        assert_eq!(code(None, Some(22), Some(22)), Some("SecurityGroupProtocolRequiredWithPorts"));
        assert_eq!(code(Some("icmp"), Some(8), Some(0)), None);
        assert_eq!(code(Some("icmp"), None, Some(0)), Some("SecurityGroupMissingIcmpType"));
        assert_eq!(code(Some("icmp"), Some(256), None), Some("SecurityGroupInvalidIcmpValue"));
        assert_eq!(code(Some("vrrp"), Some(1), Some(2)), Some("SecurityGroupInvalidProtocolForPort"));
    }

    #[test]
    fn protocols_have_names_and_numbers() {
        assert_eq!(protocol_number("tcp"), Some(6));
        assert_eq!(protocol_number("6"), Some(6));
        assert_eq!(protocol_number("256"), None);
        assert_eq!(protocol_number("tpc"), None);
    }
}
