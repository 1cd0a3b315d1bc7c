//! What a token says, as clients read it.

use api::Result;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::caller::{ApplicationData, TrustData};
use crate::directory::Catalog;
use crate::receipt::Receipt;
use crate::token::Token;
use crate::{AccessRule, Identity};

/// The body of an answer with a token.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    token: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    methods: Vec<&'static str>,
    user: User<'a>,
    audit_ids: Vec<String>,
    expires_at: String,
    issued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Project<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_domain: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System>,
    #[serde(rename = "OS-TRUST:trust", skip_serializing_if = "Option::is_none")]
    trust: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_credential: Option<Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "roles")]
    roles: &'a [(String, String)],
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<Catalog>,
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    name: &'a str,
    domain: Named<'a>,
    password_expires_at: Option<String>,
}

#[derive(Serialize)]
struct Project<'a> {
    id: &'a str,
    name: &'a str,
    domain: Named<'a>,
}

#[derive(Serialize)]
struct System {
    all: bool,
}

fn roles<S: Serializer>(roles: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(roles.iter().map(|(id, name)| Named { id, name }))
}

impl<'a> Document<'a> {
    /// What the token says, with the catalog if that is wanted and the token has a scope.
    pub async fn of(identity: &Identity, token: &'a Token, with_catalog: bool) -> Result<Self> {
        let (standing, payload) = (&token.standing, &token.payload);
        let data = &standing.data;
        let mut audit_ids = vec![payload.audit_id_text()];
        if payload.chain_id.is_some() {
            audit_ids.push(payload.chain_id_text());
        }
        let domain_name = standing.domain_name.as_deref().unwrap_or_default();
        let project = data.project_id.as_deref().map(|id| Project {
            id,
            name: data.project_name.as_deref().unwrap_or_default(),
            domain: Named { id: data.project_domain_id.as_deref().unwrap_or_default(), name: domain_name },
        });
        let catalog = match with_catalog && !standing.roles.is_empty() {
            true => Some(identity.catalog_at(token.revision, data).await?),
            false => None,
        };
        let token = Body {
            methods: payload.methods.names(),
            user: User {
                id: &data.user_id,
                name: &data.user_name,
                domain: Named { id: &data.user_domain_id, name: &standing.user_domain_name },
                password_expires_at: standing.password_expires_at.map(api::time::naive_micros),
            },
            audit_ids,
            expires_at: api::time::micros(payload.expires_at),
            issued_at: api::time::micros(payload.issued_at),
            is_domain: project.as_ref().map(|_| false),
            project,
            domain: data.domain_id.as_deref().map(|id| Named { id, name: domain_name }),
            trust: data.trust.as_ref().map(trust),
            application_credential: data.application.as_ref().map(application),
            system: data.system.then_some(System { all: true }),
            roles: &standing.roles,
            catalog,
        };
        Ok(Self { token })
    }
}

fn trust(trust: &TrustData) -> Value {
    json!({
        "id": trust.id,
        "trustor_user": {"id": trust.trustor_id},
        "trustee_user": {"id": trust.trustee_id},
        "impersonation": trust.impersonation,
    })
}

fn application(application: &ApplicationData) -> Value {
    let ApplicationData { id, name, unrestricted, access_rules } = application;
    let mut shown = json!({"id": id, "name": name, "restricted": !unrestricted});
    if let Some(rules) = access_rules {
        let rule = |rule: &AccessRule| json!({"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path});
        shown["access_rules"] = rules.iter().map(rule).collect();
    }
    shown
}

/// What a receipt says, as clients read it.
pub(super) fn receipt(receipt: &Receipt) -> Value {
    let user = &receipt.user;
    json!({
        "receipt": {
            "methods": receipt.methods.names(),
            "user": {
                "id": user.id, "name": user.name, "domain": {"id": user.domain_id, "name": user.domain_name},
            },
            "issued_at": api::time::micros(receipt.issued_at),
            "expires_at": api::time::micros(receipt.expires_at),
        },
        "required_auth_methods": receipt.required,
    })
}
