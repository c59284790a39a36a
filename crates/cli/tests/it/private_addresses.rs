//! `--allow-private-addresses`: whether functions can reach private and loopback addresses.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::{fs, thread};

use crate::state::State;

#[test]
fn functions_reach_private_addresses_only_if_allowed() {
    let state = State::new("private-addresses");
    for (path, text) in [
        ("app/realm_config.json", r#"{"name": "inside", "app_id": "inside-abcde"}"#),
        ("app/functions/config.json", r#"[{"name": "fetch"}]"#),
        ("app/functions/fetch.js", "exports = async url => (await context.http.get({ url })).body.text();"),
    ] {
        let path = state.path(path);
        fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = BufReader::new(&stream).lines().map_while(Result::ok);
        assert!(head.take_while(|line| !line.is_empty()).count() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ninside").unwrap();
    });
    let app = state.path("app");
    let call = ["run", "fetch", &url, "--as-system", "--app", &app];
    state.fails(&call, 1, "the address is not a public one");
    let said = state.run(&[&call[..], &["--allow-private-addresses"]].concat());
    assert_eq!((said.exit, said.stdout.trim()), (0, "\"inside\""), "{said}");
    served.join().unwrap();
}
