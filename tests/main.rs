//! One test program for everything that meets a server, so that it is linked once.

mod bad_input;
mod embedded_server;
mod operations;
mod secrets;
mod support;
