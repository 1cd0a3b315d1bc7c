//! The operations that each rule is about.

/// Methods and paths.
pub(crate) type Operations = &'static [(&'static str, &'static str)];

pub(crate) const CREATE_NETWORK: Operations = &[("POST", "/networks")];
pub(crate) const GET_NETWORK: Operations = &[
    ("GET", "/networks"),
    ("GET", "/networks/{id}"),
    ("GET", "/networks/{id}/tags"),
    ("GET", "/networks/{id}/tags/{tag}"),
];
pub(crate) const GET_NETWORK_FIELDS: Operations = &[("GET", "/networks"), ("GET", "/networks/{id}")];
pub(crate) const UPDATE_NETWORK: Operations = &[
    ("PUT", "/networks/{id}"),
    ("PUT", "/networks/{id}/tags"),
    ("DELETE", "/networks/{id}/tags"),
    ("PUT", "/networks/{id}/tags/{tag}"),
    ("DELETE", "/networks/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_NETWORK_FIELDS: Operations = &[("PUT", "/networks/{id}")];
pub(crate) const DELETE_NETWORK: Operations = &[("DELETE", "/networks/{id}")];
pub(crate) const CREATE_SUBNET: Operations = &[("POST", "/subnets")];
pub(crate) const GET_SUBNET: Operations = &[
    ("GET", "/subnets"),
    ("GET", "/subnets/{id}"),
    ("GET", "/subnets/{id}/tags"),
    ("GET", "/subnets/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_SUBNET: Operations = &[
    ("PUT", "/subnets/{id}"),
    ("PUT", "/subnets/{id}/tags"),
    ("DELETE", "/subnets/{id}/tags"),
    ("PUT", "/subnets/{id}/tags/{tag}"),
    ("DELETE", "/subnets/{id}/tags/{tag}"),
];
pub(crate) const DELETE_SUBNET: Operations = &[("DELETE", "/subnets/{id}")];
pub(crate) const CREATE_PORT: Operations = &[("POST", "/ports")];
pub(crate) const GET_PORT: Operations =
    &[("GET", "/ports"), ("GET", "/ports/{id}"), ("GET", "/ports/{id}/tags"), ("GET", "/ports/{id}/tags/{tag}")];
pub(crate) const GET_PORT_FIELDS: Operations = &[("GET", "/ports"), ("GET", "/ports/{id}")];
pub(crate) const UPDATE_PORT: Operations = &[
    ("PUT", "/ports/{id}"),
    ("PUT", "/ports/{id}/tags"),
    ("DELETE", "/ports/{id}/tags"),
    ("PUT", "/ports/{id}/tags/{tag}"),
    ("DELETE", "/ports/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_PORT_FIELDS: Operations = &[("PUT", "/ports/{id}")];
pub(crate) const DELETE_PORT: Operations = &[("DELETE", "/ports/{id}")];
pub(crate) const CREATE_ROUTER: Operations = &[("POST", "/routers")];
pub(crate) const GET_ROUTER: Operations = &[
    ("GET", "/routers"),
    ("GET", "/routers/{id}"),
    ("GET", "/routers/{id}/tags"),
    ("GET", "/routers/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_ROUTER: Operations = &[
    ("PUT", "/routers/{id}"),
    ("PUT", "/routers/{id}/tags"),
    ("DELETE", "/routers/{id}/tags"),
    ("PUT", "/routers/{id}/tags/{tag}"),
    ("DELETE", "/routers/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_ROUTER_FIELDS: Operations = &[("PUT", "/routers/{id}")];
pub(crate) const DELETE_ROUTER: Operations = &[("DELETE", "/routers/{id}")];
pub(crate) const ADD_ROUTER_INTERFACE: Operations = &[("PUT", "/routers/{id}/add_router_interface")];
pub(crate) const REMOVE_ROUTER_INTERFACE: Operations = &[("PUT", "/routers/{id}/remove_router_interface")];
pub(crate) const CREATE_FLOATINGIP: Operations = &[("POST", "/floatingips")];
pub(crate) const GET_FLOATINGIP: Operations = &[
    ("GET", "/floatingips"),
    ("GET", "/floatingips/{id}"),
    ("GET", "/floatingips/{id}/tags"),
    ("GET", "/floatingips/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_FLOATINGIP: Operations = &[
    ("PUT", "/floatingips/{id}"),
    ("PUT", "/floatingips/{id}/tags"),
    ("DELETE", "/floatingips/{id}/tags"),
    ("PUT", "/floatingips/{id}/tags/{tag}"),
    ("DELETE", "/floatingips/{id}/tags/{tag}"),
];
pub(crate) const DELETE_FLOATINGIP: Operations = &[("DELETE", "/floatingips/{id}")];
pub(crate) const CREATE_SECURITY_GROUP: Operations = &[("POST", "/security-groups")];
pub(crate) const GET_SECURITY_GROUP: Operations = &[
    ("GET", "/security-groups"),
    ("GET", "/security-groups/{id}"),
    ("GET", "/security-groups/{id}/tags"),
    ("GET", "/security-groups/{id}/tags/{tag}"),
];
pub(crate) const UPDATE_SECURITY_GROUP: Operations = &[
    ("PUT", "/security-groups/{id}"),
    ("PUT", "/security-groups/{id}/tags"),
    ("DELETE", "/security-groups/{id}/tags"),
    ("PUT", "/security-groups/{id}/tags/{tag}"),
    ("DELETE", "/security-groups/{id}/tags/{tag}"),
];
pub(crate) const DELETE_SECURITY_GROUP: Operations = &[("DELETE", "/security-groups/{id}")];
pub(crate) const CREATE_SECURITY_GROUP_RULE: Operations = &[("POST", "/security-group-rules")];
pub(crate) const GET_SECURITY_GROUP_RULE: Operations =
    &[("GET", "/security-group-rules"), ("GET", "/security-group-rules/{id}")];
pub(crate) const DELETE_SECURITY_GROUP_RULE: Operations = &[("DELETE", "/security-group-rules/{id}")];
pub(crate) const GET_QUOTA: Operations = &[
    ("GET", "/quotas/{project_id}"),
    ("GET", "/quotas/{project_id}/default"),
    ("GET", "/quotas/{project_id}/details"),
    ("GET", "/quotas/{project_id}/details.json"),
];
pub(crate) const GET_ALL_QUOTAS: Operations = &[("GET", "/quotas")];
pub(crate) const UPDATE_QUOTA: Operations = &[("PUT", "/quotas/{project_id}")];
pub(crate) const DELETE_QUOTA: Operations = &[("DELETE", "/quotas/{project_id}")];
pub(crate) const GET_AGENT: Operations = &[("GET", "/agents"), ("GET", "/agents/{id}")];
pub(crate) const GET_AVAILABILITY_ZONE: Operations = &[("GET", "/availability_zones")];
pub(crate) const GET_NETWORK_IP_AVAILABILITY: Operations =
    &[("GET", "/network-ip-availabilities"), ("GET", "/network-ip-availabilities/{network_id}")];
pub(crate) const GET_SERVICE_PROVIDER: Operations = &[("GET", "/service-providers")];
