//! Random calls over a few paths that collide on purpose. The same seed gives the same calls.

use std::io::SeekFrom;

use super::call::{ASKS, Call, Change, Flags, PUTS, SLOTS, Step, TRANSFERS};

/// Files in place of directories, `x` beside `x/y`, and names whose keys sort between
/// `x` and `x/` (`a-`, `a.txt`) or right after `x/` (`a0`). Paths at the beginning are used most.
const PATHS: [&str; 24] = [
    "a",
    "b",
    "x",
    "a/b",
    "x/y",
    "b/a",
    "é",
    "a.txt",
    "a/x",
    "x/b",
    "b/b",
    "a/b/c",
    "a b",
    "é/日本 語",
    "x/y/z",
    "b/b/c",
    "a-",
    "a0",
    "a/b0",
    "a/b/c/d",
    "a b/c+d%2F&=",
    "é/日本 語/e\u{301}",
    "a b/c+d%2F&=/~'*",
    "a/b/c/d/e",
];

/// Other forms of these paths, the root, and invalid paths.
const ODD_PATHS: [&str; 13] = [
    "",
    "/",
    ".",
    "/a",
    "a/",
    "/a//b",
    "./x/../a/b/.",
    "a/b/..",
    "b/a/..",
    "..",
    "a/../../x",
    "a/\0",
    "a/b/c/d/e/f/g",
];

const MODES: [&str; 12] = [
    "r", "rb", "w", "wb", "a", "r+", "w+", "x", "x+", "a+", "rb+", "xb",
];

const NO_MODES: [&str; 4] = ["", "rt", "rw", "b"];

/// Modes of files that stay open: only modes that write. The content of a reader that stays open
/// while its file is replaced depends on how much of it has already arrived.
const HELD_MODES: [&str; 8] = ["w", "a", "r+", "w+", "x", "x+", "a+", "wb"];

/// A generator of numbers, Marsaglia's `xorshift64*`, and of paths.
pub struct Random {
    state: u64,
    /// The path that was used last: calls are often about a path that was just created.
    recent: &'static str,
}

impl Random {
    /// Mixes neighboring seeds (splitmix64) and avoids 0, where xorshift would stay.
    pub fn new(seed: u64) -> Self {
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self {
            state: (mixed ^ (mixed >> 31)) | 1,
            recent: "a",
        }
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        number as usize % limit
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// At least that many calls, of which the first create files to work on.
pub fn calls(random: &mut Random, count: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    for directory in ["a", "b", "x"] {
        calls.push(Call::Makedir(directory, true));
        calls.push(Call::Foreign(random.pick(&PATHS), text(random)));
    }
    while calls.len() < count {
        match random.one_in(16) {
            true => calls.extend(race(random)),
            false => {
                let path = path(random);
                calls.push(call(random, path));
            }
        }
    }
    calls
}

/// Changes a file, or removes its directory, while it is open.
fn race(random: &mut Random) -> [Call; 4] {
    let (slot, path, mode) = (random.below(SLOTS), path(random), random.pick(&HELD_MODES));
    let directory = path.rsplit_once('/').map_or(path, |(parent, _)| parent);
    let meanwhile = match random.below(4) {
        0 => Call::Ask("removetree", directory),
        1 => transfer(random, directory),
        _ => call(random, path),
    };
    [
        Call::Open(slot, path, mode),
        Call::Take(slot, Step::Write("race".to_owned())),
        meanwhile,
        Call::Close(slot),
    ]
}

fn path(random: &mut Random) -> &'static str {
    random.recent = match random.below(4) {
        0 => random.recent,
        _ => other_path(random),
    };
    random.recent
}

fn other_path(random: &mut Random) -> &'static str {
    if random.one_in(16) {
        return random.pick(&ODD_PATHS);
    }
    let index = random.below(PATHS.len()).min(random.below(PATHS.len()));
    PATHS[index]
}

fn call(random: &mut Random, path: &'static str) -> Call {
    match random.below(100) {
        0..22 => Call::Ask(random.pick(&ASKS), path),
        22..25 => Call::Ask("remove", path),
        25..26 => Call::Ask("remove_many", path),
        26..29 => Call::Ask("removedir", path),
        29..31 => Call::Ask("removetree", path),
        31..37 => Call::Makedir(path, random.one_in(3)),
        37..40 => Call::Makedirs(path, random.one_in(2)),
        40..42 => Call::Create(path, random.one_in(2)),
        42..44 => Call::Foreign(random.pick(&PATHS), text(random)),
        44..60 => Call::Put(random.pick(&PUTS), path, text(random)),
        60..61 => Call::ScandirPrefix(path, random.pick(&["", "a", "b", "é"])),
        61..64 => Call::Setinfo(path, change(random)),
        64..84 => transfer(random, path),
        84..94 => edit(random, path),
        94..96 => Call::Open(random.below(SLOTS), path, random.pick(&HELD_MODES)),
        96..98 => Call::Take(random.below(SLOTS), held_step(random)),
        98..99 => Call::Close(random.below(SLOTS)),
        _ => Call::Drop(random.below(SLOTS)),
    }
}

fn transfer(random: &mut Random, from: &'static str) -> Call {
    let flags = Flags {
        force: random.one_in(2),
        preserve_time: random.one_in(4),
    };
    Call::Transfer(random.pick(&TRANSFERS), from, other_path(random), flags)
}

fn edit(random: &mut Random, path: &'static str) -> Call {
    let mode = match random.one_in(20) {
        true => random.pick(&NO_MODES),
        false => random.pick(&MODES),
    };
    let count = random.below(6);
    Call::Edit(path, mode, (0..count).map(|_| step(random)).collect())
}

fn change(random: &mut Random) -> Change {
    random.pick(&[
        Change::Nothing,
        Change::Times,
        Change::Back,
        Change::Size,
        Change::Permissions,
    ])
}

/// One of a few texts, so that a file is sometimes replaced by the same text; some are longer than others.
fn text(random: &mut Random) -> String {
    let letter = char::from(b"abcdefgh"[random.below(8)]);
    let count = random.pick(&[0, 1, 2, 3, 5, 8, 13, 40]);
    letter.to_string().repeat(count)
}

fn step(random: &mut Random) -> Step {
    match random.below(10) {
        0..2 => Step::Read(random.below(20) as u64),
        2 => Step::ReadToEnd,
        _ => held_step(random),
    }
}

/// A step that at most requests the size of the file.
fn held_step(random: &mut Random) -> Step {
    match random.below(8) {
        0..4 => Step::Write(text(random)),
        4 => Step::Seek(SeekFrom::Start(random.below(30) as u64)),
        5 => Step::Seek(match random.one_in(2) {
            true => SeekFrom::Current(random.below(20) as i64 - 10),
            false => SeekFrom::End(random.below(20) as i64 - 10),
        }),
        6 => Step::SetLen(random.below(30) as u64),
        _ => Step::Flush,
    }
}
