//! Each mood does what its name says.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rstest::rstest;

use super::{
    door::{Door, port_of},
    mood::Mood,
};

const QUESTION: &[u8] = b"POST / HTTP/1.1\r\n\r\n{\"id\":1}";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n{\"id\":1,\"result\":\"0123456789\"}";
/// How often a mood is tried that hits by chance.
const TRIES: usize = 40;
/// How long nothing may come until it is taken for silence.
const SILENCE: Duration = Duration::from_millis(150);

/// A node that gives the one answer to whatever comes, with a door before it.
fn stand() -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let port = listener.local_addr().expect("a bound port").port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut question = [0; 256];
                while client.read(&mut question).is_ok_and(|count| count > 0) {
                    if client.write_all(ANSWER).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Door::open(port, 3)
}

fn address(door: &Door) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port_of(&door.endpoint().rpc)))
}

fn knock(door: &Door) -> TcpStream {
    let client = TcpStream::connect(address(door)).expect("an open door");
    client
        .set_read_timeout(Some(SILENCE))
        .expect("a socket's option");
    client
}

/// What is read until an answer is whole, the stream ends, or nothing comes any more; and how it ended.
fn ask(client: &mut TcpStream) -> (Vec<u8>, Result<usize, ErrorKind>) {
    let mut answer = Vec::new();
    if let Err(error) = client.write_all(QUESTION) {
        return (answer, Err(error.kind()));
    }
    hear(client, &mut answer)
}

fn hear(client: &mut TcpStream, answer: &mut Vec<u8>) -> (Vec<u8>, Result<usize, ErrorKind>) {
    let mut part = [0; 256];
    loop {
        match client.read(&mut part) {
            Ok(count) => {
                answer.extend_from_slice(&part[..count]);
                if count == 0 || answer.len() >= ANSWER.len() {
                    return (answer.clone(), Ok(count));
                }
            }
            Err(error) => return (answer.clone(), Err(error.kind())),
        }
    }
}

/// Whether one of many answers fits. Each is asked for by a new connection.
fn hits(door: &Door, fits: impl Fn(&[u8], Result<usize, ErrorKind>) -> bool) -> bool {
    (0..TRIES).any(|_| {
        let (answer, end) = ask(&mut knock(door));
        fits(&answer, end)
    })
}

const SILENT: Result<usize, ErrorKind> = Err(ErrorKind::WouldBlock);
const RESET: Result<usize, ErrorKind> = Err(ErrorKind::ConnectionReset);

#[rstest]
#[case(Mood::Reset, RESET)]
#[case(Mood::Close, Ok(0))]
#[case(Mood::HalfClose, Ok(0))]
#[case(Mood::Truncate, SILENT)]
fn a_message_breaks_off(#[case] mood: Mood, #[case] expected: Result<usize, ErrorKind>) {
    let mut door = stand();
    assert_eq!(ask(&mut knock(&door)).0, ANSWER);
    door.begin(1, mood);
    // A reset may overtake what was sent before it.
    let is_part = |answer: &[u8]| answer.len() < ANSWER.len() && ANSWER.starts_with(answer);
    assert!(hits(&door, |answer, end| is_part(answer) && end == expected));
    assert!(door.tally()[&mood] > 0);
    door.end(1);
    assert!(!hits(&door, |answer, _| answer != ANSWER));
}

#[rstest]
#[case(Mood::Reset)]
#[case(Mood::Close)]
#[case(Mood::BlackHole)]
fn what_is_open_is_cut_at_once(#[case] mood: Mood) {
    let mut door = stand();
    let mut clients: Vec<TcpStream> = (0..20).map(|_| knock(&door)).collect();
    for client in &mut clients {
        assert_eq!(ask(client).0, ANSWER);
    }
    door.begin(1, mood);
    let mut cut = 0;
    for client in &mut clients {
        cut += usize::from(hear(client, &mut Vec::new()).1 != SILENT);
    }
    assert_eq!(door.tally()[&mood], cut);
    assert!(
        if mood == Mood::BlackHole {
            cut == 20
        } else {
            (3..18).contains(&cut)
        },
        "{cut}"
    );
}

#[test]
fn a_stall_holds_everything_and_loses_nothing() {
    let mut door = stand();
    let mut client = knock(&door);
    assert_eq!(ask(&mut client).0, ANSWER);
    door.begin(1, Mood::Stall);
    assert_eq!(ask(&mut client), (Vec::new(), SILENT));
    door.end(1);
    assert_eq!(hear(&mut client, &mut Vec::new()).0, ANSWER);
}

#[test]
fn a_black_hole_takes_connections_for_good() {
    let mut door = stand();
    door.begin(1, Mood::BlackHole);
    let mut client = knock(&door);
    assert_eq!(ask(&mut client), (Vec::new(), SILENT));
    door.end(1);
    assert_eq!(hear(&mut client, &mut Vec::new()), (Vec::new(), SILENT));
    assert_eq!(ask(&mut knock(&door)).0, ANSWER);
}

#[test]
fn with_a_full_backlog_nobody_comes_in_until_it_is_over() {
    let mut door = stand();
    let mut before = knock(&door);
    assert_eq!(ask(&mut before).0, ANSWER);
    door.begin(1, Mood::Backlog);
    while door.tally().is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
    let late = TcpStream::connect_timeout(&address(&door), SILENCE);
    assert_eq!(
        late.map_err(|error| error.kind()).err(),
        Some(ErrorKind::TimedOut)
    );
    // Who is inside stays.
    assert_eq!(ask(&mut before).0, ANSWER);
    door.end(1);
    assert_eq!(ask(&mut knock(&door)).0, ANSWER);
}

#[rstest]
#[case(Mood::Drip, 200)]
#[case(Mood::Delay, 5)]
fn a_slow_door_lets_all_through(#[case] mood: Mood, #[case] least: u64) {
    let mut door = stand();
    door.begin(1, mood);
    let mut client = knock(&door);
    client
        .set_read_timeout(Some(Duration::from_secs(15)))
        .expect("a socket's option");
    let begun = Instant::now();
    assert_eq!(ask(&mut client).0, ANSWER);
    assert!(begun.elapsed() >= Duration::from_millis(least));
    assert!(door.tally()[&mood] >= 2);
}

#[test]
fn garbled_json_is_as_long_as_before() {
    let mut door = stand();
    door.begin(1, Mood::Garble);
    assert!(hits(&door, |answer, _| answer != ANSWER
        && answer.len() == ANSWER.len()));
}

#[test]
fn of_two_troubles_the_later_one_holds() {
    let mut door = stand();
    door.begin(1, Mood::BlackHole);
    door.begin(2, Mood::Stall);
    door.end(1);
    assert_eq!(ask(&mut knock(&door)), (Vec::new(), SILENT));
    door.end(2);
    assert_eq!(ask(&mut knock(&door)).0, ANSWER);
}
