//! The query parameters that say what providers must have: `resources`, `required`, `member_of` and `in_tree`, each for
//! the unnamed group or, with the group's name behind it, for a named one; and those for the whole request.

use std::collections::BTreeSet;

use ::api::{Error, Microversion, Query, Result};

use super::uuid_check;
use crate::{CandidateRequest, Group};

/// What may be asked of each group.
const KINDS: [&str; 4] = ["resources", "required", "member_of", "in_tree"];

/// Refuses parameters that are unknown in that microversion.
pub(super) fn known(query: &Query, version: Microversion, known: &[(&str, u16)], grouped: bool) -> Result<()> {
    for (name, _) in query.iter() {
        let plain = match split(name) {
            Some((kind, suffix)) if grouped && !suffix.is_empty() => {
                suffix_check(name, suffix, version)?;
                kind
            }
            _ => name,
        };
        match known.iter().find(|(other, _)| *other == plain) {
            Some((_, minor)) if version >= Microversion(1, *minor) => {}
            Some((_, minor)) => {
                return Err(Error::bad_request(format!("The parameter {name} needs microversion 1.{minor} or newer.")));
            }
            None => return Err(Error::bad_request(format!("Invalid query string parameter: {name} is not known."))),
        }
    }
    Ok(())
}

/// What is asked, and of which group.
fn split(name: &str) -> Option<(&str, &str)> {
    KINDS.iter().find_map(|kind| Some((*kind, name.strip_prefix(kind)?)))
}

/// Groups have numbers since 1.25, and names since 1.33.
fn suffix_check(name: &str, suffix: &str, version: Microversion) -> Result<()> {
    let is_number = !suffix.starts_with('0') && suffix.bytes().all(|byte| byte.is_ascii_digit());
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_name = suffix.len() <= 64 && suffix.bytes().all(named);
    if (is_number && version >= Microversion(1, 25)) || (is_name && version >= Microversion(1, 33)) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "Invalid query string parameter: {name}. A group is a number from microversion 1.25 on, and up to 64 letters, \
         digits, _ and - from 1.33 on."
    )))
}

/// Reads what is asked of all groups and of the whole request.
pub(super) fn request(query: &Query, version: Microversion) -> Result<CandidateRequest> {
    let mut request = CandidateRequest { flat: version < Microversion(1, 29), ..CandidateRequest::default() };
    for (_, suffix) in query.iter().filter_map(|(name, _)| split(name)) {
        if !request.groups.contains_key(suffix) {
            request.groups.insert(suffix.to_owned(), group(query, version, suffix)?);
        }
    }
    request.limit = limit(query)?;
    request.isolate = match query.get("group_policy") {
        Some("isolate") => true,
        Some("none") => false,
        Some(_) => return Err(Error::bad_request("group_policy must be none or isolate.")),
        None if request.groups.keys().filter(|name| !name.is_empty()).count() > 1 => {
            return Err(Error::bad_request(
                "The \"group_policy\" parameter is required when specifying more than one \"resources{N}\" parameter; \
                 give none or isolate.",
            ));
        }
        None => false,
    };
    roots(query, &mut request)?;
    for value in query.all("same_subtree") {
        let names: BTreeSet<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
        if names.contains("") {
            return Err(bad_value("same_subtree must name groups; the unnamed group cannot be one of them."));
        }
        request.same_subtree.push(names);
    }
    groups_check(&request, version)?;
    Ok(request)
}

fn limit(query: &Query) -> Result<Option<usize>> {
    let Some(text) = query.get("limit") else { return Ok(None) };
    if text.is_empty() || text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::bad_request(format!("limit must be a whole number of at least 1, not \"{text}\".")));
    }
    // What is too large to be counted is no limit.
    Ok(Some(text.parse().unwrap_or(usize::MAX)))
}

fn roots(query: &Query, request: &mut CandidateRequest) -> Result<()> {
    let values: Vec<&str> = query.all("root_required").collect();
    let [value] = values.as_slice() else {
        return if values.is_empty() {
            Ok(())
        } else {
            Err(Error::bad_request("Query parameter 'root_required' may be specified only once.")
                .with_code("placement.query.duplicate_key"))
        };
    };
    for (name, is_forbidden) in names_read("root_required", value, true)? {
        if is_forbidden { &mut request.root_forbidden } else { &mut request.root_required }.insert(name.to_owned());
    }
    match request.root_required.intersection(&request.root_forbidden).next() {
        None => Ok(()),
        Some(both) => Err(bad_value(format!(
            "Conflicting required and forbidden traits found in root_required: {both}; drop one of them."
        ))),
    }
}

/// Which groups may be without resources: none, but from 1.36 on those that a subtree names.
fn groups_check(request: &CandidateRequest, version: Microversion) -> Result<()> {
    let with_subtrees = version >= Microversion(1, 36);
    let empty: Vec<&String> =
        request.groups.iter().filter(|(_, group)| group.resources.is_empty()).map(|(name, _)| name).collect();
    if empty.len() == request.groups.len() {
        let missing = Error::bad_request(
            "There must be at least one resources or resources[$S] parameter, such as resources=VCPU:1,MEMORY_MB:512.",
        );
        return Err(if with_subtrees { missing.with_code("placement.query.missing_value") } else { missing });
    }
    let subtrees = || request.same_subtree.iter().flatten();
    if let Some(name) = empty.iter().find(|name| !subtrees().any(|other| other == **name)) {
        return Err(if with_subtrees {
            bad_value(format!(
                "Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - \
                 {name}."
            ))
        } else {
            Error::bad_request(format!("All request groups must specify resources; the group \"{name}\" does not."))
        });
    }
    match subtrees().find(|name| !request.groups.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(bad_value(format!(
            "Real suffixes should be specified in `same_subtree`: {name} is the name of no group of this request."
        ))),
    }
}

/// Reads what is asked of one group; the unnamed one has an empty suffix.
pub(super) fn group(query: &Query, version: Microversion, suffix: &str) -> Result<Group> {
    let mut group = Group::default();
    let name = |kind: &str| format!("{kind}{suffix}");
    if let Some(resources) = query.get(&name("resources")) {
        resources_read(resources, &mut group)?;
    }
    traits_read(query, version, &name("required"), &mut group)?;
    aggregates_read(query, version, &name("member_of"), &mut group)?;
    group.in_tree = query.get(&name("in_tree")).map(str::to_owned);
    group.in_tree.iter().try_for_each(|id| uuid_check(id))?;
    Ok(group)
}

fn resources_read(resources: &str, group: &mut Group) -> Result<()> {
    for pair in resources.split(',') {
        let parsed = pair.split_once(':').and_then(|(class, n)| Some((class.trim(), n.trim().parse::<i64>().ok()?)));
        let Some((class, amount)) = parsed.filter(|(class, amount)| !class.is_empty() && *amount >= 1) else {
            return Err(Error::bad_request(format!(
                "Badly formed resources parameter: \"{pair}\" must be CLASS:AMOUNT with an amount of at least 1."
            )));
        };
        if group.resources.insert(class.to_owned(), amount).is_some() {
            return Err(Error::bad_request(format!("The class {class} is asked for twice; add the amounts up.")));
        }
    }
    Ok(())
}

fn traits_read(query: &Query, version: Microversion, parameter: &str, group: &mut Group) -> Result<()> {
    let any_allowed = version >= Microversion(1, 39);
    let mut values: Vec<&str> = query.all(parameter).collect();
    if !any_allowed {
        // The last one counts, as clients know it.
        values.drain(..values.len().saturating_sub(1));
    }
    for value in values {
        if let Some(names) = value.strip_prefix("in:") {
            if !any_allowed {
                return Err(Error::bad_request(format!(
                    "Invalid query string parameters: the form \"{value}\" needs microversion 1.39 or newer."
                )));
            }
            let names: BTreeSet<String> = names.split(',').map(|name| name.trim().to_owned()).collect();
            if names.iter().any(|name| name.is_empty() || name.starts_with('!')) {
                return Err(Error::bad_request(format!(
                    "\"{value}\" must be a list of traits, none of them forbidden."
                )));
            }
            group.required.push(names);
            continue;
        }
        for (name, is_forbidden) in names_read(parameter, value, version >= Microversion(1, 22))? {
            if is_forbidden {
                group.forbidden.insert(name.to_owned());
            } else {
                group.required.push(BTreeSet::from([name.to_owned()]));
            }
        }
    }
    match group.required.iter().find(|any| any.is_subset(&group.forbidden)) {
        None => Ok(()),
        Some(both) => {
            let names: Vec<&str> = both.iter().map(String::as_str).collect();
            Err(Error::bad_request(format!(
                "Conflicting required and forbidden traits found in the following traits keys: {parameter}: ({}); \
                 drop one of them.",
                names.join(", ")
            )))
        }
    }
}

/// The traits of a list, and whether each is a forbidden one, with `!` before it.
fn names_read<'v>(parameter: &str, value: &'v str, may_forbid: bool) -> Result<Vec<(&'v str, bool)>> {
    let split = |name: &'v str| name.strip_prefix('!').map_or((name, false), |name| (name, true));
    let names: Vec<(&str, bool)> = value.split(',').map(|name| split(name.trim())).collect();
    if names.iter().any(|(name, is_forbidden)| name.is_empty() || (*is_forbidden && !may_forbid)) {
        return Err(Error::bad_request(format!(
            "Invalid query string parameters: \"{parameter}={value}\" must be a list of traits (forbidden ones, with ! \
             before them, from microversion 1.22 on)."
        )));
    }
    Ok(names)
}

fn aggregates_read(query: &Query, version: Microversion, parameter: &str, group: &mut Group) -> Result<()> {
    let values: Vec<&str> = query.all(parameter).collect();
    if values.len() > 1 && version < Microversion(1, 24) {
        return Err(Error::bad_request(format!(
            "{parameter} may be given several times only from microversion 1.24 on."
        )));
    }
    for value in values {
        let (forbidden, rest) = match value.strip_prefix('!').filter(|_| version >= Microversion(1, 32)) {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let ids: BTreeSet<String> = match rest.strip_prefix("in:") {
            Some(list) => list.split(',').map(str::to_owned).collect(),
            None => BTreeSet::from([rest.to_owned()]),
        };
        if ids.iter().any(|id| !::api::fields::is_uuid(id)) {
            return Err(Error::bad_request(format!("{parameter} must be a uuid or in:uuid,uuid, not \"{value}\".")));
        }
        if forbidden {
            group.forbidden_aggregates.extend(ids);
        } else {
            group.member_of.push(ids);
        }
    }
    Ok(())
}

/// 400 for what has the right form and makes no sense.
fn bad_value(message: impl Into<String>) -> Error {
    Error::bad_request(message).with_code("placement.query.bad_value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, minor: u16) -> Result<Group> {
        group(&Query::parse(text), Microversion(1, minor), "")
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn resources_are_class_and_amount() {
        let group = parsed("resources=VCPU:2,MEMORY_MB:512", 10).unwrap();
        assert_eq!(group.resources.get("VCPU"), Some(&2));
        for wrong in ["resources=VCPU", "resources=VCPU:0", "resources=:1", "resources=VCPU:1,VCPU:2", "resources="] {
            assert!(parsed(wrong, 10).is_err(), "{wrong}");
        }
    }

    #[test]
    fn traits_may_be_required_forbidden_or_alternatives() {
        let group = parsed("required=A,!B&required=in:C,D", 39).unwrap();
        assert_eq!(group.required, [names(&["A"]), names(&["C", "D"])]);
        assert_eq!(group.forbidden, names(&["B"]));
        assert!(parsed("required=A,!B", 21).is_err());
        assert_eq!(parsed("required=A&required=B", 38).unwrap().required, [names(&["B"])]);
        assert!(parsed("required=in:A,B", 38).is_err());
        assert!(parsed("required=A,!A", 39).is_err());
        assert!(parsed("required=in:A,!B", 39).is_err());
        assert!(parsed("required=in:A,B&required=!A,!B", 39).is_err());
    }

    #[test]
    fn groups_have_numbers_then_names() {
        let wanted = [("resources", 10), ("group_policy", 25)];
        let known = |text: &str, minor| known(&Query::parse(text), Microversion(1, minor), &wanted, true);
        assert!(known("resources1=VCPU:1", 24).is_err());
        assert!(known("resources1=VCPU:1", 25).is_ok());
        assert!(known("resources01=VCPU:1", 25).is_err());
        assert!(known("resources_NET=VCPU:1", 32).is_err());
        assert!(known("resources_NET=VCPU:1", 33).is_ok());
        assert!(known("resources.NET=VCPU:1", 33).is_err());
        assert!(known("bogus=1", 39).is_err());
    }

    #[test]
    fn a_request_must_make_sense_as_a_whole() {
        let request = |text: &str, minor| request(&Query::parse(text), Microversion(1, minor));
        let two = "resources1=VCPU:1&resources2=VCPU:1";
        assert!(request(two, 25).is_err());
        assert!(request(&format!("{two}&group_policy=maybe"), 25).is_err());
        assert!(request(&format!("{two}&group_policy=isolate"), 25).unwrap().isolate);
        assert!(request("resources=VCPU:1&required_X=A", 35).is_err());
        assert!(request("resources=VCPU:1&required_X=A", 36).is_err());
        assert!(request("resources_Y=VCPU:1&required_X=A&same_subtree=_X,_Y&group_policy=none", 36).is_ok());
        assert!(request("required_X=A&same_subtree=_X", 36).is_err());
        assert!(request("resources=VCPU:1&same_subtree=_X", 36).is_err());
        assert!(request("resources_X=VCPU:1&same_subtree=_X,", 36).is_err());
        assert!(request("resources=VCPU:1&root_required=A,!A", 36).is_err());
        assert!(request("resources=VCPU:1&root_required=A&root_required=B", 36).is_err());
        for wrong in ["0", "-1", "x", "", "%2B1", "01"] {
            assert!(request(&format!("resources=VCPU:1&limit={wrong}"), 36).is_err(), "{wrong}");
        }
    }
}
