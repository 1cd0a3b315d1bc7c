//! What a cloud must have before anyone can log in.

use api::{Page, Result};
use db::Tx;

use crate::Identity;
use crate::store::assignment::Assignment;
use crate::store::{Extra, Filter, assignment, catalog, domain, project, role, user};

/// The first contents of a cloud.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The password of the user `admin`.
    pub admin_password: String,
    /// The name of the region.
    pub region: String,
    /// The address under which clients reach the cloud: `http://127.0.0.1:8080`.
    pub base_url: String,
    /// The services of the catalog.
    pub services: Vec<BootstrapService>,
}

/// A service of the catalog.
#[derive(Clone, Debug)]
pub struct BootstrapService {
    /// Its type: `compute`.
    pub kind: String,
    /// Its name: `nova`.
    pub name: String,
    /// Where it stands below the base address: `/compute/v2.1`. An address of its own counts as it is.
    pub path: String,
    /// The internal address, if it is another.
    pub internal_url: Option<String>,
    /// The address for administrators, if it is another.
    pub admin_url: Option<String>,
}

impl BootstrapService {
    /// A service with one address for all.
    pub fn new(kind: &str, name: &str, path: &str) -> Self {
        let (kind, name, path) = (kind.to_owned(), name.to_owned(), path.to_owned());
        Self { kind, name, path, internal_url: None, admin_url: None }
    }
}

/// How the first user, project and role are called.
#[derive(Clone, Debug)]
pub struct BootstrapNames {
    /// The user.
    pub username: String,
    /// The project.
    pub project: String,
    /// The role that may do everything.
    pub role: String,
}

impl Default for BootstrapNames {
    fn default() -> Self {
        Self { username: "admin".to_owned(), project: "admin".to_owned(), role: "admin".to_owned() }
    }
}

/// The ids of what [`Identity::bootstrap`] found or made.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// The user `admin`.
    pub user_id: String,
    /// The project `admin`.
    pub project_id: String,
    /// The role `admin`.
    pub role_id: String,
}

const DOMAIN: &str = "default";
const ROLES: &[&str] = &["admin", "manager", "member", "reader", "service"];
const IMPLIED: &[(&str, &str)] = &[("admin", "manager"), ("manager", "member"), ("member", "reader")];

impl Identity {
    /// Makes what is missing of the first domain, project, user, roles and catalog. Run again it changes only what
    /// differs: the admin's password, the addresses of the services.
    pub async fn bootstrap(&self, wanted: &Bootstrap) -> Result<Bootstrapped> {
        self.bootstrap_as(wanted, &BootstrapNames::default()).await
    }

    /// The same with other names.
    pub async fn bootstrap_as(&self, wanted: &Bootstrap, names: &BootstrapNames) -> Result<Bootstrapped> {
        let known = user::by_name(&self.0.db, DOMAIN, &names.username).await?;
        let known_hash = known.as_ref().and_then(|user| user.password_hash.as_deref());
        let same_password = known_hash.is_some() && self.0.passwords.verify(&wanted.admin_password, known_hash).await?;
        let new_hash = if same_password { None } else { Some(self.0.passwords.hash(&wanted.admin_password).await?) };
        let mut making = Making { identity: self, names, tx: self.write().await?, changed: false };
        making.domain().await?;
        let roles = making.roles().await?;
        let project_id = making.project().await?;
        let user_id = making.user(&project_id, new_hash).await?;
        let role_id = roles.into_iter().next().unwrap_or_default();
        making.assignment(&user_id, "project", &project_id, &role_id).await?;
        making.assignment(&user_id, "system", "system", &role_id).await?;
        making.catalog(wanted).await?;
        // Nothing new must not look like a change: tokens stay cached.
        if making.changed {
            making.tx.commit().await?
        } else {
            making.tx.rollback().await?
        }
        Ok(Bootstrapped { user_id, project_id, role_id })
    }
}

struct Making<'a> {
    identity: &'a Identity,
    names: &'a BootstrapNames,
    tx: Tx,
    changed: bool,
}

impl Making<'_> {
    fn id(&self) -> String {
        self.identity.0.runtime.ids.hex()
    }

    async fn domain(&mut self) -> Result<()> {
        if domain::get(&mut self.tx, DOMAIN).await?.is_none() {
            let description = "The default domain".to_owned();
            let (id, name) = (DOMAIN.to_owned(), "Default".to_owned());
            let new = domain::Domain {
                id,
                name,
                description,
                enabled: true,
                options: Extra::default(),
                extra: Extra::default(),
            };
            domain::insert(&mut self.tx, &new).await?;
            self.changed = true;
        }
        Ok(())
    }

    /// The ids of [`ROLES`], in that order.
    async fn roles(&mut self) -> Result<Vec<String>> {
        let immutable: Extra = db::Json([("immutable".to_owned(), true.into())].into_iter().collect());
        let mut ids = Vec::new();
        let roles: Vec<&str> = std::iter::once(self.names.role.as_str()).chain(ROLES.iter().copied().skip(1)).collect();
        for name in &roles {
            let id = match role::by_name(&mut self.tx, name).await? {
                Some(role) => role.id,
                None => {
                    let id = self.id();
                    let new = role::Role {
                        id: id.clone(),
                        name: (*name).to_owned(),
                        domain_id: None,
                        description: None,
                        options: immutable.clone(),
                        extra: Extra::default(),
                    };
                    role::insert(&mut self.tx, &new).await?;
                    self.changed = true;
                    id
                }
            };
            ids.push(id);
        }
        let id_of = |name: &str| ROLES.iter().position(|known| *known == name).and_then(|index| ids.get(index));
        for (prior, implied) in IMPLIED {
            // The first is the one that may have another name.
            if let (Some(prior), Some(implied)) = (id_of(prior), id_of(implied)) {
                self.changed |= role::imply(&mut self.tx, prior, implied).await? > 0;
            }
        }
        Ok(ids)
    }

    async fn project(&mut self) -> Result<String> {
        if let Some(project) = project::by_name(&mut self.tx, DOMAIN, &self.names.project).await? {
            return Ok(project.id);
        }
        let new = project::Project {
            id: self.id(),
            domain_id: DOMAIN.to_owned(),
            parent_id: None,
            name: self.names.project.clone(),
            description: "The administrators' project".to_owned(),
            enabled: true,
            options: Extra::default(),
            extra: Extra::default(),
        };
        project::insert(&mut self.tx, &new).await?;
        self.changed = true;
        Ok(new.id)
    }

    /// The user `admin`, with the password of the hash if one is given.
    async fn user(&mut self, project_id: &str, new_hash: Option<String>) -> Result<String> {
        if let Some(mut known) = user::by_name(&mut self.tx, DOMAIN, &self.names.username).await? {
            if new_hash.is_some() {
                known.password_hash = new_hash;
                known.token_generation += 1;
                user::update(&mut self.tx, &known).await?;
                self.changed = true;
            }
            return Ok(known.id);
        }
        let new = user::User {
            password_hash: new_hash,
            default_project_id: Some(project_id.to_owned()),
            ..user::User::new(
                self.id(),
                DOMAIN.to_owned(),
                self.names.username.clone(),
                self.identity.0.runtime.clock.now(),
            )
        };
        user::insert(&mut self.tx, &new).await?;
        self.changed = true;
        Ok(new.id)
    }

    async fn assignment(&mut self, user_id: &str, kind: &str, target_id: &str, role_id: &str) -> Result<()> {
        let new = Assignment {
            actor_type: "user".to_owned(),
            actor_id: user_id.to_owned(),
            target_type: kind.to_owned(),
            target_id: target_id.to_owned(),
            role_id: role_id.to_owned(),
            inherited: false,
        };
        self.changed |= assignment::insert(&mut self.tx, &new).await?;
        Ok(())
    }

    async fn catalog(&mut self, wanted: &Bootstrap) -> Result<()> {
        if catalog::region_get(&mut self.tx, &wanted.region).await?.is_none() {
            let (id, description) = (wanted.region.clone(), String::new());
            let new = catalog::Region { id, parent_id: None, description, extra: Extra::default() };
            catalog::region_insert(&mut self.tx, &new).await?;
            self.changed = true;
        }
        for service in &wanted.services {
            let id = self.service(service).await?;
            let url = if service.path.starts_with("http") {
                service.path.clone()
            } else {
                format!("{}{}", wanted.base_url.trim_end_matches('/'), service.path)
            };
            let or_public = |other: &Option<String>| other.clone().unwrap_or_else(|| url.clone());
            let urls = [
                ("public", url.clone()),
                ("internal", or_public(&service.internal_url)),
                ("admin", or_public(&service.admin_url)),
            ];
            self.endpoints(&id, &wanted.region, urls).await?;
        }
        Ok(())
    }

    async fn service(&mut self, wanted: &BootstrapService) -> Result<String> {
        let filter = vec![Filter::is("kind", &wanted.kind), Filter::is("name", &wanted.name)];
        if let Some(known) = catalog::service_list(&mut self.tx, filter, &Page::default()).await?.pop() {
            return Ok(known.id);
        }
        let new = catalog::Service {
            id: self.id(),
            kind: wanted.kind.clone(),
            name: wanted.name.clone(),
            description: None,
            enabled: true,
            extra: Extra::default(),
        };
        catalog::service_insert(&mut self.tx, &new).await?;
        self.changed = true;
        Ok(new.id)
    }

    async fn endpoints(&mut self, service_id: &str, region: &str, urls: [(&str, String); 3]) -> Result<()> {
        let filter = vec![Filter::is("service_id", service_id), Filter::is("region_id", region)];
        let known = catalog::endpoint_list(&mut self.tx, filter, &Page::default()).await?;
        for (interface, url) in urls {
            match known.iter().find(|endpoint| endpoint.interface == interface) {
                Some(endpoint) if endpoint.url == url => {}
                Some(endpoint) => {
                    let moved = catalog::Endpoint { url, ..endpoint.clone() };
                    catalog::endpoint_update(&mut self.tx, &moved).await?;
                    self.changed = true;
                }
                None => {
                    let new = catalog::Endpoint {
                        id: self.id(),
                        service_id: service_id.to_owned(),
                        region_id: Some(region.to_owned()),
                        interface: interface.to_owned(),
                        url,
                        enabled: true,
                        extra: Extra::default(),
                    };
                    catalog::endpoint_insert(&mut self.tx, &new).await?;
                    self.changed = true;
                }
            }
        }
        Ok(())
    }
}
