//! Every test of this program once more over PostgreSQL; in one process, so that one server is enough.

use db::{Db, Options};

use crate::cloud::Cloud;
use crate::{allocations, candidates, classes, microversions, providers, reshape};

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
    allocations::generations_tell_what_changed_on(cloud().await).await;
    allocations::a_consumer_can_be_given_to_another_project_on(cloud().await).await;
    allocations::where_more_is_used_than_there_is_less_may_be_taken_but_not_more_on(cloud().await).await;
    candidates::candidates_have_room_and_traits_on(cloud().await).await;
    candidates::a_search_sees_what_changed_a_moment_ago_on(cloud().await).await;
    candidates::a_long_search_answers_as_a_short_one_does_on(cloud().await).await;
    candidates::the_unnamed_group_spreads_over_a_tree_on(cloud().await).await;
    candidates::named_groups_are_met_by_one_provider_each_on(cloud().await).await;
    candidates::groups_can_be_asked_to_be_in_one_subtree_on(cloud().await).await;
    microversions::every_microversion_changes_what_its_history_says_on(cloud().await).await;
    classes::a_class_is_renamed_with_all_that_is_of_it_on(cloud().await).await;
    reshape::inventories_move_with_their_allocations_on(cloud().await).await;
    reshape::a_reshape_that_does_not_fit_changes_nothing_on(cloud().await).await;
    candidates::answers_have_the_shape_of_their_microversion_on(cloud().await).await;
}
