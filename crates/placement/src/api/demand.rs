//! The query parameters that say what a provider must have: resources, required, member_of, in_tree, limit.

use ::api::{Error, Kind, Microversion, Query, Result};

use super::uuid_check;
use crate::CandidateRequest;
use crate::error::bad_query;

/// Refuses parameters that are unknown in that microversion, and those of granular groups with a reason.
pub(super) fn known(query: &Query, version: Microversion, known: &[(&str, u16)]) -> Result<()> {
    for (name, _) in query.iter() {
        match known.iter().find(|(other, _)| *other == name) {
            Some((_, minor)) if version >= Microversion(1, *minor) => {}
            Some((_, minor)) => {
                return Err(bad_query(format!("The parameter {name} needs microversion 1.{minor} or newer.")));
            }
            None if is_granular(name) => {
                return Err(Error::new(
                    Kind::NotImplemented,
                    format!("Numbered and named request groups ({name}) are not served yet; ask in one group."),
                ));
            }
            None => return Err(bad_query(format!("Invalid query string parameter: {name} is not known."))),
        }
    }
    Ok(())
}

fn is_granular(name: &str) -> bool {
    let kinds = ["resources", "required", "member_of", "in_tree"];
    ["group_policy", "root_required", "same_subtree"].contains(&name)
        || kinds.iter().any(|kind| name.strip_prefix(kind).is_some_and(|suffix| !suffix.is_empty()))
}

/// Reads the parameters into one request.
pub(super) fn parse(query: &Query, version: Microversion) -> Result<CandidateRequest> {
    let mut request = CandidateRequest::default();
    if let Some(resources) = query.get("resources") {
        for pair in resources.split(',') {
            let parsed =
                pair.split_once(':').and_then(|(class, n)| Some((class.trim(), n.trim().parse::<i64>().ok()?)));
            let Some((class, amount)) = parsed.filter(|(class, n)| !class.is_empty() && (1..1 << 31).contains(n))
            else {
                return Err(bad_query(format!(
                    "Badly formed resources parameter: \"{pair}\" must be CLASS:AMOUNT with an amount of at least 1."
                )));
            };
            if request.resources.insert(class.to_owned(), amount).is_some() {
                return Err(bad_query(format!("The class {class} is asked for twice; add the amounts up.")));
            }
        }
    }
    parse_traits(query, version, &mut request)?;
    parse_aggregates(query, version, &mut request)?;
    request.in_tree = query.get("in_tree").map(str::to_owned);
    request.in_tree.iter().try_for_each(|id| uuid_check(id))?;
    request.limit = query.number("limit")?;
    if request.limit.is_some_and(|limit| limit < 1) {
        return Err(bad_query("limit must be at least 1.".to_owned()));
    }
    Ok(request)
}

fn parse_traits(query: &Query, version: Microversion, request: &mut CandidateRequest) -> Result<()> {
    let any_allowed = version >= Microversion(1, 39);
    let values: Vec<&str> = query.all("required").collect();
    if values.len() > 1 && !any_allowed {
        return Err(bad_query(
            "required may be given once before microversion 1.39; join traits by commas.".to_owned(),
        ));
    }
    for value in values {
        if let Some(names) = value.strip_prefix("in:").filter(|_| any_allowed) {
            if names.split(',').any(|name| name.is_empty() || name.starts_with('!')) {
                return Err(bad_query(format!("\"in:{names}\" must be a list of traits, none of them forbidden.")));
            }
            request.required_any.push(names.split(',').map(str::to_owned).collect());
            continue;
        }
        for name in value.split(',').map(str::trim) {
            match name.strip_prefix('!').filter(|_| version >= Microversion(1, 22)) {
                Some(forbidden) => request.forbidden.push(forbidden.to_owned()),
                None if name.is_empty() || name.starts_with('!') => {
                    return Err(bad_query(format!(
                        "Invalid query string parameters: \"{value}\" must be a list of traits (forbidden ones, \
                         with ! before them, from microversion 1.22 on)."
                    )));
                }
                None => request.required.push(name.to_owned()),
            }
        }
    }
    if let Some(both) = request.required.iter().find(|name| request.forbidden.contains(*name)) {
        return Err(bad_query(format!("The trait {both} is both required and forbidden; drop one of them.")));
    }
    Ok(())
}

fn parse_aggregates(query: &Query, version: Microversion, request: &mut CandidateRequest) -> Result<()> {
    let values: Vec<&str> = query.all("member_of").collect();
    if values.len() > 1 && version < Microversion(1, 24) {
        return Err(bad_query("member_of may be given several times only from microversion 1.24 on.".to_owned()));
    }
    for value in values {
        let (forbidden, rest) = match value.strip_prefix('!').filter(|_| version >= Microversion(1, 32)) {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let ids: Vec<String> = match rest.strip_prefix("in:") {
            Some(list) => list.split(',').map(str::to_owned).collect(),
            None => vec![rest.to_owned()],
        };
        if ids.iter().any(|id| !::api::fields::is_uuid(id)) {
            return Err(bad_query(format!("member_of must be a uuid or in:uuid,uuid, not \"{value}\".")));
        }
        if forbidden {
            request.forbidden_aggregates.extend(ids);
        } else {
            request.member_of.push(ids);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, minor: u16) -> Result<CandidateRequest> {
        parse(&Query::parse(text), Microversion(1, minor))
    }

    #[test]
    fn resources_are_class_and_amount() {
        let request = parsed("resources=VCPU:2,MEMORY_MB:512", 10).unwrap();
        assert_eq!(request.resources.get("VCPU"), Some(&2));
        for wrong in ["resources=VCPU", "resources=VCPU:0", "resources=:1", "resources=VCPU:1,VCPU:2", "resources="] {
            assert!(parsed(wrong, 10).is_err(), "{wrong}");
        }
    }

    #[test]
    fn traits_may_be_required_forbidden_or_alternatives() {
        let request = parsed("required=A,!B&required=in:C,D", 39).unwrap();
        assert_eq!(request.required, ["A"]);
        assert_eq!(request.forbidden, ["B"]);
        assert_eq!(request.required_any, [["C", "D"]]);
        assert!(parsed("required=A,!B", 21).is_err());
        assert!(parsed("required=A&required=B", 38).is_err());
        assert!(parsed("required=A,!A", 39).is_err());
        assert!(parsed("required=in:A,!B", 39).is_err());
    }

    #[test]
    fn granular_groups_are_refused_by_name() {
        let query = Query::parse("resources_COMPUTE=VCPU:1");
        assert_eq!(known(&query, Microversion(1, 39), &[("resources", 0)]).unwrap_err().kind, Kind::NotImplemented);
        let query = Query::parse("bogus=1");
        assert_eq!(known(&query, Microversion(1, 39), &[("resources", 0)]).unwrap_err().kind, Kind::BadRequest);
    }
}
