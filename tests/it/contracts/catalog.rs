//! The contract of the catalog port, and of the keys that are kept with it.
//!
//! Each case gets an empty store behind the ports alone; it is listed once and runs on every database.

use actors::ports::{Catalog, Findings, JobStore, SealedKeys};

mod businesses;
mod call_list;
mod copies;
mod custody;
mod examples;
mod fetches;
mod findings;
mod inbox;
mod jobs;
mod keys;
mod legs;
mod news;
mod sqlite;
mod tenancy;
mod unassigned;

trait Store: Catalog + JobStore + Findings + SealedKeys {}

impl<T: Catalog + JobStore + Findings + SealedKeys> Store for T {}

macro_rules! contract {
    ($($subject:ident { $($case:ident),+ $(,)? })+) => {
        mod on_sqlite {
            $(mod $subject {
                $(#[tokio::test]
                async fn $case() {
                    let (_folder, store) = crate::contracts::catalog::sqlite::fresh().await;
                    crate::contracts::catalog::$subject::$case(&store).await;
                })+
            })+
        }
    };
}

contract! {
    businesses {
        they_are_listed_as_they_were_added,
        an_id_is_taken_once,
        a_number_names_one_business_of_an_account,
        tokens_are_listed_newest_first,
        a_token_is_removed_unless_it_is_the_last,
        numbers_come_and_go,
    }
    fetches {
        attempts_are_remembered_until_there_is_a_copy,
        attempts_at_an_unknown_recording_are_refused,
        what_failed_for_a_reason_of_its_own_is_not_wanted_unasked,
        what_was_missing_and_came_is_completed_again,
    }
    inbox {
        an_event_is_stored_once,
        events_are_pending_in_order_until_they_are_applied,
        unreadable_events_are_set_aside_and_block_nobody,
        marking_an_event_that_is_not_there_undoes_everything,
        aborted_requests_leave_it_usable,
        a_call_is_expected_while_news_of_it_is_pending,
        an_event_that_is_set_aside_is_not_pending,
        what_was_found_is_stored_once_and_only_if_it_is_news,
        what_was_dealt_with_is_forgotten_after_a_while,
        how_far_an_account_was_reconciled_is_kept,
    }
    unassigned {
        they_are_listed_until_somebody_gets_them,
        their_calls_are_listed_once_each,
        a_business_gets_events_of_its_own_account_only,
        one_call_or_one_event_can_be_assigned,
        a_call_that_has_a_business_stays_there,
        a_number_more_assigns_what_it_fits,
    }
    news {
        in_any_order_it_ends_the_same,
        late_news_changes_nothing,
        what_news_leaves_out_stays_known,
        completion_is_dated_once,
        a_status_that_no_webhook_brought_obeys_the_same_order,
        what_was_missing_and_is_listed_is_missing_no_more,
        details_are_asked_for_once,
    }
    tenancy {
        another_businesss_key_finds_and_changes_nothing,
        the_only_business_of_an_account_gets_its_calls,
        a_shared_account_is_told_apart_by_our_end_of_the_call,
        what_fits_no_business_is_nobodys,
        events_wait_until_their_call_has_a_business,
        events_wait_until_there_is_a_business_for_them,
        another_accounts_news_of_a_known_call_is_nobodys,
        no_account_can_shadow_anothers_event,
        a_call_never_changes_its_business,
    }
    legs {
        a_leg_makes_its_parent_known,
        a_recording_of_a_leg_is_kept_under_the_parent,
        a_leg_known_as_a_call_moves_with_its_recordings,
        legs_of_legs_hang_under_the_same_call,
        a_circle_of_legs_is_not_followed,
        another_businesss_call_is_no_parent,
    }
    call_list {
        pages_follow_each_other_across_equal_times,
        each_call_comes_with_its_recordings_and_copies,
        filters_narrow_it,
        a_cursor_that_we_did_not_make_is_refused,
    }
    copies {
        a_copy_is_held_until_it_is_withdrawn,
        an_evicted_copy_leaves_its_validators,
        withdrawing_a_replaced_copy_changes_nothing,
        recordings_without_a_copy_are_wanted,
        the_vaults_use_counts_what_is_present,
        the_coldest_leave_first_but_never_the_last_of_its_kind,
    }
    custody {
        a_recording_is_kept_for_a_week_after_its_end,
        overdue_recordings_are_listed_batch_by_batch,
        where_its_end_is_unknown_it_counts_from_when_we_heard_of_it,
        each_business_has_its_own_retention,
        nothing_under_legal_hold_is_let_go,
        a_leg_takes_its_hold_along,
        what_was_expunged_takes_nothing_new,
        erasing_leaves_nothing_but_names,
        news_of_an_erased_call_brings_nothing_back,
        a_leg_that_joins_an_erased_call_is_erased_too,
        another_businesss_call_cannot_be_held_or_erased,
        orders_wait_until_they_are_settled,
        present_copies_are_listed_page_by_page,
    }
    jobs {
        a_completed_recording_is_to_be_transcribed_once,
        a_copy_is_to_be_measured_and_a_later_one_again,
        what_the_business_skips_is_not_begun,
        what_happened_lately_goes_first,
        a_claim_takes_no_more_than_is_wanted,
        a_lease_that_ran_out_is_taken_up_by_the_next,
        who_lost_a_lease_changes_nothing,
        a_lease_that_ran_out_commits_nothing_though_nobody_has_it,
        a_renewed_lease_lasts,
        a_failed_attempt_is_made_again_at_its_time,
        an_interruption_is_no_attempt_but_not_without_end,
        what_was_nobodys_fault_is_no_attempt,
        a_copy_that_is_replaced_while_it_is_measured_is_measured_again,
        what_is_given_back_was_never_tried,
        a_finding_and_the_end_of_its_job_are_one,
        a_dead_job_comes_back_when_an_operator_wants_it,
        a_cancelled_job_takes_nothing,
        jobs_are_listed_page_by_page_and_counted,
        what_is_expunged_has_no_jobs,
    }
    findings {
        a_transcript_is_kept_as_it_was_heard,
        corrections_stand_beside_what_was_heard,
        two_people_do_not_overwrite_each_other_unseen,
        summaries_and_facts_are_kept_with_their_nulls,
        an_appointment_is_proposed_in_the_default_calendar,
        an_appointment_that_somebody_touched_is_not_proposed_again,
        a_calendar_that_goes_leaves_its_appointments,
        calendars_of_a_business_are_its_own,
        appointments_are_listed_in_the_order_of_their_times,
        calls_are_found_by_what_was_said,
        hebrew_is_found_with_and_without_prefixes,
        nobody_finds_or_reads_what_was_said_elsewhere,
        expiry_takes_what_was_said_and_erasure_the_appointment_too,
        a_profile_is_kept,
    }
    keys {
        the_first_key_is_kept,
        whoever_asks_at_once_gets_the_same_key,
        a_key_needs_something_to_belong_to,
        the_key_check_is_kept,
        what_the_master_key_sealed_is_resealed_all_or_nothing,
    }
}
