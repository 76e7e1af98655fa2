//! Measures operations on a tree of a million keys in 1,000 directories: seconds, requests, and the peak memory above the
//! same operation on a tree of one key. The program fails if an operation exceeds its memory or its requests.
//!
//! Each measurement is a separate process: the program starts itself again, so that the peak is that of one operation alone.
//! The embedded server is in the first process. It counts the keys and does not keep them.
//!
//! `cargo bench --bench trees -- 10000 mirror` measures a smaller tree, and only the operations with that word.

mod bounds;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bounds::Broken;
use s3fs::mirror::{mirror, verify};
use s3fs::moving::move_dir;
use s3fs::{
    Compare, CopyOptions, FileSystem as _, FileSystemExt as _, MemoryFs, OsFs, S3Fs,
    TransferOptions,
};
use test_server::{BUCKET, Server, Shape, peak_memory};

/// Result of a benchmark: an error is printed and ends the program.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const KEYS: u32 = 1_000_000;

/// Maximum memory above that for one key, in MiB.
const MOST_MEMORY: f64 = 64.0;

/// An operation on the directory `tree`, which may have `target`, or a directory of the disk, as its target.
struct Operation {
    name: &'static str,
    run: fn(&S3Fs, &Path) -> s3fs::Result<()>,
    /// Maximum number of requests for each 1,000 keys.
    requests: usize,
    /// Whether the keys are in `tree`, and in `target`, afterwards.
    is_left: [bool; 2],
    /// Whether the disk has the files before, and afterwards.
    is_local: [bool; 2],
}

const OPERATIONS: [Operation; 11] = [
    Operation {
        name: "removetree",
        run: |fs, _| fs.removetree("tree"),
        requests: 2,
        is_left: [false, false],
        is_local: [false, false],
    },
    Operation {
        name: "copydir",
        run: |fs, _| fs.copydir_with("tree", "target", &CopyOptions::new().create(true)),
        requests: 1001,
        is_left: [true, true],
        is_local: [false, false],
    },
    Operation {
        name: "movedir",
        run: |fs, _| fs.movedir_with("tree", "target", &CopyOptions::new().create(true)),
        requests: 1002,
        is_left: [false, true],
        is_local: [false, false],
    },
    Operation {
        name: "download_dir",
        run: |fs, disk| {
            let report = fs.download_dir("tree", disk, &TransferOptions::new())?;
            assert!(report.copied() > 0);
            Ok(())
        },
        requests: 1001,
        is_left: [true, false],
        is_local: [false, true],
    },
    Operation {
        name: "upload_dir",
        run: |fs, disk| {
            fs.upload_dir(disk, "target", &TransferOptions::new())?;
            Ok(())
        },
        requests: 1001,
        is_left: [true, true],
        is_local: [true, true],
    },
    Operation {
        name: "mirror to the disk",
        run: |fs, disk| {
            mirror(
                &fs.opendir("tree")?,
                &OsFs::new(disk)?,
                &TransferOptions::new(),
            )?;
            Ok(())
        },
        requests: 1001,
        is_left: [true, false],
        is_local: [false, true],
    },
    Operation {
        name: "mirror of the same",
        run: |fs, disk| {
            let options = TransferOptions::new().compare(Compare::Size);
            let report = mirror(&OsFs::new(disk)?, &fs.opendir("tree")?, &options)?;
            assert_eq!(report.copied(), 0);
            Ok(())
        },
        requests: 1,
        is_left: [true, false],
        is_local: [true, true],
    },
    Operation {
        name: "mirror of one file",
        run: |fs, _| {
            let one = MemoryFs::new();
            one.writetext("one", "content")?;
            mirror(&one, &fs.opendir("tree")?, &TransferOptions::new())?;
            Ok(())
        },
        // The listing, and the removal of each directory with what is in it.
        requests: 5,
        is_left: [false, false],
        is_local: [false, false],
    },
    Operation {
        name: "mirror with a filter",
        run: |fs, disk| {
            let options = TransferOptions::new().compare(Compare::Size);
            let options = options.filter(|path, _| !path.ends_with('9'));
            let report = mirror(&OsFs::new(disk)?, &fs.opendir("tree")?, &options)?;
            assert_eq!(report.copied(), 0);
            Ok(())
        },
        requests: 1,
        is_left: [true, false],
        is_local: [true, true],
    },
    Operation {
        name: "verify",
        run: |fs, disk| {
            let options = TransferOptions::new().compare(Compare::Size);
            let differences = verify(&OsFs::new(disk)?, &fs.opendir("tree")?, &options)?;
            assert_eq!(differences, []);
            Ok(())
        },
        requests: 1,
        is_left: [true, false],
        is_local: [true, true],
    },
    Operation {
        name: "move_dir to the disk",
        run: |fs, disk| {
            move_dir(fs, "tree", &OsFs::new(disk)?, "/", &TransferOptions::new())?;
            Ok(())
        },
        // For each directory also its marker, and the requests of `removedir`.
        requests: 1008,
        is_left: [false, false],
        is_local: [false, true],
    },
];

/// The files on the disk of this benchmark.
struct Disk(PathBuf);

impl Disk {
    fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("s3fs-trees-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Writes the files that the numbered keys are.
    fn fill(&self, keys: u32) -> Outcome {
        for number in 0..keys {
            let directory = self.0.join(format!("d{:03}", number / 1000));
            if number % 1000 == 0 {
                fs::create_dir(&directory)?;
            }
            fs::write(directory.join(format!("f{:03}", number % 1000)), "content")?;
        }
        Ok(())
    }

    fn count(&self) -> Outcome<usize> {
        let mut count = 0;
        for directory in fs::read_dir(&self.0)? {
            count += fs::read_dir(directory?.path())?.count();
        }
        Ok(count)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, endpoint, disk] = arguments.as_slice()
        && flag == "child"
    {
        return child(name, endpoint, Path::new(disk));
    }
    let mut numbers = arguments.iter().filter_map(|number| number.parse().ok());
    let keys = numbers.next().unwrap_or(KEYS);
    println!("cargo bench --bench trees\n");
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>9} {:>12}",
        "operation", "keys", "requests", "seconds", "peak MiB", "above 1 key"
    );
    let mut broken = Broken::default();
    // Cargo adds a flag.
    let is_word =
        |argument: &&String| !argument.starts_with('-') && argument.parse::<u32>().is_err();
    let words: Vec<&String> = arguments.iter().filter(is_word).collect();
    let is_chosen = |operation: &&Operation| {
        words.is_empty()
            || words
                .iter()
                .any(|word| operation.name.contains(word.as_str()))
    };
    for operation in OPERATIONS.iter().filter(is_chosen) {
        let one = measure(operation, 1)?;
        let all = measure(operation, keys)?;
        let (peak, above) = (all.peak, all.peak - one.peak);
        let Measured {
            requests, seconds, ..
        } = all;
        let name = operation.name;
        println!("{name:<24} {keys:>9} {requests:>9} {seconds:>9.1} {peak:>9.1} {above:>12.1}");
        let bound = format!("at most {MOST_MEMORY} MiB above one key");
        broken.unless(above <= MOST_MEMORY, name, &bound);
        let pages = (keys as usize).div_ceil(1000);
        // The additional listings of ranges, and checks.
        let most = pages * operation.requests + pages / 10 + 2 * 16 + 10;
        broken.unless(requests <= most, name, &format!("at most {most} requests"));
    }
    broken.finish()
}

struct Measured {
    requests: usize,
    seconds: f64,
    /// In MiB.
    peak: f64,
}

/// Runs an operation on a new tree in another process.
fn measure(operation: &Operation, keys: u32) -> Outcome<Measured> {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.number_as("tree/", keys, Shape::Directories);
    bucket.room_for("target/", keys, Shape::Directories);
    let disk = Disk::new()?;
    let [is_before, is_after] = operation.is_local;
    if is_before {
        disk.fill(keys)?;
    }
    let started = Instant::now();
    let child = Command::new(std::env::current_exe()?)
        .args(["child", operation.name, &server.endpoint()])
        .arg(&disk.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let requests = count_requests(&server, child);
    let (output, requests) = requests?;
    let seconds = started.elapsed().as_secs_f64();
    let there = [bucket.count("tree/d"), bucket.count("target/d")];
    let expected = operation
        .is_left
        .map(|is_left| keys as usize * usize::from(is_left));
    assert_eq!(there, expected, "{}", operation.name);
    let local = keys as usize * usize::from(is_after);
    assert_eq!(disk.count()?, local, "{}", operation.name);
    let peak: u64 = output.trim().parse()?;
    Ok(Measured {
        requests,
        seconds,
        peak: peak as f64 / f64::from(1 << 20),
    })
}

/// Waits for a process. Returns what it prints, and the number of requests meanwhile. The log of the server is cleared from
/// time to time, because it would become large.
fn count_requests(server: &Server, mut child: Child) -> Outcome<(String, usize)> {
    let mut requests = 0;
    while child.try_wait()?.is_none() {
        requests += server.take_requests().len();
        thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    assert!(output.status.success(), "the operation failed");
    requests += server.take_requests().len();
    Ok((String::from_utf8(output.stdout)?, requests))
}

/// Runs an operation and prints the peak memory of this process.
fn child(name: &str, endpoint: &str, disk: &Path) -> Outcome {
    let mut operations = OPERATIONS.iter();
    let operation = operations.find(|operation| operation.name == name);
    let operation = operation.ok_or("no such operation")?;
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(endpoint)
        .aws_access_key_id(test_server::ACCESS_KEY)
        .aws_secret_access_key(test_server::SECRET_KEY)
        .region(test_server::REGION)
        .list_in_byte_order(true)
        .build()?;
    (operation.run)(&fs, disk)?;
    println!("{}", peak_memory());
    Ok(())
}
