//! One test program for everything that meets a server, so that it is linked once.

mod common;
mod embedded_server;
mod live;
mod operations;
mod requests;
mod support;
mod trees;
