//! [`conformance_tests!`](crate::conformance_tests): the suite as one `#[test]` per case.

/// Defines a `#[test]` for each case of the [suite](crate::conformance), so that the output of `cargo test` names
/// the broken promise.
///
/// The first argument is a function or closure that takes the name of the case and returns an empty filesystem
/// for this case only. Exceptions can follow: cases that the filesystem cannot pass, each with a reason.
/// `cargo test` ignores them, and prints the reason with them.
///
/// ```
/// # #[cfg(test)]
/// mod memory {
///     s3fs::conformance_tests!(|_case: &str| Box::new(s3fs::MemoryFs::new()));
/// }
/// ```
///
/// With exceptions (see [`Exception`](crate::conformance::Exception)):
///
/// ```
/// # #[cfg(test)]
/// mod memory {
///     use s3fs::conformance::Exception;
///
///     const EXCEPTIONS: &[Exception] = &[Exception {
///         case: "settimes_sets_the_times_that_the_filesystem_has",
///         reason: "this filesystem keeps no times",
///     }];
///     s3fs::conformance_tests!(|_case: &str| Box::new(s3fs::MemoryFs::new()), EXCEPTIONS);
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($open:expr) => {
        $crate::conformance_tests!($open, &[]);
    };
    ($open:expr, $exceptions:expr) => {
        $crate::conformance_tests! { @cases ($open) ($exceptions)
            a_path_is_normalized
            a_path_never_leads_above_the_root
            a_path_has_no_nul
            names_may_be_any_unicode
            a_closed_filesystem_returns_an_error
            the_root_is_a_directory
            info_distinguishes_files_from_directories
            a_path_without_a_resource_does_not_exist
            many_infos_are_returned_in_the_order_of_the_paths
            meta_describes_the_filesystem
            details_have_size_and_time
            setinfo_takes_times_and_refuses_permissions
            makedir_makes_an_empty_directory
            makedir_needs_its_parent
            makedir_refuses_an_existing_path
            makedir_over_a_file_is_refused
            listdir_names_each_child_once
            scandir_prefix_returns_the_names_with_the_prefix
            listing_needs_a_directory
            a_directory_opens_as_a_filesystem_of_its_own
            opendir_needs_a_directory
            isempty_is_true_for_empty_directories
            written_bytes_are_read_back
            reading_needs_a_file
            text_is_utf_8
            writing_replaces_the_content
            writing_needs_its_parent
            a_directory_is_not_written
            the_root_is_not_written
            create_returns_whether_it_made_the_file
            touch_makes_a_missing_file
            write_with_publishes_on_success_only
            an_invalid_mode_is_refused
            a_file_is_read_from_anywhere
            w_replaces_the_file_on_close
            x_refuses_an_existing_file
            a_appends
            r_plus_changes_in_place
            w_plus_reads_what_it_wrote
            a_plus_reads_and_appends
            set_len_cuts_and_fills_with_zeros
            a_mode_allows_only_its_operations
            open_is_for_text_unless_b_is_in_the_mode
            a_closed_file_returns_an_error
            an_error_of_the_caller_is_distinguishable
            remove_removes_one_file
            remove_needs_a_file
            remove_many_removes_each_file_or_returns_its_error
            remove_many_keeps_the_directories
            removedir_removes_one_empty_directory
            removedir_needs_an_empty_directory
            the_root_is_not_removed
            a_directory_stays_when_its_last_child_goes
            names_and_paths_are_matched
            filterdir_returns_the_matching_entries
            a_glob_finds_the_matching_entries
            a_glob_searches_below_a_directory
            a_glob_leaves_directories_out
            matches_have_the_info_of_getinfo
            a_glob_counts
            a_glob_removes_the_matching_entries
            a_glob_stays_below_the_root
            a_walk_visits_each_entry_once
            directories_come_first_or_last
            steps_have_the_entries_of_scandir
            a_walk_follows_its_options
            a_walk_needs_a_directory
            a_tree_is_drawn
            upload_stores_the_whole_reader
            an_upload_that_breaks_off_changes_nothing
            an_upload_of_another_size_than_announced_is_whole_or_nothing
            upload_needs_a_place
            download_writes_all_of_a_file
            download_needs_a_file
            appending_adds_to_the_end
            appending_needs_a_place
            makedirs_makes_the_parent_directories
            makedirs_refuses_an_existing_path
            makedirs_is_stopped_by_a_file
            removetree_removes_all_below
            removetree_needs_a_directory
            removetree_of_the_root_empties_it
            removetree_keeps_the_directory_above
            emptydir_keeps_the_directory_alone
            scantree_returns_each_entry_once_and_directories_last
            scantree_enters_the_selected_directories
            getmodified_is_the_time_of_the_last_change
            settimes_sets_the_times_that_the_filesystem_has
            settimes_without_a_time_takes_now
            desc_names_the_resource
            islink_needs_a_resource
            hassyspath_agrees_with_getsyspath
            hasurl_agrees_with_geturl
            a_location_is_the_same_by_any_path
            copy_copies_one_file
            copy_replaces_only_with_overwrite
            copy_needs_a_file
            copy_needs_a_place
            copy_never_replaces_a_directory
            a_file_is_not_copied_onto_itself
            copy_takes_any_content
            movefile_moves_one_file
            movefile_replaces_only_with_overwrite
            movefile_needs_a_file
            movefile_needs_a_place
            movefile_keeps_its_directory
            a_move_onto_itself_does_nothing
            copydir_copies_a_tree_into_another
            copydir_makes_its_target_only_with_create
            copydir_copies_an_empty_directory
            copydir_needs_directories
            copydir_refuses_trees_that_overlap
            movedir_moves_a_tree_into_another
            movedir_makes_its_target_only_with_create
            movedir_keeps_the_parent_of_its_source
            movedir_needs_directories
            movedir_refuses_trees_that_overlap
            times_are_kept_if_the_filesystem_has_them
            a_tree_is_copied_in_and_out
            a_directory_is_copied_into_another
            the_structure_is_copied_without_files
            the_structure_needs_directories
            two_directories_of_one_filesystem_are_two_filesystems
            a_copy_by_the_filesystem_itself_is_complete
            a_file_is_copied_in_and_out
            a_condition_selects_the_copied_files
            a_tree_is_moved_in_and_out
            a_file_is_moved_in_and_out
            a_mirror_makes_one_tree_like_the_other
            the_newer_or_the_older_file_is_copied
            the_time_of_a_file_is_copied_to_another
            times_are_kept_from_one_filesystem_to_another
            hash_is_the_digest_of_the_content
            hash_needs_a_file_and_a_known_name
        }
    };
    (@cases $open:tt $exceptions:tt $($case:ident)*) => {
        $($crate::conformance_tests! { @case $open $exceptions $case })*

        #[test]
        fn every_exception_names_a_case() {
            $crate::conformance::check_exceptions($exceptions);
        }
    };
    (@case ($open:expr) ($exceptions:expr) $case:ident) => {
        #[test]
        fn $case() {
            $crate::conformance::run_case(stringify!($case), &$open, $exceptions);
        }
    };
}

#[cfg(test)]
mod tests {
    /// Returns the names in the macro, in their order.
    fn names() -> Vec<&'static str> {
        let source = include_str!("macros.rs");
        let start = source.find("@cases ($open) ($exceptions)\n").unwrap();
        let lines = source[start..].lines().skip(1).map(str::trim);
        lines.take_while(|line| *line != "}").collect()
    }

    #[test]
    fn the_macro_makes_a_test_of_every_case() {
        let cases: Vec<_> = crate::conformance::cases().map(|case| case.name).collect();
        assert_eq!(names(), cases);
    }
}
