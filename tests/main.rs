//! One test program for everything that meets a server, so that it is linked once.

mod arguments;
mod common;
mod embedded_server;
mod foreign;
mod info;
mod live;
mod logged;
mod operations;
mod presign;
mod requests;
mod subfs;
mod support;
mod trees;
