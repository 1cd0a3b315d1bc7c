//! Every test of this program once more over PostgreSQL; in one process, so that one server is enough.

use db::{Db, Options};

use crate::cloud::Cloud;
use crate::{
    access, accounts, assignments, credentials, delegation, domain_configs, endpoints, limits, lists, operations,
    projects, resources, tokens,
};

async fn cloud() -> Cloud {
    let address = db::testing::postgres_database().await;
    let db = Db::open(&Options::Postgres(address)).await.unwrap();
    db.migrate(identity::MIGRATIONS).await.unwrap();
    Cloud::over(db).await
}

#[tokio::test]
async fn all_of_it_works_over_postgresql() {
    resources::clients_find_the_api_on(&cloud().await).await;
    resources::everything_can_be_made_found_changed_and_deleted_on(&cloud().await).await;
    resources::bad_bodies_name_the_field_on(&cloud().await).await;
    resources::lists_come_in_pages_on(&cloud().await).await;
    resources::projects_stand_in_trees_on(&cloud().await).await;
    resources::tags_are_kept_and_searched_on(&cloud().await).await;
    resources::an_enabled_domain_stays_and_a_deleted_one_takes_all_with_it_on(&cloud().await).await;
    resources::the_catalog_follows_services_and_endpoints_on(&cloud().await).await;
    access::users_see_themselves_and_nothing_else_on(&cloud().await).await;
    access::strangers_are_refused_everywhere_on(&cloud().await).await;
    access::a_manager_of_a_domain_stays_in_it_on(&cloud().await).await;
    access::roles_come_by_groups_inheritance_and_implication_on(&cloud().await).await;
    access::what_is_not_there_is_not_there_for_anybody_on(&cloud().await).await;
    access::a_role_of_a_domain_is_only_what_it_implies_on(&cloud().await).await;
    access::assignments_are_listed_as_given_on(&cloud().await).await;
    access::implications_can_be_changed_on(&cloud().await).await;
    tokens::a_password_gives_a_token_that_others_accept_on(&cloud().await).await;
    tokens::bootstrap_twice_changes_only_what_differs_on(&cloud().await).await;
    tokens::every_scope_says_what_it_is_on(&cloud().await).await;
    tokens::refusals_look_the_same_on(&cloud().await).await;
    tokens::malformed_requests_name_the_field_on(&cloud().await).await;
    tokens::a_token_made_from_a_token_joins_its_chain_and_does_not_outlive_it_on(&cloud().await).await;
    tokens::a_token_ends_with_its_time_on(&cloud().await).await;
    tokens::tokens_are_shown_to_those_who_may_see_them_on(&cloud().await).await;
    tokens::a_revoked_token_is_refused_by_every_copy_at_once_on(&cloud().await).await;
    tokens::changes_of_users_projects_and_roles_end_tokens_in_every_copy_on(&cloud().await).await;
    tokens::the_wrong_old_password_changes_nothing_on(&cloud().await).await;
    tokens::a_project_has_the_name_that_another_copy_gave_it_on(&cloud().await).await;
    tokens::a_known_token_costs_one_look_at_the_revision_on(&cloud().await).await;
    tokens::tokens_survive_a_rotation_of_keys_on(&cloud().await).await;
    lists::names_are_found_by_a_part_on(&cloud().await).await;
    lists::lists_are_sorted_as_asked_and_pages_follow_on(&cloud().await).await;
    lists::hostile_filters_find_nothing_and_break_nothing_on(&cloud().await).await;
    projects::what_is_immutable_stays_until_it_is_not_on(&cloud().await).await;
    projects::a_domain_is_a_project_too_on(&cloud().await).await;
    projects::parents_and_subtrees_show_what_the_caller_has_roles_on_on(&cloud().await).await;
    projects::roles_of_a_domain_stay_on_its_projects_on(&cloud().await).await;
    projects::regions_go_with_those_above_and_endpoints_make_theirs_on(&cloud().await).await;
    assignments::effective_assignments_say_where_they_come_from_on(&cloud().await).await;
    assignments::readers_of_a_domain_see_its_assignments_alone_on(&cloud().await).await;
    endpoints::a_project_sees_the_endpoints_that_it_is_shown_on(&cloud().await).await;
    endpoints::the_nearest_policy_document_is_for_an_endpoint_on(&cloud().await).await;
    domain_configs::a_domain_keeps_options_and_shows_those_that_are_no_secret_on(&cloud().await).await;
    limits::limits_are_registered_then_set_for_projects_and_domains_on(&cloud().await).await;
    operations::the_trail_says_who_changed_what_on(&cloud().await).await;
    operations::a_cloud_may_begin_under_other_names_on(&cloud().await).await;
    delegation::an_application_credential_gives_its_roles_on_its_project_on(&cloud().await).await;
    delegation::an_application_credential_is_no_way_up_on(&cloud().await).await;
    delegation::an_application_credential_ends_with_what_it_stands_on_on(&cloud().await).await;
    delegation::access_rules_are_enforced_on(&cloud().await).await;
    delegation::a_bearer_token_comes_by_oauth2_on(&cloud().await).await;
    delegation::a_trust_hands_over_roles_on(&cloud().await).await;
    delegation::a_trust_ends_with_what_it_stands_on_on(&cloud().await).await;
    delegation::uses_of_a_trust_are_counted_exactly_on(&cloud().await).await;
    delegation::a_trust_is_handed_on_within_its_bounds_on(&cloud().await).await;
    credentials::credentials_are_their_owners_on(&cloud().await).await;
    credentials::signed_requests_give_tokens_to_services_on(&cloud().await).await;
    credentials::what_a_delegation_makes_stays_bound_to_it_on(&cloud().await).await;
    credentials::ended_tokens_are_listed_for_services_on(&cloud().await).await;
    accounts::a_passcode_is_good_once_on(&cloud().await).await;
    accounts::rules_ask_for_several_methods_on(&cloud().await).await;
}
