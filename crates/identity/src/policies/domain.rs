use policy::Rule;

use super::{ADMIN, cloud_rule, rule};

const SEE: &str = "rule:admin_required or (role:reader and system_scope:all) or domain_id:%(target.domain.id)s \
    or project_domain_id:%(target.domain.id)s";
const LIST: &str =
    "rule:admin_required or (role:reader and system_scope:all) or (role:reader and domain_id:%(target.domain.id)s)";

pub(super) const RULES: &[Rule] = &[
    rule("identity:get_domain", SEE, "Show a domain.", &[("GET", "/v3/domains/{domain_id}")]),
    rule("identity:list_domains", LIST, "List domains; a reader of a domain sees that one.", &[("GET", "/v3/domains")]),
    cloud_rule("identity:create_domain", ADMIN, "Create a domain.", &[("POST", "/v3/domains")]),
    cloud_rule("identity:update_domain", ADMIN, "Change a domain.", &[("PATCH", "/v3/domains/{domain_id}")]),
    cloud_rule(
        "identity:delete_domain",
        ADMIN,
        "Delete a domain with all that is in it.",
        &[("DELETE", "/v3/domains/{domain_id}")],
    ),
];
