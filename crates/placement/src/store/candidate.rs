use db::{Db, Result, Sql, sql};

use crate::CandidateRequest;

db::row! {
    /// A provider that fits.
    #[derive(Debug, Clone)]
    pub(crate) struct Found {
        pub(crate) id: String,
        pub(crate) name: String,
        pub(crate) parent_id: Option<String>,
        pub(crate) root_id: String,
    }
}

/// The providers that can give all that is asked. Each demand is a test on an indexed row of the provider, so the
/// search stops as soon as it has found enough.
pub(crate) async fn list(db: &Db, request: &CandidateRequest) -> Result<Vec<Found>> {
    let mut query = sql("SELECT p.id, p.name, p.parent_id, p.root_id FROM placement_providers p WHERE 1 = 1");
    push_demand(&mut query, request);
    if let Some(limit) = request.limit {
        query.push(" LIMIT ").push_bind(limit);
    }
    query.all(db).await
}

/// How many providers meet the demands.
pub(crate) async fn count(db: &Db, request: &CandidateRequest) -> Result<i64> {
    let mut query = sql("SELECT COUNT(*) FROM placement_providers p WHERE 1 = 1");
    push_demand(&mut query, request);
    query.one(db).await
}

/// The largest amount of a class that a provider which meets the other demands can give now.
pub(crate) async fn most(db: &Db, request: &CandidateRequest, class: &str) -> Result<Option<i64>> {
    let mut query = sql("SELECT MAX(CASE WHEN i.capacity - i.used < i.max_unit THEN i.capacity - i.used
            ELSE i.max_unit END) AS most
         FROM placement_providers p JOIN placement_inventories i ON i.provider_id = p.id WHERE i.class = ");
    query.push_bind(class);
    push_demand(&mut query, request);
    query.one(db).await.map(|Maximum(most)| most)
}

struct Maximum(Option<i64>);

impl db::FromRow for Maximum {
    fn from_row(row: &db::Row) -> Result<Self> {
        row.get("most").map(Self)
    }
}

/// Appends the demands as conditions on the provider `p`.
pub(crate) fn push_demand(query: &mut Sql, request: &CandidateRequest) {
    for (class, amount) in &request.resources {
        query.push(" AND EXISTS (SELECT 1 FROM placement_inventories i WHERE i.provider_id = p.id AND i.class = ");
        query.push_bind(class).push(" AND i.used + ").push_bind(*amount).push(" <= i.capacity AND i.min_unit <= ");
        query.push_bind(*amount).push(" AND i.max_unit >= ").push_bind(*amount);
        query.push(" AND ").push_bind(*amount).push(" % i.step_size = 0)");
    }
    for name in &request.required {
        push_traits(query, true, std::slice::from_ref(name));
    }
    for names in &request.required_any {
        push_traits(query, true, names);
    }
    if !request.forbidden.is_empty() {
        push_traits(query, false, &request.forbidden);
    }
    for group in &request.member_of {
        push_aggregates(query, true, group);
    }
    if !request.forbidden_aggregates.is_empty() {
        push_aggregates(query, false, &request.forbidden_aggregates);
    }
    if let Some(id) = &request.in_tree {
        query.push(" AND p.root_id = (SELECT t.root_id FROM placement_providers t WHERE t.id = ");
        query.push_bind(id).push(")");
    }
}

fn push_traits(query: &mut Sql, wanted: bool, names: &[String]) {
    query.push(if wanted { " AND EXISTS" } else { " AND NOT EXISTS" });
    query.push(" (SELECT 1 FROM placement_provider_traits t WHERE t.provider_id = p.id AND t.trait IN ");
    query.push_list(names).push(")");
}

fn push_aggregates(query: &mut Sql, wanted: bool, ids: &[String]) {
    // Being in an aggregate counts for the whole tree when its root is in it.
    query.push(if wanted { " AND EXISTS" } else { " AND NOT EXISTS" });
    query.push(" (SELECT 1 FROM placement_provider_aggregates a WHERE a.provider_id IN (p.id, p.root_id)");
    query.push(" AND a.aggregate_id IN ").push_list(ids).push(")");
}
