//! The bytes of an object: kept, computed on the fly, joined from parts, or only counted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};

/// Maximum size of a frame of a body, however large the object is.
const FRAME: u64 = 64 * 1024;

/// The bytes of an object or of a part.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes kept in memory.
    Bytes(Bytes),
    /// The parts of a multipart upload, one after the other; joining them copies nothing.
    Joined(Vec<Content>),
    /// `len` bytes of the endless sequence of `seed`, from `offset` on: any size, without memory.
    Synthetic { seed: u64, offset: u64, len: u64 },
    /// An upload larger than the configured limit: it reads back as zeros.
    Discarded { len: u64 },
}

impl Content {
    /// Returns the first `len` bytes of the sequence of `seed`.
    pub fn synthetic(seed: u64, len: u64) -> Self {
        Self::Synthetic {
            seed,
            offset: 0,
            len,
        }
    }

    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Joined(parts) => parts.iter().map(Self::len).sum(),
            Self::Synthetic { len, .. } | Self::Discarded { len } => *len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every byte is in memory.
    pub fn is_kept(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Joined(parts) => parts.iter().all(Self::is_kept),
            Self::Synthetic { .. } | Self::Discarded { .. } => false,
        }
    }

    /// Returns a range of this content, without copying. The range lies within the content.
    pub fn slice(&self, range: Range<u64>) -> Self {
        let len = range.end - range.start;
        match self {
            Self::Bytes(bytes) => Self::Bytes(bytes.slice(to_usize(range))),
            Self::Joined(parts) => Self::Joined(slice_joined(parts, &range)),
            Self::Synthetic { seed, offset, .. } => Self::Synthetic {
                seed: *seed,
                offset: offset + range.start,
                len,
            },
            Self::Discarded { .. } => Self::Discarded { len },
        }
    }

    /// Returns the whole content, for assertions; panics on content of more than 1 GiB, which no test should hold.
    pub fn to_vec(&self) -> Vec<u8> {
        assert!(self.len() <= 1 << 30, "too large to hold: {}", self.len());
        self.frames().flatten().collect()
    }

    /// Returns the bytes in frames, from first to last.
    pub fn frames(&self) -> Frames {
        Frames {
            rest: VecDeque::from([self.clone()]),
        }
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self::Bytes(bytes.into())
    }
}

fn slice_joined(parts: &[Content], range: &Range<u64>) -> Vec<Content> {
    let mut start = 0;
    let mut sliced = Vec::new();
    for part in parts {
        let end = start + part.len();
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            sliced.push(part.slice(from - start..to - start));
        }
        start = end;
    }
    sliced
}

fn to_usize(range: Range<u64>) -> Range<usize> {
    let bound = |at| usize::try_from(at).expect("kept bytes fit the address space");
    bound(range.start)..bound(range.end)
}

/// Returns the bytes `offset..offset + len` of the sequence of `seed`, as in a synthetic object.
///
/// Every block of 64 bytes begins with a word that is unique to this block of this seed; the rest is the same noise
/// for all, since a test in a debug build should get gigabytes in seconds.
pub fn synthetic_bytes(seed: u64, offset: u64, len: usize) -> Vec<u8> {
    let first = offset / BLOCK;
    let skip = (offset % BLOCK) as usize;
    let end = (skip + len).next_multiple_of(BLOCK as usize);
    let mut bytes = Vec::with_capacity(end);
    let mut at = (first * BLOCK % FRAME) as usize;
    while bytes.len() < end {
        let noise = &noise()[at..];
        bytes.extend_from_slice(&noise[..noise.len().min(end - bytes.len())]);
        at = 0;
    }
    for (block, start) in (first..).zip((0..end).step_by(BLOCK as usize)) {
        let word = mix(mix(seed) ^ block).to_le_bytes();
        bytes[start..start + word.len()].copy_from_slice(&word);
    }
    bytes.truncate(skip + len);
    bytes.drain(..skip);
    bytes
}

/// Distance between the words that identify the position in a synthetic object.
const BLOCK: u64 = 64;

/// A frame of noise.
fn noise() -> &'static [u8] {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (0..FRAME / 8)
            .flat_map(|at| mix(at).to_le_bytes())
            .collect()
    });
    &NOISE
}

/// The output function of `SplitMix64`: computes any position without the ones before it.
pub fn mix(position: u64) -> u64 {
    let mut z = position.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An iterator over the frames of some content, which is also the body of an HTTP response.
pub struct Frames {
    rest: VecDeque<Content>,
}

impl Iterator for Frames {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let content = self.rest.pop_front()?;
            if let Content::Joined(parts) = content {
                for part in parts.into_iter().rev() {
                    self.rest.push_front(part);
                }
                continue;
            }
            let len = content.len();
            if len > FRAME {
                self.rest.push_front(content.slice(FRAME..len));
            }
            if len > 0 {
                return Some(read(&content.slice(0..len.min(FRAME))));
            }
        }
    }
}

/// Returns the bytes of a content no longer than a frame.
fn read(content: &Content) -> Bytes {
    match content {
        Content::Bytes(bytes) => bytes.clone(),
        Content::Synthetic { seed, offset, len } => {
            synthetic_bytes(*seed, *offset, *len as usize).into()
        }
        Content::Discarded { len } => BytesMut::zeroed(*len as usize).freeze(),
        Content::Joined(_) => unreachable!("frames are cut from the parts"),
    }
}

impl Stream for Frames {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next().map(Ok::<_, Infallible>).map(|frame| Ok(frame?)))
    }
}

impl ByteStream for Frames {
    fn remaining_length(&self) -> RemainingLength {
        let rest: u64 = self.rest.iter().map(Content::len).sum();
        RemainingLength::new_exact(usize::try_from(rest).unwrap_or(usize::MAX))
    }
}
