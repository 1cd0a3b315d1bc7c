//! The options that a domain may have of its own, with the defaults that stand where it has none.

/// An option that clients may set and read.
pub(super) struct Known {
    pub section: &'static str,
    pub name: &'static str,
    /// As JSON.
    pub default: &'static str,
}

const fn known(section: &'static str, name: &'static str, default: &'static str) -> Known {
    Known { section, name, default }
}

/// The sections that there are.
pub(super) const SECTIONS: &[&str] = &["identity", "ldap"];

/// What may be set, but is never shown.
pub(super) const SENSITIVE: &[(&str, &str)] = &[("ldap", "password")];

/// What may be set and read.
pub(super) const KNOWN: &[Known] = &[
    known("identity", "driver", "\"sql\""),
    known("identity", "list_limit", "null"),
    known("ldap", "url", "\"ldap://localhost\""),
    known("ldap", "user", "null"),
    known("ldap", "suffix", "\"cn=example,cn=com\""),
    known("ldap", "query_scope", "\"one\""),
    known("ldap", "page_size", "0"),
    known("ldap", "alias_dereferencing", "\"default\""),
    known("ldap", "debug_level", "null"),
    known("ldap", "chase_referrals", "null"),
    known("ldap", "user_tree_dn", "null"),
    known("ldap", "user_filter", "null"),
    known("ldap", "user_objectclass", "\"inetOrgPerson\""),
    known("ldap", "user_id_attribute", "\"cn\""),
    known("ldap", "user_name_attribute", "\"sn\""),
    known("ldap", "user_mail_attribute", "\"mail\""),
    known("ldap", "user_description_attribute", "\"description\""),
    known("ldap", "user_pass_attribute", "\"userPassword\""),
    known("ldap", "user_enabled_attribute", "\"enabled\""),
    known("ldap", "user_enabled_invert", "false"),
    known("ldap", "user_enabled_mask", "0"),
    known("ldap", "user_enabled_default", "\"True\""),
    known("ldap", "user_attribute_ignore", "[\"default_project_id\"]"),
    known("ldap", "user_default_project_id_attribute", "null"),
    known("ldap", "user_enabled_emulation", "false"),
    known("ldap", "user_enabled_emulation_dn", "null"),
    known("ldap", "user_enabled_emulation_use_group_config", "false"),
    known("ldap", "user_additional_attribute_mapping", "[]"),
    known("ldap", "group_tree_dn", "null"),
    known("ldap", "group_filter", "null"),
    known("ldap", "group_objectclass", "\"groupOfNames\""),
    known("ldap", "group_id_attribute", "\"cn\""),
    known("ldap", "group_name_attribute", "\"ou\""),
    known("ldap", "group_members_are_ids", "false"),
    known("ldap", "group_member_attribute", "\"member\""),
    known("ldap", "group_desc_attribute", "\"description\""),
    known("ldap", "group_attribute_ignore", "[]"),
    known("ldap", "group_additional_attribute_mapping", "[]"),
    known("ldap", "tls_cacertfile", "null"),
    known("ldap", "tls_cacertdir", "null"),
    known("ldap", "use_tls", "false"),
    known("ldap", "tls_req_cert", "\"demand\""),
    known("ldap", "use_pool", "true"),
    known("ldap", "pool_size", "10"),
    known("ldap", "pool_retry_max", "3"),
    known("ldap", "pool_retry_delay", "0.1"),
    known("ldap", "pool_connection_timeout", "-1"),
    known("ldap", "pool_connection_lifetime", "600"),
    known("ldap", "use_auth_pool", "true"),
    known("ldap", "auth_pool_size", "100"),
    known("ldap", "auth_pool_connection_lifetime", "60"),
];
