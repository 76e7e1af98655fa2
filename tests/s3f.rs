//! The command-line tool, as a separate process, with the embedded server: exit codes, output and stored content.

mod local;

#[path = "s3f/attacks.rs"]
mod attacks;
#[path = "s3f/copying.rs"]
mod copying;
#[path = "s3f/live.rs"]
mod live;
#[path = "s3f/looking.rs"]
mod looking;
#[path = "s3f/scene.rs"]
mod scene;
#[path = "s3f/signals.rs"]
mod signals;
#[path = "s3f/writing.rs"]
mod writing;
