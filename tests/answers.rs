//! Whatever a store or a proxy answers to a read: the right bytes or an error; and where there is an error, source
//! and target are as they were.
//!
//! `S3FS_ANSWERS_EVERY=1` judges each operation with all combinations, and not only a quarter of them;
//! `S3FS_ANSWERS_SEED` and `S3FS_ANSWERS_COUNT` say which random combinations are tried, and how many.

mod operations;
mod scripted;

use std::time::Instant;

use self::operations::{OPERATIONS, Operation};
use self::scripted::{ContentRange, ETag, Odd, Server, Status};
use crate::model::number_of;
use test_server::synthetic_bytes;

/// Whether the right bytes have to come, and not only no wrong ones: where the answers say which bytes they have, or
/// have all, the object stays the same, and its size can be known.
fn is_usable(odd: &Odd, operation: &Operation) -> bool {
    let has_range = match odd.content_range {
        ContentRange::Right => true,
        // The size is that of a HEAD.
        ContentRange::Unsized => odd.head_has_length,
        ContentRange::Missing | ContentRange::Other | ContentRange::Short => false,
    };
    let is_read_whole = operation.reads_once && !odd.is_cut;
    let has_bytes = match odd.status {
        Status::AsAsked => has_range || is_read_whole,
        Status::EndRefused => has_range && !odd.is_cut,
        Status::RangeRefused => is_read_whole,
        Status::Always200 => {
            has_range || is_read_whole && odd.content_range == ContentRange::Missing
        }
        Status::Always206 => has_range,
        Status::Transformed => false,
    };
    has_bytes && matches!(odd.e_tag, ETag::Same | ETag::Weak)
}

fn judge(operation: &Operation, odd: Odd) {
    let server = Server::start(odd);
    let contents = [1, 2].map(|seed| synthetic_bytes(seed, 0, odd.size));
    server.put("dir/file", contents[0].clone());
    server.replace_at_second_read("dir/file", contents[1].clone());
    let outcome = (operation.run)(&server);
    let context = format!("{}: {odd:?}: {:?}", operation.name, outcome.error);
    let now = server.get("dir/file");
    // Where the object was replaced, both are right, but not a mixture.
    for copy in &outcome.copies {
        let is_right = |content: &Vec<u8>| *copy == (operation.expected)(content);
        assert!(
            contents.iter().any(is_right),
            "{context}: {} bytes",
            copy.len()
        );
    }
    if outcome.error.is_none() {
        assert_eq!(outcome.copies.len(), 1, "{context}");
    } else {
        assert!(
            operation.copies_first || outcome.copies.is_empty(),
            "{context}"
        );
        assert!(
            contents.iter().any(|content| Some(content) == now.as_ref()),
            "{context}"
        );
    }
    if now.is_none() {
        let last = contents
            .iter()
            .find(|content| Some(*content) == server.deleted().as_ref());
        assert_eq!(
            outcome.copies.first(),
            last,
            "{context}: the only copy is gone"
        );
    }
    assert_eq!(server.weak_conditions(), Vec::<String>::new(), "{context}");
    assert!(
        outcome.error.is_none() || !is_usable(&odd, operation),
        "{context}"
    );
}

/// Each operation with every so many of these, and another operation with others.
fn judge_all(combinations: &[Odd], every: usize) {
    const WORKERS: usize = 4;
    let began = Instant::now();
    let jobs: Vec<(&Operation, Odd)> = OPERATIONS
        .iter()
        .enumerate()
        .flat_map(|(number, operation)| {
            let some = combinations.iter().skip(number % every).step_by(every);
            some.map(move |odd| (operation, *odd))
        })
        .collect();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let jobs = jobs.iter().skip(worker).step_by(WORKERS);
            scope.spawn(move || {
                for (operation, odd) in jobs {
                    judge(operation, *odd);
                }
            });
        }
    });
    println!("{} cases in {:?}", jobs.len(), began.elapsed());
}

#[test]
fn every_answer_gives_the_right_bytes_or_an_error() {
    let every = number_of("S3FS_ANSWERS_EVERY", 4);
    judge_all(&Odd::all(), every as usize);
}

#[test]
fn random_answers_give_the_right_bytes_or_an_error() {
    let seed = number_of("S3FS_ANSWERS_SEED", 1);
    let count = number_of("S3FS_ANSWERS_COUNT", 40);
    println!("S3FS_ANSWERS_SEED={seed} S3FS_ANSWERS_COUNT={count}");
    judge_all(&Odd::random(seed, count as usize), 1);
}
