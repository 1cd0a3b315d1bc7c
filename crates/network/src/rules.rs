use policy::Rule;

use crate::operations as op;

const fn rule(name: &'static str, check: &'static str, description: &'static str, operations: op::Operations) -> Rule {
    Rule { name, check, description, operations, scopes: &[policy::Scope::Project] }
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
    rule("network_owner", "role:member and project_id:%(network_project_id)s", "Members of the network's project", &[]),
    rule(
        "network_reader",
        "role:reader and project_id:%(network_project_id)s",
        "Readers of the network's project",
        &[],
    ),
    rule("shared", "True:%(shared)s", "Anybody, if the network is shared", &[]),
    rule("external", "True:%(external)s", "Anybody, if the network is external", &[]),
    rule("create_network", MEMBER, "Make a network", op::CREATE_NETWORK),
    rule("create_network:shared", ADMIN, "Make a network for every project", op::CREATE_NETWORK),
    rule("create_network:router:external", ADMIN, "Make a network that routers get out through", op::CREATE_NETWORK),
    rule("create_network:is_default", ADMIN, "Make the default external network", op::CREATE_NETWORK),
    rule(
        "create_network:port_security_enabled",
        MEMBER,
        "Say whether the network's ports are protected",
        op::CREATE_NETWORK,
    ),
    rule("create_network:provider:network_type", ADMIN, "Choose how the network is carried", op::CREATE_NETWORK),
    rule(
        "create_network:provider:physical_network",
        ADMIN,
        "Choose the nodes' network that carries it",
        op::CREATE_NETWORK,
    ),
    rule("create_network:provider:segmentation_id", ADMIN, "Choose the network's number", op::CREATE_NETWORK),
    rule(
        "get_network",
        "rule:project_reader_or_admin or rule:shared or rule:external",
        "See a network",
        op::GET_NETWORK,
    ),
    rule("get_network:provider:network_type", ADMIN, "See how a network is carried", op::GET_NETWORK_FIELDS),
    rule("update_network", MEMBER, "Change a network", op::UPDATE_NETWORK),
    rule("update_network:shared", ADMIN, "Give a network to every project", op::UPDATE_NETWORK_FIELDS),
    rule("update_network:router:external", ADMIN, "Let routers get out through a network", op::UPDATE_NETWORK_FIELDS),
    rule("update_network:is_default", ADMIN, "Choose the default external network", op::UPDATE_NETWORK_FIELDS),
    rule(
        "update_network:port_security_enabled",
        MEMBER,
        "Say whether the network's ports are protected",
        op::UPDATE_NETWORK_FIELDS,
    ),
    rule("update_network:provider:network_type", ADMIN, "Change how a network is carried", op::UPDATE_NETWORK_FIELDS),
    rule("delete_network", MEMBER, "Delete a network", op::DELETE_NETWORK),
    rule("create_subnet", CHANGED_WITH_NETWORK, "Make a subnet", op::CREATE_SUBNET),
    rule(
        "get_subnet",
        "rule:project_reader_or_admin or rule:network_reader or rule:shared or rule:external",
        "See a subnet",
        op::GET_SUBNET,
    ),
    rule("update_subnet", CHANGED_WITH_NETWORK, "Change a subnet", op::UPDATE_SUBNET),
    rule("delete_subnet", CHANGED_WITH_NETWORK, "Delete a subnet", op::DELETE_SUBNET),
    rule("create_port", MEMBER, "Make a port", op::CREATE_PORT),
    rule("create_port:device_owner", NETWORK_OWNER, "Make a port that acts for the network itself", op::CREATE_PORT),
    rule("create_port:mac_address", NETWORK_OWNER, "Choose a port's MAC address", op::CREATE_PORT),
    rule("create_port:fixed_ips:ip_address", NETWORK_OWNER, "Choose a port's address", op::CREATE_PORT),
    rule("create_port:fixed_ips:subnet_id", NETWORK_OWNER_OR_SHARED, "Choose a port's subnet", op::CREATE_PORT),
    rule("create_port:port_security_enabled", NETWORK_OWNER, "Say whether a port is protected", op::CREATE_PORT),
    rule("create_port:allowed_address_pairs", NETWORK_OWNER, "Let a port send from further addresses", op::CREATE_PORT),
    rule("create_port:binding:host_id", ADMIN, "Choose a port's node", op::CREATE_PORT),
    rule("create_port:binding:profile", ADMIN, "Tell a port's driver something", op::CREATE_PORT),
    rule("create_port:binding:vnic_type", MEMBER, "Choose a port's kind of interface", op::CREATE_PORT),
    rule("get_port", SEEN_WITH_NETWORK, "See a port", op::GET_PORT),
    rule("get_port:binding:host_id", ADMIN, "See a port's node", op::GET_PORT_FIELDS),
    rule("update_port", MEMBER, "Change a port", op::UPDATE_PORT),
    rule("update_port:device_owner", NETWORK_OWNER, "Let a port act for the network itself", op::UPDATE_PORT_FIELDS),
    rule("update_port:mac_address", ADMIN, "Change a port's MAC address", op::UPDATE_PORT_FIELDS),
    rule("update_port:fixed_ips:ip_address", NETWORK_OWNER, "Change a port's address", op::UPDATE_PORT_FIELDS),
    rule("update_port:fixed_ips:subnet_id", NETWORK_OWNER_OR_SHARED, "Change a port's subnet", op::UPDATE_PORT_FIELDS),
    rule("update_port:port_security_enabled", NETWORK_OWNER, "Say whether a port is protected", op::UPDATE_PORT_FIELDS),
    rule(
        "update_port:allowed_address_pairs",
        NETWORK_OWNER,
        "Let a port send from further addresses",
        op::UPDATE_PORT_FIELDS,
    ),
    rule("update_port:binding:host_id", ADMIN, "Change a port's node", op::UPDATE_PORT_FIELDS),
    rule("update_port:binding:profile", ADMIN, "Tell a port's driver something", op::UPDATE_PORT_FIELDS),
    rule("update_port:binding:vnic_type", MEMBER, "Choose a port's kind of interface", op::UPDATE_PORT_FIELDS),
    rule("delete_port", CHANGED_WITH_NETWORK, "Delete a port", op::DELETE_PORT),
    rule("create_router", MEMBER, "Make a router", op::CREATE_ROUTER),
    rule("create_router:external_gateway_info", MEMBER, "Make a router with a way out", op::CREATE_ROUTER),
    rule(
        "create_router:external_gateway_info:enable_snat",
        ADMIN,
        "Say whether a router hides its networks",
        op::CREATE_ROUTER,
    ),
    rule(
        "create_router:external_gateway_info:external_fixed_ips",
        ADMIN,
        "Choose a router's address outside",
        op::CREATE_ROUTER,
    ),
    rule("get_router", READER, "See a router", op::GET_ROUTER),
    rule("update_router", MEMBER, "Change a router", op::UPDATE_ROUTER),
    rule("update_router:external_gateway_info", MEMBER, "Change a router's way out", op::UPDATE_ROUTER_FIELDS),
    rule(
        "update_router:external_gateway_info:enable_snat",
        ADMIN,
        "Say whether a router hides its networks",
        op::UPDATE_ROUTER_FIELDS,
    ),
    rule(
        "update_router:external_gateway_info:external_fixed_ips",
        ADMIN,
        "Choose a router's address outside",
        op::UPDATE_ROUTER_FIELDS,
    ),
    rule("delete_router", MEMBER, "Delete a router", op::DELETE_ROUTER),
    rule("add_router_interface", MEMBER, "Connect a router to a subnet", op::ADD_ROUTER_INTERFACE),
    rule("remove_router_interface", MEMBER, "Disconnect a router from a subnet", op::REMOVE_ROUTER_INTERFACE),
    rule("create_floatingip", MEMBER, "Make a floating IP", op::CREATE_FLOATINGIP),
    rule("create_floatingip:floating_ip_address", ADMIN, "Choose a floating IP's address", op::CREATE_FLOATINGIP),
    rule("get_floatingip", READER, "See a floating IP", op::GET_FLOATINGIP),
    rule("update_floatingip", MEMBER, "Change where a floating IP leads", op::UPDATE_FLOATINGIP),
    rule("delete_floatingip", MEMBER, "Delete a floating IP", op::DELETE_FLOATINGIP),
    rule("create_security_group", MEMBER, "Make a security group", op::CREATE_SECURITY_GROUP),
    rule("get_security_group", READER, "See a security group", op::GET_SECURITY_GROUP),
    rule("update_security_group", MEMBER, "Change a security group", op::UPDATE_SECURITY_GROUP),
    rule("delete_security_group", MEMBER, "Delete a security group", op::DELETE_SECURITY_GROUP),
    rule("create_security_group_rule", MEMBER, "Permit something in a security group", op::CREATE_SECURITY_GROUP_RULE),
    rule("get_security_group_rule", READER, "See a security group's rule", op::GET_SECURITY_GROUP_RULE),
    rule(
        "delete_security_group_rule",
        MEMBER,
        "Take a permission away from a security group",
        op::DELETE_SECURITY_GROUP_RULE,
    ),
    rule("get_quota", READER, "See a project's quota", op::GET_QUOTA),
    rule("get_all_quotas", ADMIN, "See every project's quota", op::GET_ALL_QUOTAS),
    rule("update_quota", ADMIN, "Change a project's quota", op::UPDATE_QUOTA),
    rule("delete_quota", ADMIN, "Give a project the default quota", op::DELETE_QUOTA),
    rule("get_agent", ADMIN, "See the nodes' network agents", op::GET_AGENT),
    rule("get_availability_zone", "@", "See availability zones", op::GET_AVAILABILITY_ZONE),
    rule("get_network_ip_availability", ADMIN, "See how many addresses are in use", op::GET_NETWORK_IP_AVAILABILITY),
    rule("get_service_provider", "@", "See service providers", op::GET_SERVICE_PROVIDER),
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_are_valid() {
        policy::Policy::new(&[identity::BASE_RULES, super::RULES]).unwrap();
    }
}
