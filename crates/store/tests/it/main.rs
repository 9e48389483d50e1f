//! The conformance suite: every case runs on SQLite and on PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

#[macro_use]
mod fixtures;

mod access;
mod backup;
mod devices;
mod enrollments;
mod facts;
mod journal;
mod layer;
mod nodes;
mod queue;

/// Makes one test per case on SQLite, and one test of all cases on PostgreSQL: each test is a
/// process of its own to some runners, and a PostgreSQL server per case would be slow.
macro_rules! conformance {
    ($($module:ident { $($case:ident)+ })+) => {
        mod on_sqlite {
            $(mod $module { $(
                #[tokio::test]
                async fn $case() {
                    crate::$module::$case(store::testing::sqlite().await).await;
                }
            )+ })+
        }

        #[tokio::test]
        async fn on_postgres() {
            $($(Box::pin(crate::$module::$case(store::testing::postgres().await)).await;)+)+
        }
    };
}

conformance! {
    layer {
        a_failed_closure_leaves_nothing_and_harms_no_other
        a_panic_is_an_error_of_its_closure_alone
        a_failed_statement_spoils_its_transaction
        a_reader_cannot_write_and_sees_one_moment
        constraints_say_what_they_are
        wakes_come_after_the_commit_and_only_then
        text_with_nul_is_kept_readable
    }
    devices {
        a_device_comes_back_as_it_went
        an_update_needs_the_present_version
        a_udid_is_unique_where_it_is_known
        pages_in_every_order_hold_every_device_once
        each_filter_holds
        counts_tell_platform_state_and_ownership
    }
    enrollments {
        one_living_enrollment_per_native_key
        ending_a_device_ends_its_users_and_their_pushes
        push_info_and_activation
        last_seen_never_goes_back
        a_certificate_is_pinned_once_and_for_ever
        revoked_and_expiring_certificates
        a_token_is_used_as_often_as_it_allows
        a_challenge_is_used_once
    }
    queue {
        the_head_is_the_most_urgent_then_the_oldest
        deferred_commands_wait_for_a_fresh_connection
        a_finished_command_moves_to_the_history_once
        the_same_wish_is_queued_once
        expired_commands_are_never_offered
        a_push_is_claimed_by_one_and_ends_with_the_queue
        history_pages_over_queue_and_past
    }
    facts {
        facts_come_back_and_raw_reports_are_bounded
        a_device_gets_its_declarations_and_those_for_all
        snapshots_keep_the_newest
        secrets_supersede_and_stay
        keys_and_settings
    }
    journal {
        sealing_makes_a_chain_that_verifies
        two_sealers_make_one_chain
        the_journal_cannot_be_changed
        filters_and_cursors
        webhooks_follow_the_journal
    }
    access {
        sessions_end_and_links_work_once
        api_tokens_and_idempotency_keys
        a_lease_has_one_holder
    }
    backup {
        a_backup_restores_into_an_empty_database
        a_dump_moves_to_the_other_database_and_back
        check_finds_what_is_wrong
    }
}
