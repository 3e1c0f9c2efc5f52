//! A door before a node that can lead elsewhere: to another node, or to a page of HTML.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::node::Endpoint;

/// The longest request that is read before it is answered with a page.
const LONGEST: usize = 1 << 20;
const PAGE: &str = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n";

/// Where the door leads.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// To whoever listens at `127.0.0.1:PORT`.
    To(u16),
    /// To a page, whatever is asked: with status 200 and 502 in turn.
    Page,
}

/// The door. It closes when this is dropped.
pub(crate) struct Proxy {
    port: u16,
    inside: Arc<Inside>,
}

struct Inside {
    /// None: closed.
    way: Mutex<Option<Way>>,
    /// Both ends of what passes at present.
    streams: Mutex<Vec<TcpStream>>,
    pages: AtomicUsize,
}

impl Proxy {
    /// Opens a door on a free port of loopback.
    pub(crate) fn open(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let port = listener.local_addr().expect("a bound port").port();
        let inside = Arc::new(Inside {
            way: Mutex::new(Some(way)),
            streams: Mutex::default(),
            pages: AtomicUsize::new(0),
        });
        let own = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                match own.way() {
                    Some(Way::To(port)) => own.pass(stream, port),
                    Some(Way::Page) => {
                        let own = Arc::clone(&own);
                        thread::spawn(move || own.answer(stream));
                    }
                    None => return,
                }
            }
        });
        Self { port, inside }
    }

    /// Leads elsewhere from now on, and cuts what passes at present.
    pub(crate) fn lead(&self, way: Way) {
        self.inside.set(Some(way));
    }

    /// Where a client knocks.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::at(self.port)
    }

    /// How many pages were handed out.
    pub(crate) fn pages(&self) -> usize {
        self.inside.pages.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inside.set(None);
        // The listener looks at the way again when somebody knocks.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Inside {
    fn way(&self) -> Option<Way> {
        let way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.clone()
    }

    fn set(&self, way: Option<Way>) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = way;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Lets bytes through both ways until one end closes. Whom nobody awaits is closed upon.
    fn pass(&self, client: TcpStream, port: u16) {
        let Ok(node) = TcpStream::connect(("127.0.0.1", port)) else {
            return;
        };
        let _ = (client.set_nodelay(true), node.set_nodelay(true));
        for (from, to) in [(&client, &node), (&node, &client)] {
            let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
                return;
            };
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.extend([client, node]);
    }

    fn answer(&self, mut client: TcpStream) {
        let _ = client.set_read_timeout(Some(Duration::from_secs(1)));
        read_request(&mut client);
        let count = self.pages.fetch_add(1, Ordering::Relaxed);
        let status = if count.is_multiple_of(2) {
            "200 OK"
        } else {
            "502 Bad Gateway"
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            PAGE.len()
        );
        let _ = client.write_all((head + PAGE).as_bytes());
    }
}

/// Reads a request with its body, so that closing the connection does not cut off the answer.
fn read_request(client: &mut TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while request.len() < LONGEST && !is_whole(&request) {
        match client.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&part[..count]),
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .filter_map(|line| line.strip_prefix("content-length:"))
        .find_map(|value| value.trim().parse().ok());
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}
