use policy::Rule;

const fn rule(name: &'static str, check: &'static str, description: &'static str) -> Rule {
    Rule { name, check, description, operations: &[], scopes: &[] }
}

const ADMIN: &str = "rule:context_is_admin";
const MEMBER: &str = "rule:project_member_or_admin";
const READER: &str = "rule:project_reader_or_admin";
const NETWORK_OWNER: &str = "rule:context_is_admin or rule:network_owner";
const NETWORK_OWNER_OR_SHARED: &str = "rule:context_is_admin or rule:network_owner or rule:shared";
const SEEN_WITH_NETWORK: &str = "rule:project_reader_or_admin or rule:network_reader";
const CHANGED_WITH_NETWORK: &str = "rule:project_member_or_admin or rule:network_owner";

/// Who may do what, by default. The target's `shared` and `external` are the network's, `network_project_id` is the
/// project that owns the network which the resource is in.
pub const RULES: &[Rule] = &[
    rule("network_owner", "role:member and project_id:%(network_project_id)s", "Members of the network's project"),
    rule("network_reader", "role:reader and project_id:%(network_project_id)s", "Readers of the network's project"),
    rule("shared", "True:%(shared)s", "Anybody, if the network is shared"),
    rule("external", "True:%(external)s", "Anybody, if the network is external"),
    rule("create_network", MEMBER, "Make a network"),
    rule("create_network:shared", ADMIN, "Make a network for every project"),
    rule("create_network:router:external", ADMIN, "Make a network that routers get out through"),
    rule("create_network:is_default", ADMIN, "Make the default external network"),
    rule("create_network:port_security_enabled", MEMBER, "Say whether the network's ports are protected"),
    rule("create_network:provider:network_type", ADMIN, "Choose how the network is carried"),
    rule("create_network:provider:physical_network", ADMIN, "Choose the nodes' network that carries it"),
    rule("create_network:provider:segmentation_id", ADMIN, "Choose the network's number"),
    rule("get_network", "rule:project_reader_or_admin or rule:shared or rule:external", "See a network"),
    rule("get_network:provider:network_type", ADMIN, "See how a network is carried"),
    rule("update_network", MEMBER, "Change a network"),
    rule("update_network:shared", ADMIN, "Give a network to every project"),
    rule("update_network:router:external", ADMIN, "Let routers get out through a network"),
    rule("update_network:is_default", ADMIN, "Choose the default external network"),
    rule("update_network:port_security_enabled", MEMBER, "Say whether the network's ports are protected"),
    rule("update_network:provider:network_type", ADMIN, "Change how a network is carried"),
    rule("delete_network", MEMBER, "Delete a network"),
    rule("create_subnet", CHANGED_WITH_NETWORK, "Make a subnet"),
    rule(
        "get_subnet",
        "rule:project_reader_or_admin or rule:network_reader or rule:shared or rule:external",
        "See a subnet",
    ),
    rule("update_subnet", CHANGED_WITH_NETWORK, "Change a subnet"),
    rule("delete_subnet", CHANGED_WITH_NETWORK, "Delete a subnet"),
    rule("create_port", MEMBER, "Make a port"),
    rule("create_port:device_owner", NETWORK_OWNER, "Make a port that acts for the network itself"),
    rule("create_port:mac_address", NETWORK_OWNER, "Choose a port's MAC address"),
    rule("create_port:fixed_ips:ip_address", NETWORK_OWNER, "Choose a port's address"),
    rule("create_port:fixed_ips:subnet_id", NETWORK_OWNER_OR_SHARED, "Choose a port's subnet"),
    rule("create_port:port_security_enabled", NETWORK_OWNER, "Say whether a port is protected"),
    rule("create_port:allowed_address_pairs", NETWORK_OWNER, "Let a port send from further addresses"),
    rule("create_port:binding:host_id", ADMIN, "Choose a port's node"),
    rule("create_port:binding:profile", ADMIN, "Tell a port's driver something"),
    rule("create_port:binding:vnic_type", MEMBER, "Choose a port's kind of interface"),
    rule("get_port", SEEN_WITH_NETWORK, "See a port"),
    rule("get_port:binding:host_id", ADMIN, "See a port's node"),
    rule("update_port", MEMBER, "Change a port"),
    rule("update_port:device_owner", NETWORK_OWNER, "Let a port act for the network itself"),
    rule("update_port:mac_address", ADMIN, "Change a port's MAC address"),
    rule("update_port:fixed_ips:ip_address", NETWORK_OWNER, "Change a port's address"),
    rule("update_port:fixed_ips:subnet_id", NETWORK_OWNER_OR_SHARED, "Change a port's subnet"),
    rule("update_port:port_security_enabled", NETWORK_OWNER, "Say whether a port is protected"),
    rule("update_port:allowed_address_pairs", NETWORK_OWNER, "Let a port send from further addresses"),
    rule("update_port:binding:host_id", ADMIN, "Change a port's node"),
    rule("update_port:binding:profile", ADMIN, "Tell a port's driver something"),
    rule("update_port:binding:vnic_type", MEMBER, "Choose a port's kind of interface"),
    rule("delete_port", CHANGED_WITH_NETWORK, "Delete a port"),
    rule("create_router", MEMBER, "Make a router"),
    rule("create_router:external_gateway_info", MEMBER, "Make a router with a way out"),
    rule("create_router:external_gateway_info:enable_snat", ADMIN, "Say whether a router hides its networks"),
    rule("create_router:external_gateway_info:external_fixed_ips", ADMIN, "Choose a router's address outside"),
    rule("get_router", READER, "See a router"),
    rule("update_router", MEMBER, "Change a router"),
    rule("update_router:external_gateway_info", MEMBER, "Change a router's way out"),
    rule("update_router:external_gateway_info:enable_snat", ADMIN, "Say whether a router hides its networks"),
    rule("update_router:external_gateway_info:external_fixed_ips", ADMIN, "Choose a router's address outside"),
    rule("delete_router", MEMBER, "Delete a router"),
    rule("add_router_interface", MEMBER, "Connect a router to a subnet"),
    rule("remove_router_interface", MEMBER, "Disconnect a router from a subnet"),
    rule("create_floatingip", MEMBER, "Make a floating IP"),
    rule("create_floatingip:floating_ip_address", ADMIN, "Choose a floating IP's address"),
    rule("get_floatingip", READER, "See a floating IP"),
    rule("update_floatingip", MEMBER, "Change where a floating IP leads"),
    rule("delete_floatingip", MEMBER, "Delete a floating IP"),
    rule("create_security_group", MEMBER, "Make a security group"),
    rule("get_security_group", READER, "See a security group"),
    rule("update_security_group", MEMBER, "Change a security group"),
    rule("delete_security_group", MEMBER, "Delete a security group"),
    rule("create_security_group_rule", MEMBER, "Permit something in a security group"),
    rule("get_security_group_rule", READER, "See a security group's rule"),
    rule("delete_security_group_rule", MEMBER, "Take a permission away from a security group"),
    rule("get_quota", READER, "See a project's quota"),
    rule("get_all_quotas", ADMIN, "See every project's quota"),
    rule("update_quota", ADMIN, "Change a project's quota"),
    rule("delete_quota", ADMIN, "Give a project the default quota"),
    rule("get_agent", ADMIN, "See the nodes' network agents"),
    rule("get_availability_zone", "@", "See availability zones"),
    rule("get_network_ip_availability", ADMIN, "See how many addresses are in use"),
    rule("get_service_provider", "@", "See service providers"),
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_are_valid() {
        policy::Policy::new(&[identity::BASE_RULES, super::RULES]).unwrap();
    }
}
