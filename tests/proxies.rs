//! Requests through a proxy: the requests that the proxy gets, and those that it never gets.

pub mod relay;

use std::time::Duration;

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, S3Fs, S3FsBuilder, open_fs};
use test_server::{BUCKET, Server};

use crate::common;
#[cfg(feature = "rustls")]
use crate::local::Directory;
use relay::Relay;

/// An endpoint without a listener.
const DEAD: &str = "http://127.0.0.1:1";

/// A filesystem that sees only these variables, and the keys of the server.
fn seeing(server: &Server, variables: &[(&str, &str)]) -> S3FsBuilder {
    let keys = [
        ("AWS_ACCESS_KEY_ID", server.access_key()),
        ("AWS_SECRET_ACCESS_KEY", server.secret_key()),
    ];
    S3Fs::builder(BUCKET)
        .environment(variables.iter().copied().chain(keys))
        .endpoint_url(server.endpoint())
        .region(server.region())
        .max_attempts(2)
        .retry_base_delay(Duration::from_millis(1))
        .part_size(5 << 20)
        .strict(false)
}

/// Sends requests of every kind: with and without a body, small and large, one by one and in parallel.
fn use_it(fs: &S3Fs) {
    let large = vec![7; 11 << 20];
    fs.writebytes("dir/small", b"content").unwrap();
    fs.writebytes("dir/large", &large).unwrap();
    assert_eq!(fs.readbytes("dir/small").unwrap(), b"content");
    common::assert_same_bytes(fs.readbytes("dir/large").unwrap(), &large, "large");
    let mut names = fs.listdir("dir").unwrap();
    names.sort();
    assert_eq!(names, ["large", "small"]);
    fs.copy("dir/small", "dir/copy").unwrap();
    fs.removetree("dir").unwrap();
    assert_eq!(
        fs.readbytes("dir/small").unwrap_err().kind(),
        ErrorKind::ResourceNotFound
    );
}

#[test]
fn an_http_proxy_gets_every_request_in_absolute_form_and_no_connect() {
    let server = Server::start();
    let relay = Relay::http(None);
    for name in ["HTTP_PROXY", "all_proxy"] {
        let fs = seeing(&server, &[(name, &relay.url())]).build().unwrap();
        use_it(&fs);
        let asked = relay.take_asked();
        let requests = server.take_requests();
        assert_eq!(
            asked.len(),
            requests.len(),
            "{name}: each request, and no other"
        );
        let origin = server.endpoint();
        for line in asked {
            let (_, target) = line.split_once(' ').unwrap();
            assert!(target.starts_with(&origin), "{name}: {line}");
        }
    }
    assert!(relay.connections() < 100, "connections are kept");
}

#[test]
fn the_password_goes_to_the_proxy_and_not_to_the_server() {
    let server = Server::start();
    let relay = Relay::http(Some("u@r:proxys password"));
    let url = relay.url_with("u%40r:proxys%20password");
    use_it(&seeing(&server, &[("HTTP_PROXY", &url)]).build().unwrap());
    for request in server.take_requests() {
        assert!(request.header("proxy-authorization").is_none());
    }
    for wrong in [relay.url(), relay.url_with("u%40r:hidden")] {
        let fs = seeing(&server, &[("HTTP_PROXY", &wrong)]).build().unwrap();
        relay.take_asked();
        let error = fs.writebytes("file", &vec![1; 3 << 20]).unwrap_err();
        let text = format!("{error} {error:?}");
        assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{text}");
        assert!(text.contains("407"), "{text}");
        let name = relay.url().replace("http://", "the proxy ");
        assert!(text.contains(&name), "{text}");
        assert!(text.contains("user:password"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
        assert_eq!(
            relay.take_asked().len(),
            1,
            "a refusal is not asked for again"
        );
    }
    assert!(server.requests().is_empty());
}

#[test]
fn socks_proxies_pass_on_every_connection() {
    let server = Server::start();
    let relay = Relay::socks(None);
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let url = relay.url().replace("http", scheme);
        use_it(&seeing(&server, &[("ALL_PROXY", &url)]).build().unwrap());
        let asked = relay.take_asked();
        assert!(!asked.is_empty(), "{scheme}");
        let address = server.endpoint().replace("http://", "");
        assert!(asked.iter().all(|target| *target == address), "{asked:?}");
    }
    let relay = Relay::socks(Some("user:pass"));
    let url = relay.url_with("user:pass").replace("http", "socks5h");
    use_it(&seeing(&server, &[("HTTP_PROXY", &url)]).build().unwrap());
    let url = relay.url_with("user:hidden").replace("http", "socks5h");
    let fs = seeing(&server, &[("HTTP_PROXY", &url)]).build().unwrap();
    let error = fs.readbytes("file").unwrap_err().to_string();
    let name = relay.url().replace("http://", "the proxy ");
    assert!(
        error.contains(&name) && !error.contains("hidden"),
        "{error}"
    );
}

#[test]
#[cfg(feature = "rustls")]
fn an_https_endpoint_is_reached_through_a_tunnel() {
    let server = Server::builder().tls().start();
    let directory = Directory::new();
    let ca = directory.join("ca.pem");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let relay = Relay::http(Some("user:pass"));
    let target = server.endpoint().replace("https://", "");
    let through = |variable, url: &str| {
        let builder = seeing(&server, &[(variable, url), ("HTTP_PROXY", DEAD)]);
        builder.ca_bundle(&ca).build().unwrap()
    };
    for variable in ["HTTPS_PROXY", "ALL_PROXY"] {
        use_it(&through(variable, &relay.url_with("user:pass")));
        let asked = relay.take_asked();
        assert!(!asked.is_empty());
        let tunnel = format!("CONNECT {target}");
        assert!(asked.iter().all(|line| *line == tunnel), "{asked:?}");
    }
    let error = through("HTTPS_PROXY", &relay.url_with("user:hidden")).readbytes("file");
    let error = error.unwrap_err();
    let text = format!("{error} {error:?}");
    let name = relay.url().replace("http://", "the proxy ");
    assert!(text.contains("407") && text.contains(&name), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    assert_eq!(
        relay.take_asked().len(),
        1,
        "a refusal is not asked for again"
    );
}

#[test]
#[cfg(feature = "rustls")]
fn the_connection_of_a_closed_tunnel_is_not_used_to_open_the_next_one() {
    const THREADS: usize = 3;
    let latency = Duration::from_millis(50);
    let server = Server::builder().tls().latency(latency).start();
    server.bucket(BUCKET).put("file", "content");
    let directory = Directory::new();
    let ca = directory.join("ca.pem");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    let relay = Relay::http(Some("user:pass"));
    let url = relay.url_with("user:pass");
    // Keeps two idle connections, and closes the others.
    let fs = seeing(&server, &[("HTTPS_PROXY", &url)])
        .max_workers(1)
        .max_attempts(1)
        .ca_bundle(&ca)
        .build()
        .unwrap();
    // Parallel requests need more tunnels than are kept: some are reused, and others are closed and replaced.
    for _ in 0..3 {
        let begin = std::sync::Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    begin.wait();
                    assert_eq!(fs.readbytes("file").unwrap(), b"content");
                });
            }
        });
    }
    assert!(!relay.take_asked().is_empty());
}

/// The S3 server acts as the proxy: it responds to requests in absolute form itself, whatever host they name.
#[test]
#[cfg(feature = "rustls")]
fn an_https_proxy_is_reached_over_tls_for_an_http_endpoint() {
    let proxy = Server::builder().tls().start();
    proxy.bucket(BUCKET).put("file", "content");
    let directory = Directory::new();
    let ca = directory.join("ca.pem");
    std::fs::write(&ca, proxy.ca_pem()).unwrap();
    let builder = seeing(&proxy, &[("HTTP_PROXY", &proxy.endpoint())]).endpoint_url(DEAD);
    let fs = builder.clone().ca_bundle(&ca).build().unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    let error = builder.build().unwrap().readbytes("file").unwrap_err();
    assert!(
        error.to_string().contains("the proxy 127.0.0.1:"),
        "{error}"
    );
}

#[test]
fn a_proxy_for_another_scheme_or_host_is_not_used() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    for variables in [
        &[("HTTPS_PROXY", DEAD)][..],
        &[("HTTP_PROXY", DEAD), ("NO_PROXY", "example.com, 127.0.0.1")],
        &[("HTTP_PROXY", DEAD), ("no_proxy", "localhost,127.0.0.0/8")],
        &[("ALL_PROXY", DEAD), ("NO_PROXY", "*")],
        &[("HTTP_PROXY", DEAD), ("REQUEST_METHOD", "GET")],
        &[("HTTP_PROXY", "ftp://127.0.0.1"), ("NO_PROXY", "*")],
        &[("HTTPS_PROXY", "ftp://127.0.0.1")],
    ] {
        let fs = seeing(&server, variables).build().unwrap();
        assert_eq!(fs.readbytes("file").unwrap(), b"content", "{variables:?}");
    }
}

#[test]
fn the_program_can_set_or_disable_the_proxy() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let relay = Relay::http(None);
    let url = relay.url();
    let environment = [("ALL_PROXY", DEAD), ("NO_PROXY", "*")];
    let fs = seeing(&server, &environment).proxy(&*url).build().unwrap();
    assert_eq!(fs.readbytes("file").unwrap(), b"content");
    assert_eq!(relay.take_asked().len(), 1);
    for none in [None, Some("none")] {
        let fs = seeing(&server, &[("ALL_PROXY", DEAD)]).proxy(none);
        assert_eq!(fs.build().unwrap().readbytes("file").unwrap(), b"content");
    }
    let through = format!("&proxy={}", url.replace(':', "%3A").replace('/', "%2F"));
    for (parameter, asked) in [(through.as_str(), 1), ("&proxy=none", 0)] {
        let fs = open_fs(&common::fs_url(
            &server,
            "",
            &format!("&strict=0{parameter}"),
        ))
        .unwrap();
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
        assert_eq!(relay.take_asked().len(), asked, "{parameter}");
    }
}

#[test]
fn an_unusable_proxy_is_an_error_and_never_bypassed() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let url = server
        .endpoint()
        .replace("http://", "ftp://someone:hidden@");
    let named = seeing(&server, &[]).proxy(&*url).build().unwrap_err();
    let found = seeing(&server, &[("HTTP_PROXY", &url)])
        .build()
        .unwrap_err();
    let in_url = common::fs_url(&server, "", "&proxy=ftp%3A%2F%2Fsomeone:hidden%40x");
    let in_url = open_fs(&in_url).map(drop).unwrap_err();
    for error in [named, found, in_url] {
        let text = format!("{error} {error:?}");
        assert!(text.contains("the proxy in"), "{text}");
        assert!(
            !text.contains("hidden") && !text.contains("someone"),
            "{text}"
        );
    }
    for proxy in [
        DEAD,
        "socks5://127.0.0.1:1",
        "socks4://user:hidden@127.0.0.1:1",
    ] {
        let fs = seeing(&server, &[("HTTP_PROXY", proxy)]).build().unwrap();
        let error = fs.readbytes("file").unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("the proxy 127.0.0.1:1)"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
    }
    assert!(server.requests().is_empty());
}

#[cfg(feature = "aws-chain")]
mod of_credentials {
    use super::*;
    use crate::credentials::{Home, Source, assumed};

    const DOCUMENT: &str = r#"{"AccessKeyId":"AKIAONE","SecretAccessKey":"one","Token":"t1","Expiration":"2126-11-28T12:00:00Z"}"#;

    fn server() -> Server {
        let server = Server::builder()
            .credentials("AKIAONE", "one")
            .token("t1")
            .start();
        server.bucket(BUCKET).put("file", "content");
        server
    }

    /// `NO_PROXY` includes requests to S3, by their port, but not those for credentials.
    fn read(home: &Home, server: &Server, variables: &[(&str, &str)]) -> s3fs::Result<Vec<u8>> {
        let direct = server.endpoint().replace("http://", "");
        let variables: Vec<_> = variables
            .iter()
            .copied()
            .chain([("NO_PROXY", &*direct)])
            .collect();
        home.builder(server, &variables).build()?.readbytes("file")
    }

    #[test]
    fn requests_to_metadata_and_container_endpoints_never_use_a_proxy() {
        let server = server();
        let source = Source::start(|line, _, _| match line {
            "PUT /latest/api/token" => (200, "token".to_owned()),
            "GET /latest/meta-data/iam/security-credentials/" => (200, "role".to_owned()),
            _ => (200, DOCUMENT.to_owned()),
        });
        let (home, url) = (Home::with("[default]\nregion = us-east-1\n"), source.url());
        let container = format!("{url}/credentials");
        for variable in [
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*container),
        ] {
            let timeout = ("AWS_METADATA_SERVICE_TIMEOUT", "20");
            for proxy in ["http_proxy", "ALL_PROXY"] {
                let variables = [variable, timeout, (proxy, DEAD)];
                let content = read(&home, &server, &variables).unwrap();
                assert_eq!(content, b"content", "{variable:?} {proxy}");
            }
        }
        assert!(!source.asked().is_empty());
    }

    #[test]
    fn requests_to_sts_and_single_sign_on_use_the_proxy() {
        let server = server();
        let role = "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = keys\n\
                    region = us-east-1\n[profile keys]\naws_access_key_id = AKIALONG\n\
                    aws_secret_access_key = long-secret\n";
        let sso = "[default]\nsso_start_url = https://example.com/start\nsso_region = us-east-1\n\
                   sso_account_id = 1\nsso_role_name = r\nregion = us-east-1\n";
        let token = r#"{"accessToken":"token","expiresAt":"2126-11-28T12:00:00Z"}"#;
        let source = Source::start(|line, _, _| {
            match line.starts_with("POST") {
            true => assumed("AKIAONE", "one", "t1"),
            false => (
                200,
                r#"{"roleCredentials":{"accessKeyId":"AKIAONE","secretAccessKey":"one","sessionToken":"t1","expiration":4951267200000}}"#.to_owned(),
            ),
        }
        });
        let relay = Relay::http(None);
        let url = source.url();
        for (config, variable) in [
            (role, "AWS_ENDPOINT_URL_STS"),
            (sso, "AWS_ENDPOINT_URL_SSO"),
        ] {
            let home = Home::with(config);
            std::fs::create_dir_all(home.path().join(".aws/sso/cache")).unwrap();
            // The SHA-1 of the start URL.
            home.write(
                ".aws/sso/cache/b343494cf15ba6b81449840ea93161cf3b27e5e3.json",
                token,
            );
            let proxied = relay.url();
            let content = read(
                &home,
                &server,
                &[(variable, &url), ("HTTP_PROXY", &proxied)],
            );
            assert_eq!(content.unwrap(), b"content", "{variable}");
            let asked = relay.take_asked();
            assert_eq!(asked.len(), 1, "{asked:?}");
            assert!(asked[0].contains(&url), "{asked:?}");
            let dead = [
                (variable, &*url),
                ("HTTP_PROXY", "http://user:hidden@127.0.0.1:1"),
            ];
            let error = read(&home, &server, &dead).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("(through the proxy 127.0.0.1:1)"), "{text}");
            assert!(!text.contains("hidden"), "{text}");
        }
        // A proxy set by the program also applies to these requests.
        let home = Home::with(role);
        let fs = home.builder(&server, &[("AWS_ENDPOINT_URL_STS", &url)]);
        let fs = fs.proxy(&*relay.url()).build().unwrap();
        assert_eq!(fs.readbytes("file").unwrap(), b"content");
        assert_eq!(relay.take_asked().len(), 2);
    }
}

#[test]
fn an_error_that_may_come_from_the_proxy_names_it() {
    for status in ["302 Found", "400 Bad Request", "403 Forbidden", "503 Busy"] {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut request).unwrap();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
        });
        let fs = S3Fs::builder("bucket")
            .endpoint_url("http://127.0.0.1:9")
            .region("us-east-1")
            .aws_access_key_id("key")
            .aws_secret_access_key("secret")
            .proxy(format!("http://me:password@{address}").as_str())
            .max_attempts(1)
            .build()
            .unwrap();
        let error = fs.readbytes("file").unwrap_err().to_string();
        assert!(error.contains(&address.to_string()), "{status}: {error}");
        assert!(!error.contains("password"), "{status}: {error}");
        serving.join().unwrap();
    }
}
