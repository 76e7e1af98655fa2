//! One test program for everything that meets a server, so that it is linked once.

mod embedded_server;
mod support;
