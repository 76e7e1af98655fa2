//! Every read gives the right bytes or an error, whatever a store or a proxy responds. After an error, source
//! and target are unchanged.
//!
//! `S3FS_ANSWERS_EVERY=1` tests each operation with all combinations, and not only a quarter of them;
//! `S3FS_ANSWERS_SEED` and `S3FS_ANSWERS_COUNT` select the random combinations and their number.

mod operations;
mod scripted;

use std::time::Instant;

use self::operations::{OPERATIONS, Operation};
use self::scripted::{ContentRange, ETag, Odd, Server, Status};
use crate::model::number_of;
use test_server::synthetic_bytes;

/// True if the right bytes are required, and not only the absence of wrong ones: the responses declare their bytes or
/// contain all of them, the object stays the same, and its size can be determined.
fn is_usable(odd: &Odd, operation: &Operation) -> bool {
    let has_range = match odd.content_range {
        ContentRange::Right => true,
        // The size comes from a HEAD.
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
    // If the object was replaced, both contents are right, but not a mixture.
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

/// Tests each operation with one in `every` of these combinations; other operations get other ones.
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
fn every_response_gives_the_right_bytes_or_an_error() {
    let every = number_of("S3FS_ANSWERS_EVERY", 4);
    judge_all(&Odd::all(), every as usize);
}

#[test]
fn random_responses_give_the_right_bytes_or_an_error() {
    let seed = number_of("S3FS_ANSWERS_SEED", 1);
    let count = number_of("S3FS_ANSWERS_COUNT", 40);
    println!("S3FS_ANSWERS_SEED={seed} S3FS_ANSWERS_COUNT={count}");
    judge_all(&Odd::random(seed, count as usize), 1);
}
