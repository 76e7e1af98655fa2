//! Runs every operation of the filesystem against every kind of fault, at each of its requests in turn. The operation
//! succeeds, or fails in time with a proper error. Afterwards the bucket has its old content or the result of the
//! operation, and no multipart upload is left behind.
//!
//! `S3FS_FAULTS_EVERY=1` runs all combinations, and not only a part of them; `S3FS_FAULTS_SEED` selects the part.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use s3fs::{
    CancelToken, ChecksumAlgorithm, ErrorKind, FileSystemExt as _, Result, S3Fs, S3FsBuilder,
    UploadArgs,
};
use test_server::{Answer, Bucket, Fault, LoggedRequest, Rule, Server, Upload};

use crate::model::number_of;
use crate::{common, logged};
use cases::{Case, PART};

/// A fault, and its permitted results.
#[derive(Clone, Copy)]
struct Trouble {
    name: &'static str,
    fault: fn() -> Fault,
    /// The errors with which an affected operation may fail.
    kinds: &'static [ErrorKind],
    /// The requests that the fault can affect; empty for all.
    of: &'static [&'static str],
    /// Whether the fault is a response that leaves open whether the request took effect.
    is_vague: bool,
}

impl Trouble {
    /// Restricts the fault to these requests.
    const fn of(self, of: &'static [&'static str]) -> Self {
        Self { of, ..self }
    }

    /// Marks a fault that leaves open whether the request took effect.
    const fn vague(self) -> Self {
        Self {
            is_vague: true,
            ..self
        }
    }

    fn is_of(&self, request: &str) -> bool {
        self.of.is_empty() || self.of.contains(&request)
    }

    /// Whether an affected request may take effect without a complete response.
    fn loses_answers(&self) -> bool {
        use Fault::{Corrupt, Drip, DropAfter, Reset, ResetBody, StallAnswer, StallBody, Truncate};
        matches!(
            (self.fault)(),
            Corrupt(_)
                | DropAfter
                | Drip { .. }
                | Reset(_)
                | ResetBody(_)
                | StallAnswer(_)
                | StallBody(_)
                | Truncate(_)
        )
    }

    /// Whether a client cannot determine that an affected request had no effect. A broken connection looks the same
    /// whether or not the request took effect.
    fn may_leave_unsure(&self) -> bool {
        self.is_vague || !matches!((self.fault)(), Fault::Answer(_) | Fault::CorruptUpload(_))
    }
}

use ErrorKind::{
    InsufficientStorage, OperationFailed, OutcomeUnknown, PermissionDenied, RemoteConnection,
    ResourceChanged, Timeout, Unsupported,
};

const fn trouble(name: &'static str, fault: fn() -> Fault, kinds: &'static [ErrorKind]) -> Trouble {
    Trouble {
        name,
        fault,
        kinds,
        of: &[],
        is_vague: false,
    }
}

/// Faults that do not affect the next attempt.
const PASSING: &[Trouble] = &[
    trouble(
        "500",
        || Fault::error(500, "InternalError"),
        &[OperationFailed],
    )
    .vague(),
    trouble("503", || Fault::error(503, "SlowDown"), &[OperationFailed]),
    trouble(
        "429",
        || Fault::retry_after(429, "TooManyRequests", 0),
        &[OperationFailed],
    ),
    trouble(
        "a gateway's page",
        || Fault::Answer(Answer::html(502, "<html>")),
        &[OperationFailed],
    )
    .vague(),
    trouble(
        "a gateway that waited",
        || Fault::Answer(Answer::html(504, "<html>")),
        &[OperationFailed],
    )
    .vague(),
    trouble(
        "a conflict of writers",
        || Fault::error(409, "ConditionalRequestConflict"),
        &[],
    )
    .of(&["PutObject", "CopyObject"]),
    trouble(
        "408",
        || Fault::error(408, "RequestTimeout"),
        &[OperationFailed],
    ),
    trouble(
        "an error with 200 that passes",
        || Fault::error(200, "InternalError"),
        &[OperationFailed],
    )
    .vague()
    .of(&["CopyObject", "UploadPartCopy", "CompleteMultipartUpload"]),
    trouble(
        "late",
        || Fault::Delay(Duration::from_millis(10)),
        &[OperationFailed],
    ),
    trouble("dropped before", || Fault::DropBefore, &[RemoteConnection]),
    trouble("dropped after", || Fault::DropAfter, &[RemoteConnection]),
    trouble("reset before", || Fault::ResetBefore, &[RemoteConnection]),
    trouble("reset after", || Fault::Reset(0), &[RemoteConnection]),
    trouble(
        "reset in the head",
        || Fault::Reset(60),
        &[RemoteConnection],
    ),
    trouble(
        "reset in the body",
        || Fault::ResetBody(9),
        &[RemoteConnection],
    ),
    trouble(
        "cut in the body",
        || Fault::Truncate(5),
        &[RemoteConnection],
    ),
    trouble(
        "reset in the upload",
        || Fault::ResetUpload(3),
        &[RemoteConnection],
    ),
];

/// Faults that damage the sent bytes, but not at the next attempt.
const DAMAGING: &[Trouble] = &[trouble(
    "damaged in the upload",
    || Fault::CorruptUpload(2),
    &[OperationFailed],
)
.of(&["PutObject", "UploadPart", "DeleteObjects"])];

/// Responses that request a pause of a second.
const PAUSING: &[Trouble] = &[trouble(
    "503 for a second",
    || Fault::retry_after(503, "ServiceUnavailable", 1),
    &[],
)
.vague()
.of(&[
    "CompleteMultipartUpload",
    "CopyObject",
    "DeleteObject",
    "PutObject",
])];

/// Stalls that do not affect the next attempt.
const STALLING: &[Trouble] = &[
    trouble("stalls", || Fault::Stall, &[Timeout]),
    trouble("stalls after", || Fault::StallAnswer(0), &[Timeout]),
    trouble("stalls in the head", || Fault::StallAnswer(60), &[Timeout]),
    trouble("stalls in the body", || Fault::StallBody(7), &[Timeout]),
    trouble("stalls in the upload", || Fault::StallUpload(3), &[Timeout]),
    trouble(
        "drips",
        || Fault::Drip {
            bytes: 8,
            pause: Duration::from_millis(40),
        },
        &[Timeout],
    ),
];

/// Faults that also affect the next attempts.
const LASTING: &[Trouble] = &[
    trouble(
        "403",
        || Fault::error(403, "AccessDenied"),
        &[PermissionDenied],
    ),
    trouble(
        "501",
        || Fault::error(501, "NotImplemented"),
        &[Unsupported],
    ),
    trouble(
        "507",
        || Fault::error(507, "StorageFull"),
        &[InsufficientStorage],
    ),
    trouble(
        "an expired token",
        Fault::expired_token,
        // The response to a HEAD has no body.
        &[PermissionDenied, OperationFailed],
    ),
    trouble(
        "an unknown region",
        || Fault::wrong_region(301, "no-region-1"),
        &[OperationFailed],
    ),
    trouble(
        "a wrong region",
        || Fault::wrong_region(400, "eu-west-9"),
        &[OperationFailed],
    ),
    trouble(
        "a conflict of writers",
        || Fault::error(409, "ConditionalRequestConflict"),
        &[OperationFailed, ResourceChanged],
    )
    .of(&["CompleteMultipartUpload"]),
    trouble(
        "a portal's page",
        || Fault::Answer(Answer::html(200, "<html>")),
        &[OperationFailed],
    )
    .vague(),
    trouble(
        "an error with 200",
        || Fault::error(200, "InternalError"),
        &[OperationFailed],
    )
    .vague(),
    // Damaged content is detected only with a checksum.
    trouble("a damaged answer", || Fault::Corrupt(0), &[OperationFailed]).of(&[
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "DeleteObjects",
        "GetObjectTagging",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjectsV2",
        "UploadPartCopy",
    ]),
];

/// Faults that affect all requests from one on.
const ENDURING: &[Trouble] = &[
    trouble(
        "500",
        || Fault::error(500, "InternalError"),
        &[OperationFailed],
    )
    .vague(),
    trouble(
        "403",
        || Fault::error(403, "AccessDenied"),
        &[PermissionDenied],
    ),
    trouble("dropped before", || Fault::DropBefore, &[RemoteConnection]),
    trouble("reset after", || Fault::Reset(0), &[RemoteConnection]),
    trouble(
        "cut in the body",
        || Fault::Truncate(5),
        &[RemoteConnection],
    ),
    trouble(
        "reset in the upload",
        || Fault::ResetUpload(3),
        &[RemoteConnection],
    ),
];

/// Everything that a bucket shows of its objects.
type State = BTreeMap<String, Shown>;

#[derive(Clone, PartialEq)]
struct Shown {
    content: Vec<u8>,
    headers: BTreeMap<String, String>,
    tags: Vec<(String, String)>,
}

/// Prints enough to distinguish objects; all bytes of all objects would fill screens with numbers.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = &self.content[..self.content.len().min(12)];
        write!(
            f,
            "{} bytes \"{}\"",
            self.content.len(),
            start.escape_ascii()
        )
    }
}

/// Returns the objects that are neither in the old nor in the new state: key, current state, old and expected state.
fn differences(before: &State, after: &State, now: &State) -> Vec<String> {
    let keys: BTreeSet<_> = before
        .keys()
        .chain(after.keys())
        .chain(now.keys())
        .collect();
    let changed = keys.into_iter().filter(|key| {
        let found = now.get(*key);
        found != before.get(*key) || found != after.get(*key)
    });
    let shown = |state: &State, key| match state.get(key) {
        Some(shown) => format!("{shown:?}"),
        None => "nothing".to_owned(),
    };
    changed
        .map(|key| {
            let (now, before, after) = (shown(now, key), shown(before, key), shown(after, key));
            format!("{key}: {now} (before: {before}; wanted: {after})")
        })
        .collect()
}

fn state(bucket: &Bucket) -> State {
    let shown = |key: String| {
        let object = bucket.get(&key)?;
        let mut headers = object.headers.clone();
        // The mark of an exclusive write differs from one write to the next.
        headers.retain(|name, _| !name.contains("nonce"));
        let content = object.bytes();
        Some((
            key,
            Shown {
                content,
                headers,
                tags: object.tags,
            },
        ))
    };
    bucket.keys().into_iter().filter_map(shown).collect()
}

/// True if each key is in the old or the new state, and no content is lost that both states have.
fn is_between(before: &State, after: &State, now: &State) -> bool {
    let keys = before.keys().chain(after.keys()).chain(now.keys());
    let each = keys.into_iter().all(|key| {
        let found = now.get(key);
        found == before.get(key) || found == after.get(key)
    });
    let has = |state: &State, content: &[u8]| state.values().any(|shown| shown.content == content);
    let stays = |shown: &&Shown| has(after, &shown.content);
    each && before
        .values()
        .filter(stays)
        .all(|shown| has(now, &shown.content))
}

/// The result of an operation without faults.
struct Rehearsal {
    /// The operation of each request.
    requests: Vec<&'static str>,
    /// Number of rejected requests.
    refused: usize,
    before: State,
    after: State,
    answer: String,
}

fn asked(server: &Server) -> Vec<&'static str> {
    let requests = server.take_requests().into_iter();
    requests.map(|request| request.operation).collect()
}

/// A server with a bucket for each run.
struct Stage {
    server: Server,
    buckets: usize,
    strict: bool,
    configure: Configure,
}

impl Stage {
    fn new(strict: bool, configure: Configure) -> Self {
        Self {
            server: Server::builder().min_part_size(PART as u64).start(),
            buckets: 0,
            strict,
            configure,
        }
    }

    fn set(&mut self, case: &Case, patience: u32) -> (Bucket, S3Fs) {
        self.buckets += 1;
        let name = format!("bucket-{}", self.buckets);
        let bucket = self.server.bucket(&name);
        cases::arrange(&bucket);
        let builder = common::builder_of(&self.server, &name)
            .strict(self.strict)
            .max_attempts(4)
            .retry_base_delay(Duration::from_millis(1))
            .part_size(case.part_size)
            .min_part_size(PART as u64);
        let fs = (self.configure)(builder, patience)
            .build()
            .expect("parameters that can be");
        self.server.take_requests();
        (bucket, fs)
    }

    fn rehearse(&mut self, case: &Case) -> Rehearsal {
        let (bucket, fs) = self.set(case, PATIENCE[PATIENCE.len() - 1]);
        let before = state(&bucket);
        let answer = case
            .act(&fs)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let requests = self.server.take_requests();
        let is_refused = |request: &&LoggedRequest| matches!(request.status, Some(301 | 400 | 403));
        Rehearsal {
            refused: requests.iter().filter(is_refused).count(),
            requests: requests.iter().map(|request| request.operation).collect(),
            before,
            after: state(&bucket),
            answer,
        }
    }

    /// Runs the case while a request meets the fault, and returns what is wrong with the outcome.
    ///
    /// A run in which the client timed out on a request without a fault has no result, because the machine was too
    /// busy to respond in time: it is repeated with longer timeouts.
    fn run(&mut self, case: &Case, wanted: &Rehearsal, meeting: Meeting) -> Result<(), String> {
        let mut said = Ok(());
        for patience in PATIENCE {
            let (judged, timeouts) = self.run_once(case, wanted, meeting, *patience);
            said = judged;
            if said.is_ok() || timeouts <= 1 {
                break;
            }
        }
        said
    }

    /// Runs the case once, and also returns the number of timeouts of the client.
    fn run_once(
        &mut self,
        case: &Case,
        wanted: &Rehearsal,
        meeting: Meeting,
        patience: u32,
    ) -> (Result<(), String>, usize) {
        let (bucket, fs) = self.set(case, patience);
        let rule = Rule::any().nth(meeting.nth);
        let rule = if meeting.always { rule.always() } else { rule };
        let faults = self.server.faults();
        faults.add(rule, (meeting.trouble.fault)());
        let began = Instant::now();
        let mut result = Ok(String::new());
        let warnings = logged::warnings(|| result = case.act(&fs));
        let outcome = Outcome {
            result,
            took: began.elapsed(),
            state: state(&bucket),
            warnings,
            uploads: bucket.uploads(),
            requests: asked(&self.server),
        };
        faults.clear();
        let judged = outcome.judge(case, wanted, meeting).and_then(|()| {
            let reads = || {
                fs.readbytes("other/x")
                    .is_ok_and(|read| read == b"elsewhere")
            };
            must(
                outcome.result.is_ok() || reads(),
                "afterwards nothing can be read",
            )?;
            let stale = || fs.stale_uploads("/", Duration::ZERO);
            let all = |found: Vec<_>| found.len() == outcome.uploads.len();
            let are_found = outcome.uploads.is_empty() || stale().is_ok_and(all);
            must(are_found, "an upload cannot be found")
        });
        let judged = judged.map_err(|what| {
            let (strict, trouble) = (self.strict, meeting.trouble.name);
            let which = if meeting.always { "from" } else { "at" };
            let (nth, requests) = (meeting.nth, &wanted.requests);
            let request = requests[nth - 1];
            format!(
                "{} (strict: {strict}), {trouble} {which} request {nth} of {}, {request}: {what}\n{}",
                case.name,
                requests.len(),
                outcome.in_short(wanted)
            )
        });
        (judged, outcome.timeouts())
    }
}

/// A fault and the affected requests: the `nth`, or that one and all after it.
#[derive(Clone, Copy)]
struct Meeting {
    trouble: &'static Trouble,
    nth: usize,
    always: bool,
    /// Whether the fault is absent at the next attempt.
    passes: bool,
}

/// The outcome of a run.
struct Outcome {
    result: Result<String>,
    took: Duration,
    state: State,
    warnings: Vec<String>,
    uploads: Vec<Upload>,
    requests: Vec<&'static str>,
}

/// Returns the start of a text, of one or two lines.
fn start_of(text: &str) -> String {
    let start: String = text.chars().take(300).collect();
    if start.len() < text.len() {
        start + "..."
    } else {
        start
    }
}

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

impl Outcome {
    /// Number of times that the client timed out on a silent server.
    fn timeouts(&self) -> usize {
        let retried = self.warnings.iter();
        let retried = retried
            .filter(|warning| warning.contains("in time"))
            .count();
        let failed = self
            .result
            .as_ref()
            .is_err_and(|error| error.kind() == Timeout);
        retried + usize::from(failed)
    }

    /// Formats the result, the requests and the content of the bucket, in a few lines.
    fn in_short(&self, wanted: &Rehearsal) -> String {
        let result = match &self.result {
            Ok(answer) if *answer == wanted.answer => "Ok, the answer that was wanted".to_owned(),
            Ok(answer) => format!("Ok: {}", start_of(answer)),
            Err(error) => format!("{:?}: {error}", error.kind()),
        };
        let uploads: Vec<_> = self.uploads.iter().map(|upload| &upload.id).collect();
        let differences = differences(&wanted.before, &wanted.after, &self.state);
        let lines = [
            format!("result: {result}"),
            format!("requests: {:?}", self.requests),
            format!("uploads: {uploads:?}"),
            format!("warnings: {:#?}", self.warnings),
            format!("changed objects: {differences:#?}"),
        ];
        let lines = lines.iter().flat_map(|line| line.lines());
        lines
            .take(20)
            .map(|line| format!("    {}\n", start_of(line)))
            .collect()
    }

    fn judge(&self, case: &Case, wanted: &Rehearsal, meeting: Meeting) -> Result<(), String> {
        must(self.took < LONGEST, "it took too long")?;
        let (before, after) = (&wanted.before, &wanted.after);
        match &self.result {
            Ok(answer) => {
                must(*answer == wanted.answer, "the answer is another")?;
                must(self.state == wanted.after, "it is not done")?;
            }
            Err(error) => {
                // After a lost response, the writer of an existing copy is unknown.
                let may_be_unsure = meeting.trouble.may_leave_unsure();
                let is_unsure = error.kind() == OutcomeUnknown && may_be_unsure;
                let may_fail = case.copies_to_new && is_unsure;
                must(
                    !meeting.passes || may_fail,
                    "it should have been tried again",
                )?;
                let kinds = meeting.trouble.kinds;
                let is_told = kinds.contains(&error.kind()) || is_unsure;
                must(is_told, "that is not what happened")?;
                let says_so = error.kind() == OutcomeUnknown
                    || error.to_string().contains("may have taken effect");
                must(!says_so || may_be_unsure, "it was surely not done")?;
                let is_done = case.is_atomic && before != after && self.state == *after;
                must(!is_done || says_so, "it is done, and that is not said")?;
                must(error.path().is_some(), "which path it was is not said")?;
            }
        }
        let may_be = match case.is_atomic {
            true => self.state == *before || self.state == *after,
            false => is_between(before, after, &self.state),
        };
        must(may_be, "it is half done")?;
        let is_excused = |upload: &Upload| self.is_excused(upload, meeting);
        must(
            self.uploads.iter().all(is_excused),
            "an upload is left behind",
        )
    }

    /// True if the client had no way to abort the upload, or has logged that it could not.
    fn is_excused(&self, upload: &Upload, meeting: Meeting) -> bool {
        // Its id was in the lost response: `stale_uploads` finds it.
        let met = self.requests.get(meeting.nth - 1..).unwrap_or_default();
        let met = if meeting.always {
            met
        } else {
            &met[..met.len().min(1)]
        };
        let is_unknown = upload.parts.is_empty()
            && meeting.trouble.loses_answers()
            && met.contains(&"CreateMultipartUpload");
        // The abort meets the same fault, or the time ran out, or the state of the upload is unknown.
        let is_unsure = self
            .result
            .as_ref()
            .is_err_and(|error| error.kind() == OutcomeUnknown);
        let may_not = meeting.always || meeting.trouble.kinds.contains(&Timeout) || is_unsure;
        let is_told = may_not && self.warnings.iter().any(|told| told.contains(&upload.id));
        is_unknown || is_told
    }
}

/// Maximum time of an operation, despite any stall: this detects calls that hang.
const LONGEST: Duration = common::LONGEST;

/// Factors for the timeout of the client, of one attempt after the other.
const PATIENCE: &[u32] = &[1, 8, 64];

const WORKERS: usize = 4;

/// Stalls take time, but no CPU.
const PATIENT_WORKERS: usize = 12;

/// A test run takes one in `EVERY` combinations; `S3FS_FAULTS_EVERY=1` takes all.
const EVERY: u64 = 8;

/// Duration of a fault.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// One request meets the fault, and its retry does not.
    Passes,
    /// One request meets the fault, and is not retried.
    Refuses,
    /// All requests from one on meet the fault.
    Always,
}

/// Configures a filesystem; the number is one of [`PATIENCE`].
type Configure = fn(S3FsBuilder, u32) -> S3FsBuilder;

/// Maximum number of printed failures.
const SHOWN_FAILURES: usize = 5;

/// Runs every case with each fault, at each request in turn.
fn play(workers: usize, troubles: &'static [Trouble], manner: Manner, configure: Configure) {
    let work = Mutex::new(cases::all());
    let (failures, runs) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let possible = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut stages = [true, false].map(|strict| Stage::new(strict, configure));
                loop {
                    let next = work.lock().unwrap().next();
                    let Some(case) = next else { return };
                    for played in play_case(&mut stages, case, troubles, manner) {
                        possible.fetch_add(played.possible, Ordering::Relaxed);
                        runs.fetch_add(played.runs, Ordering::Relaxed);
                        failures.lock().unwrap().extend(played.failures);
                    }
                }
            });
        }
    });
    let (failures, runs) = (failures.into_inner().unwrap(), runs.into_inner());
    let told = failures[..failures.len().min(SHOWN_FAILURES)].join("\n");
    assert!(
        failures.is_empty(),
        "{} of {runs} runs, the first of them:\n{told}",
        failures.len()
    );
    // Without this check, a table that lost its cases or its faults would pass too.
    let of_all = troubles.iter().filter(|trouble| trouble.of.is_empty());
    let least = (400 * of_all.count()).max(60);
    let possible = possible.into_inner();
    assert!(possible > least, "{possible} combinations are too few");
}

/// True if a test run includes the combination.
fn is_chosen(what: impl Hash) -> bool {
    let every = number_of("S3FS_FAULTS_EVERY", EVERY);
    let seed = number_of("S3FS_FAULTS_SEED", 1);
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    hasher.hash_one((seed, what)).is_multiple_of(every)
}

/// The results of a case on one stage.
struct Played {
    /// Number of combinations.
    possible: usize,
    /// Number of combinations that were run.
    runs: usize,
    failures: Vec<String>,
}

/// Runs a case on each stage whose requests differ from those of the earlier stages.
fn play_case(
    stages: &mut [Stage],
    case: &'static Case,
    troubles: &'static [Trouble],
    manner: Manner,
) -> Vec<Played> {
    let mut seen = Vec::new();
    let mut played = Vec::new();
    for stage in stages {
        let wanted = stage.rehearse(case);
        if seen.contains(&wanted.requests) {
            continue;
        }
        let can_meet = |trouble: &'static Trouble| {
            let requests = 1..=wanted.requests.len();
            let can_meet = |nth: &usize| trouble.is_of(wanted.requests[nth - 1]);
            requests.filter(can_meet).map(move |nth| (trouble, nth))
        };
        let possible: Vec<_> = troubles.iter().flat_map(can_meet).collect();
        let is_of_these =
            |(trouble, nth): &(&'static Trouble, usize)| is_chosen((case.name, trouble.name, *nth));
        let chosen = possible.iter().copied().filter(is_of_these);
        let failed: Vec<Option<String>> = chosen
            .map(|(trouble, nth)| {
                let meeting = Meeting {
                    trouble,
                    nth,
                    always: manner == Manner::Always,
                    passes: manner == Manner::Passes,
                };
                stage.run(case, &wanted, meeting).err()
            })
            .collect();
        played.push(Played {
            possible: possible.len(),
            runs: failed.len(),
            failures: failed.into_iter().flatten().collect(),
        });
        seen.push(wanted.requests);
    }
    played
}

/// Shortens the timeouts for stalls.
fn impatient(builder: S3FsBuilder, patience: u32) -> S3FsBuilder {
    let timeout = Duration::from_millis(250) * patience;
    builder.response_timeout(timeout).stall_timeout(timeout)
}

#[test]
fn a_request_that_fails_once_leaves_nothing_half_done() {
    play(WORKERS, PASSING, Manner::Passes, |builder, _| builder);
}

#[test]
fn a_retry_after_response_leaves_nothing_half_done() {
    play(PATIENT_WORKERS, PAUSING, Manner::Passes, |builder, _| {
        builder
    });
}

#[test]
fn a_damaged_body_leaves_nothing_half_done() {
    play(WORKERS, DAMAGING, Manner::Passes, |builder, _| {
        let crc32c = ChecksumAlgorithm::Crc32c;
        builder.upload_args(UploadArgs::new().checksum_algorithm(crc32c))
    });
}

#[test]
fn every_operation_corrects_the_region_and_the_clock() {
    for strict in [true, false] {
        let mut at_home = Stage::new(strict, |builder, _| builder);
        let mut abroad = Stage::new(strict, |builder, _| builder.region("eu-west-1"));
        abroad.server.set_clock_ahead(7200);
        // The objects of the server have the times of this machine, which then do not match its `Date`.
        let by_times = |case: &&Case| case.name != cases::BY_TIMES;
        for case in cases::all().filter(by_times) {
            let (wanted, found) = (at_home.rehearse(case), abroad.rehearse(case));
            assert_eq!(found.answer, wanted.answer, "{}", case.name);
            assert_eq!(found.after, wanted.after, "{}", case.name);
            let is_corrected = found.refused > 0 || wanted.requests.is_empty();
            assert!(is_corrected, "{}: nothing was refused at first", case.name);
        }
    }
}

#[test]
fn no_operation_waits_for_an_unreachable_server() {
    for strict in [true, false] {
        let mut stage = Stage::new(strict, |builder, _| builder);
        stage.server.stop();
        for case in cases::all() {
            let (bucket, fs) = stage.set(case, 1);
            let (before, began) = (state(&bucket), Instant::now());
            let Err(error) = case.act(&fs) else {
                assert_eq!(fs.stats().requests, 0, "{}", case.name);
                continue;
            };
            assert_eq!(error.kind(), RemoteConnection, "{}: {error}", case.name);
            assert!(error.path().is_some(), "{}: {error}", case.name);
            assert!(began.elapsed() < LONGEST, "{}", case.name);
            assert_eq!(state(&bucket), before);
        }
    }
}

/// In that process, a new thread would need a stack larger than any system provides.
const NO_THREADS: (&str, &str) = ("RUST_MIN_STACK", "1125899906842624");

/// The endpoint of the server, for the process without threads.
const ENDPOINT: &str = "S3FS_FAULTS_ENDPOINT";

/// Prefix of the output of that process for each operation.
const SAID: &str = "without threads: ";

#[test]
fn every_operation_works_where_the_system_has_no_threads() {
    if common::given_to_child().is_some() {
        return without_threads();
    }
    let mut stage = Stage::new(false, |builder, _| builder);
    let wanted: Vec<_> = cases::all().map(|case| stage.rehearse(case)).collect();
    let first = (stage.buckets + 1).to_string();
    let buckets: Vec<_> = cases::all().map(|case| stage.set(case, 1).0).collect();
    let server = &stage.server;
    let endpoint = server.endpoint();
    let variables = [
        (ENDPOINT, endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", server.access_key()),
        ("AWS_SECRET_ACCESS_KEY", server.secret_key()),
        ("AWS_REGION", server.region()),
        ("RUST_TEST_THREADS", "1"),
        NO_THREADS,
    ];
    let name = "faults::every_operation_works_where_the_system_has_no_threads";
    let said = common::said_in_child(name, &first, &variables);
    let mut lines = said.lines().filter_map(|line| line.strip_prefix(SAID));
    for ((case, wanted), bucket) in cases::all().zip(wanted).zip(buckets) {
        let found = lines.next().unwrap_or_default();
        assert_eq!(found, format!("{:?}", wanted.answer), "{}", case.name);
        let differences = differences(&wanted.before, &wanted.after, &state(&bucket));
        assert!(
            state(&bucket) == wanted.after,
            "{}: {differences:?}",
            case.name
        );
        assert!(bucket.uploads().is_empty(), "{}", case.name);
    }
}

/// Runs in the separate process.
fn without_threads() {
    assert!(thread::Builder::new().spawn(|| ()).is_err());
    let first = common::given_to_child().expect("the number of the first bucket");
    let first: usize = first.to_string_lossy().parse().expect("a number");
    let endpoint = std::env::var(ENDPOINT).expect("a server");
    for (number, case) in (first..).zip(cases::all()) {
        let fs = S3Fs::builder(&format!("bucket-{number}"))
            .endpoint_url(endpoint.as_str())
            .strict(false)
            .part_size(case.part_size)
            .min_part_size(PART as u64)
            .build()
            .expect("parameters that can be");
        let answer = case.act(&fs);
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        println!("\n{SAID}{answer:?}");
    }
}

/// One request never gets a response, and the call is cancelled when the server has that request.
fn cancel_at(stage: &mut Stage, case: &Case, wanted: &Rehearsal, nth: usize) -> Result<(), String> {
    let (bucket, fs) = stage.set(case, 1);
    let server = &stage.server;
    server.faults().add(Rule::any().nth(nth), Fault::Stall);
    let token = CancelToken::new();
    let result = thread::scope(|scope| {
        let call = scope.spawn(|| token.run(|| case.act(&fs)));
        common::wait_until(case.name, || {
            server.faults().pending() == 0 || call.is_finished()
        });
        token.cancel();
        call.join().expect("no panic")
    });
    server.faults().clear();
    let now = state(&bucket);
    let (before, after) = (&wanted.before, &wanted.after);
    let judged = match &result {
        Ok(answer) => must(*answer == wanted.answer, "the answer is another")
            .and_then(|()| must(now == *after, "it is not done")),
        Err(error) => must(
            error.kind() == ErrorKind::Cancelled,
            "it was cancelled, and that is not said",
        ),
    };
    let is_between = match case.is_atomic {
        true => now == *before || now == *after,
        false => is_between(before, after, &now),
    };
    let judged = judged
        .and_then(|()| must(is_between, "it is half done"))
        .and_then(|()| must(bucket.uploads().is_empty(), "an upload is left behind"));
    let requests = asked(server);
    judged.map_err(|why| {
        let told = result.map_err(|error| format!("{:?}: {error}", error.kind()));
        let differences = differences(before, after, &now);
        format!(
            "{} cancelled at request {nth}: {why}\n    {told:?}\n    {requests:?}\n    {differences:?}",
            case.name
        )
    })
}

#[test]
fn every_operation_cancelled_at_any_request_leaves_nothing_half_done() {
    let (mut failures, mut possible) = (Vec::new(), 0);
    for strict in [true, false] {
        let mut stage = Stage::new(strict, |builder, _| {
            let long = 2 * LONGEST;
            builder.response_timeout(long).stall_timeout(long)
        });
        for case in cases::all() {
            let wanted = stage.rehearse(case);
            let requests = 1..=wanted.requests.len();
            possible += requests.clone().count();
            for nth in requests.filter(|nth| is_chosen((case.name, strict, nth))) {
                failures.extend(cancel_at(&mut stage, case, &wanted, nth).err());
            }
        }
    }
    let told = failures[..failures.len().min(SHOWN_FAILURES)].join("\n");
    assert!(failures.is_empty(), "{} failures:\n{told}", failures.len());
    assert!(possible > 800, "{possible} combinations are too few");
}

#[test]
fn a_stalled_request_leaves_nothing_half_done() {
    play(PATIENT_WORKERS, STALLING, Manner::Passes, impatient);
}

#[test]
fn a_rejected_request_leaves_nothing_half_done() {
    play(WORKERS, LASTING, Manner::Refuses, |builder, _| builder);
}

#[test]
fn an_outage_leaves_nothing_half_done() {
    play(WORKERS, ENDURING, Manner::Always, |builder, _| builder);
}
