//! Every test of this program once more over PostgreSQL; in one process, so that one server is enough.

use db::{Db, Options};

use crate::cloud::Cloud;
use crate::{allocations, candidates, providers};

async fn cloud() -> Cloud {
    let address = db::testing::postgres_database().await;
    Cloud::over(Db::open(&Options::Postgres(address)).await.unwrap()).await
}

#[tokio::test]
async fn all_of_it_works_over_postgresql() {
    providers::the_version_document_needs_no_token_on(cloud().await).await;
    providers::only_operators_see_providers_on(cloud().await).await;
    providers::an_unserved_microversion_is_refused_with_the_bounds_on(cloud().await).await;
    providers::providers_live_in_trees_on(cloud().await).await;
    providers::inventories_change_only_at_the_generation_that_was_read_on(cloud().await).await;
    providers::traits_classes_and_aggregates_can_be_managed_on(cloud().await).await;
    allocations::a_claim_succeeds_once_and_no_further_than_capacity_on(cloud().await).await;
    allocations::concurrent_claims_never_exceed_capacity_on(cloud().await).await;
    allocations::unit_bounds_are_kept_on(cloud().await).await;
    allocations::consumers_have_generations_on(cloud().await).await;
    allocations::old_microversions_have_their_own_shapes_on(cloud().await).await;
    allocations::several_consumers_change_together_or_not_at_all_on(cloud().await).await;
    candidates::candidates_have_room_and_traits_on(cloud().await).await;
    candidates::a_refusal_says_what_each_demand_removed_on(cloud().await).await;
    candidates::answers_have_the_shape_of_their_microversion_on(cloud().await).await;
}
