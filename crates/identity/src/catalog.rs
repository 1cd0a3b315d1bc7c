//! Regions, services, endpoints, and the catalog made of them.

use api::Result;
use serde_json::{Value, json};

use crate::store::revision;
use crate::{Identity, TokenData};

impl Identity {
    /// The catalog as the token's user sees it.
    pub(crate) async fn catalog(&self, token: &TokenData) -> Result<Value> {
        let directory = self.directory(revision::get(&self.0.db).await?).await?;
        Ok(directory
            .services
            .iter()
            .map(|service| {
                let endpoints = directory.endpoints.iter().filter(|endpoint| endpoint.service_id == service.id);
                let endpoints: Vec<Value> = endpoints
                    .filter_map(|endpoint| {
                        Some(json!({
                            "id": endpoint.id,
                            "interface": endpoint.interface,
                            "region": endpoint.region_id,
                            "region_id": endpoint.region_id,
                            "url": url_for(&endpoint.url, token)?,
                        }))
                    })
                    .collect();
                json!({"id": service.id, "type": service.kind, "name": service.name, "endpoints": endpoints})
            })
            .collect())
    }
}

/// Fills in `%(project_id)s` and its like; `None` when the token has no such thing, so that the endpoint is left out.
fn url_for(template: &str, token: &TokenData) -> Option<String> {
    let mut url = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['%', '$']) {
        let (before, after) = rest.split_at(at);
        url.push_str(before);
        let Some((name, behind)) = after[1..].strip_prefix('(').and_then(|inner| inner.split_once(")s")) else {
            url.push_str(&after[..1]);
            rest = &after[1..];
            continue;
        };
        url.push_str(match name {
            "project_id" | "tenant_id" => token.project_id.as_deref()?,
            "user_id" => &token.user_id,
            "domain_id" => token.domain_id.as_deref()?,
            _ => return None,
        });
        rest = behind;
    }
    url.push_str(rest);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        let token = TokenData { project_id: Some("p".into()), user_id: "u".into(), ..TokenData::default() };
        let url = |template| url_for(template, &token);
        assert_eq!(url("http://h/v3/%(project_id)s").as_deref(), Some("http://h/v3/p"));
        assert_eq!(url("http://h/$(tenant_id)s/x%20y/$(user_id)s").as_deref(), Some("http://h/p/x%20y/u"));
        assert_eq!(url("http://h/%(nothing)s"), None);
        assert_eq!(url("http://h/%(project_id)").as_deref(), Some("http://h/%(project_id)"));
        assert_eq!(url_for("http://h/%(project_id)s", &TokenData::default()), None);
    }
}
