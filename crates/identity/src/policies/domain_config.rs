use policy::Rule;

use super::{ADMIN, ANYONE, READ, cloud_rule, rule};

pub(super) const RULES: &[Rule] = &[
    cloud_rule(
        "identity:create_domain_config",
        ADMIN,
        "Set the options of a domain.",
        &[("PUT", "/v3/domains/{domain_id}/config")],
    ),
    cloud_rule(
        "identity:get_domain_config",
        READ,
        "Show the options that a domain has set.",
        &[
            ("GET", "/v3/domains/{domain_id}/config"),
            ("GET", "/v3/domains/{domain_id}/config/{group}"),
            ("GET", "/v3/domains/{domain_id}/config/{group}/{option}"),
        ],
    ),
    rule(
        "identity:get_security_compliance_domain_config",
        ANYONE,
        "Show what passwords must look like.",
        &[
            ("GET", "/v3/domains/{domain_id}/config/security_compliance"),
            ("GET", "/v3/domains/{domain_id}/config/security_compliance/{option}"),
        ],
    ),
    cloud_rule(
        "identity:update_domain_config",
        ADMIN,
        "Change the options of a domain.",
        &[
            ("PATCH", "/v3/domains/{domain_id}/config"),
            ("PATCH", "/v3/domains/{domain_id}/config/{group}"),
            ("PATCH", "/v3/domains/{domain_id}/config/{group}/{option}"),
        ],
    ),
    cloud_rule(
        "identity:delete_domain_config",
        ADMIN,
        "Take back the options of a domain.",
        &[
            ("DELETE", "/v3/domains/{domain_id}/config"),
            ("DELETE", "/v3/domains/{domain_id}/config/{group}"),
            ("DELETE", "/v3/domains/{domain_id}/config/{group}/{option}"),
        ],
    ),
    cloud_rule(
        "identity:get_domain_config_default",
        READ,
        "Show the options of a domain that has set none.",
        &[
            ("GET", "/v3/domains/config/default"),
            ("GET", "/v3/domains/config/{group}/default"),
            ("GET", "/v3/domains/config/{group}/{option}/default"),
        ],
    ),
];
