//! Load on one address from one thread: closed loop, open loop.
//!
//! In: requests as bytes, an address, how many connections, how long. Out: latencies by level,
//! statuses, counts. The thread never sleeps in an open loop: timers of the system are a
//! millisecond coarse, requests fall due every few microseconds, and the core is its own.
//! Every loop ends by itself: after its span and `DRAIN_MAX` for the last answers.

use crate::channel::{Believed, Channel};
use crate::exchange::{Answer, answer, is_on_disk};
use crate::pace::{Latencies, Schedule};
use anyhow::{Context, Result, bail};
use rustix::event::epoll;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long the last answers of a loop are waited for.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Events taken at once.
const EVENTS_MAX: usize = 64;

/// What a loop saw.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Answers with status 200 of level `kernel` (for the bare server: recorded as such).
    pub kernel: Latencies,
    /// Answers with status 200 of level `disk`.
    pub disk: Latencies,
    /// All of them.
    pub all: Latencies,
    /// Other statuses and how often.
    pub refused: BTreeMap<u16, u64>,
    /// The others: how long they took.
    pub refusals: Latencies,
    /// Requests due that no connection was free for.
    pub unsent: u64,
    /// Requests sent or due without an answer at the end.
    pub unanswered: u64,
    /// From the first request to the last answer within the span.
    pub elapsed: Duration,
}

/// Who takes the answers of a loop, one by one.
pub trait Witness {
    /// An answer came so long after its request was due.
    fn answered(&mut self, latency: Duration, answer: &Answer<'_>);
}

impl Witness for Measured {
    fn answered(&mut self, latency: Duration, answer: &Answer<'_>) {
        if answer.status != 200 {
            *self.refused.entry(answer.status).or_default() += 1;
            self.refusals.record(latency);
            return;
        }
        self.all.record(latency);
        let of_level = match is_on_disk(answer.body) {
            true => &mut self.disk,
            false => &mut self.kernel,
        };
        of_level.record(latency);
    }
}

impl Measured {
    /// Nothing yet.
    pub fn new() -> Result<Self> {
        Ok(Self {
            kernel: Latencies::new()?,
            disk: Latencies::new()?,
            all: Latencies::new()?,
            refused: BTreeMap::new(),
            refusals: Latencies::new()?,
            unsent: 0,
            unanswered: 0,
            elapsed: Duration::ZERO,
        })
    }

    /// Answers with status 200 a second.
    pub fn rate(&self) -> f64 {
        self.all.count() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Requests that did not get an answer with status 200.
    pub fn failed(&self) -> u64 {
        self.unanswered + self.refused.values().sum::<u64>()
    }
}

/// How far an open loop of turns has come.
#[derive(Debug, Clone)]
pub struct Pace {
    schedule: Schedule,
    sent: u64,
    total: u64,
}

impl Pace {
    /// Requests fall due at `rate_per_second` for `span`.
    pub fn new(rate_per_second: u64, span: Duration) -> Self {
        let schedule = Schedule::new(rate_per_second);
        Self {
            schedule,
            sent: 0,
            total: schedule.count_within(span),
        }
    }

    /// `count` requests are due at once.
    pub fn at_once(count: u64) -> Self {
        Self {
            schedule: Schedule::new(u64::MAX),
            sent: 0,
            total: count,
        }
    }

    /// Nothing falls due any more; says how many requests were sent.
    pub fn stop(&mut self) -> u64 {
        self.total = self.sent;
        self.sent
    }

    /// Requests that are to be sent still.
    pub fn left(&self) -> u64 {
        self.total - self.sent
    }
}

/// Open connections to one server.
pub struct Driver<'a> {
    to: (SocketAddr, Option<Believed>),
    requests: &'a [Vec<u8>],
    next_request: usize,
    connections: Vec<Connection>,
    /// The last one answered is asked next: as few connections are in use as can be.
    idle: Vec<usize>,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

struct Connection {
    channel: Channel,
    received: Vec<u8>,
    /// When the request under way was due, from the start of the loop.
    due: Option<Duration>,
}

impl<'a> Driver<'a> {
    /// Opens `connections` connections to `address`, which is on this machine.
    pub fn connect(
        address: SocketAddr,
        connections: usize,
        requests: &'a [Vec<u8>],
    ) -> Result<Self> {
        Self::connect_by(address, None, connections, requests)
    }

    /// The same by TLS, where it is said whom to believe.
    pub fn connect_by(
        address: SocketAddr,
        tls: Option<&Believed>,
        connections: usize,
        requests: &'a [Vec<u8>],
    ) -> Result<Self> {
        if !address.ip().is_loopback() {
            bail!("{address} is not on this machine; load goes to 127.0.0.1 only");
        }
        if requests.is_empty() || connections == 0 {
            bail!("at least one request and one connection are needed");
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut open = Vec::with_capacity(connections);
        for place in 0..connections {
            open.push(Connection::open(address, tls, &epoll, place)?);
        }
        Ok(Self {
            to: (address, tls.cloned()),
            requests,
            next_request: 0,
            idle: (0..connections).collect(),
            connections: open,
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// `in_flight` connections ask again as soon as they have their answer, for `span`.
    pub fn closed_loop(&mut self, in_flight: usize, span: Duration) -> Result<Measured> {
        let mut measured = Measured::new()?;
        let start = Instant::now();
        let in_flight = in_flight.clamp(1, self.connections.len());
        for _ in 0..in_flight {
            self.send(start.elapsed())?;
        }
        while self.in_flight() > 0 && start.elapsed() < span + DRAIN_MAX {
            // Never asleep: a server pays for waking its peer, and a fast one finds it awake.
            let answered = self.receive(start, &mut measured)?;
            if start.elapsed() < span {
                for _ in 0..answered {
                    self.send(start.elapsed())?;
                }
            }
        }
        measured.elapsed = start.elapsed();
        measured.unanswered = self.in_flight() as u64;
        Ok(measured)
    }

    /// Requests fall due at `rate_per_second` for `span`, answers or not; the next free connection
    /// takes the next request that is due.
    pub fn open_loop(&mut self, rate_per_second: u64, span: Duration) -> Result<Measured> {
        let mut measured = Measured::new()?;
        let mut pace = Pace::new(rate_per_second, span);
        let start = Instant::now();
        while pace.left() > 0 || self.in_flight() > 0 {
            if start.elapsed() > span + DRAIN_MAX {
                break;
            }
            self.follow(&mut pace, start, &mut measured)?;
        }
        measured.elapsed = start.elapsed();
        measured.unanswered = pace.left() + self.in_flight() as u64;
        Ok(measured)
    }

    /// One turn of an open loop in which callers are patient: sends what is due by `pace` as far as
    /// connections are free, takes what has come.
    pub fn follow(
        &mut self,
        pace: &mut Pace,
        start: Instant,
        witness: &mut impl Witness,
    ) -> Result<()> {
        let now = start.elapsed();
        while pace.left() > 0 && pace.schedule.due(pace.sent) <= now && !self.idle.is_empty() {
            self.send(pace.schedule.due(pace.sent))?;
            pace.sent += 1;
        }
        self.receive(start, witness)?;
        Ok(())
    }

    /// One turn of an open loop: sends what is due by `pace`, takes what has come. A request for
    /// which no connection is free is not sent later: its caller has given up.
    pub fn turn(&mut self, pace: &mut Pace, start: Instant, measured: &mut Measured) -> Result<()> {
        let now = start.elapsed();
        while pace.sent < pace.total && pace.schedule.due(pace.sent) <= now {
            pace.sent += 1;
            match self.idle.is_empty() {
                true => measured.unsent += 1,
                false => drop(self.send(start.elapsed())?),
            }
            // Answers that wait to be taken make connections free.
            if pace.sent.is_multiple_of(16) {
                break;
            }
        }
        self.receive(start, measured)?;
        Ok(())
    }

    /// Waits for the last answers of turns, for a while; says how many did not come.
    pub fn drain(&mut self, start: Instant, witness: &mut impl Witness) -> Result<u64> {
        let until = Instant::now() + DRAIN_MAX;
        while self.in_flight() > 0 && Instant::now() < until {
            self.receive(start, witness)?;
        }
        Ok(self.in_flight() as u64)
    }

    /// Asks the first `count` requests one by one and returns the bodies of the answers.
    pub fn record(&mut self, count: usize) -> Result<Vec<Vec<u8>>> {
        let mut bodies = Vec::with_capacity(count);
        for _ in 0..count {
            let until = Instant::now() + Duration::from_secs(60);
            let place = self.send(Duration::ZERO)?;
            let connection = &mut self.connections[place];
            let body = loop {
                if Instant::now() > until {
                    bail!("no answer within a minute");
                }
                connection.fill()?;
                let Some(answer) = answer(&connection.received)? else {
                    continue;
                };
                if answer.status != 200 {
                    let body = String::from_utf8_lossy(answer.body);
                    bail!("the gateway answered {}: {body}", answer.status);
                }
                break answer.body.to_vec();
            };
            connection.finish();
            self.idle.push(place);
            bodies.push(body);
        }
        self.next_request = 0;
        Ok(bodies)
    }

    fn in_flight(&self) -> usize {
        self.connections.len() - self.idle.len()
    }

    /// Sends the next request on a free connection.
    fn send(&mut self, due: Duration) -> Result<usize> {
        let place = self.idle.pop().context("no connection is free")?;
        let request = &self.requests[self.next_request];
        self.next_request = (self.next_request + 1) % self.requests.len();
        let connection = &mut self.connections[place];
        connection.due = Some(due);
        connection.channel.send(request)?;
        Ok(place)
    }

    /// Takes what has come, without waiting. Says how many answers it was.
    fn receive(&mut self, start: Instant, witness: &mut impl Witness) -> Result<usize> {
        let timeout = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        epoll::wait(&self.epoll, room, Some(&timeout))?;
        let mut answered = 0;
        let mut reopened = Vec::new();
        for event in &self.events {
            let place = event.data.u64() as usize;
            let connection = &mut self.connections[place];
            let Some(due) = connection.due else {
                // Closed by the server, as it does with connections nobody has used for a while.
                reopened.push(place);
                continue;
            };
            connection.fill()?;
            let Some(answer) = answer(&connection.received)? else {
                continue;
            };
            let latency = start.elapsed().saturating_sub(due);
            witness.answered(latency, &answer);
            connection.finish();
            self.idle.push(place);
            answered += 1;
        }
        for place in reopened {
            self.reopen(place)?;
        }
        Ok(answered)
    }

    fn reopen(&mut self, place: usize) -> Result<()> {
        epoll::delete(&self.epoll, self.connections[place].channel.socket())?;
        let (address, tls) = &self.to;
        self.connections[place] = Connection::open(*address, tls.as_ref(), &self.epoll, place)?;
        Ok(())
    }
}

impl Connection {
    fn open(
        address: SocketAddr,
        tls: Option<&Believed>,
        epoll: &OwnedFd,
        place: usize,
    ) -> Result<Self> {
        let channel = Channel::connect(address, tls)?;
        let data = epoll::EventData::new_u64(place as u64);
        epoll::add(epoll, channel.socket(), data, epoll::EventFlags::IN)?;
        Ok(Self {
            channel,
            received: Vec::with_capacity(8 << 10),
            due: None,
        })
    }

    /// Reads what is there.
    fn fill(&mut self) -> Result<()> {
        self.channel.receive(&mut self.received)
    }

    /// The answer is taken; nothing follows it, since the next request was not sent yet.
    fn finish(&mut self) {
        self.received.clear();
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::request;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// A server that answers each request of `length` bytes with the next of `answers`, in turn.
    fn serve(length: usize, answers: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                std::thread::spawn(move || answer_all(socket.unwrap(), length, answers));
            }
        });
        address
    }

    fn answer_all(mut socket: TcpStream, length: usize, answers: &[&str]) {
        let mut received = vec![0; length];
        for answer in answers.iter().cycle() {
            if socket.read_exact(&mut received).is_err() {
                return;
            }
            if answer.is_empty() {
                continue;
            }
            let status = if answer.contains("status") { 422 } else { 200 };
            let bytes = answer.len();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {bytes}\r\n\r\n");
            if socket.write_all((head + answer).as_bytes()).is_err() {
                return;
            }
        }
    }

    const KERNEL: &str = r#"{"level":"kernel"}"#;
    const DISK: &str = r#"{"level":"disk"}"#;

    #[test]
    fn an_open_loop_asks_as_often_as_is_due_and_tells_levels_apart() {
        let requests = [request("{}", "t")];
        let address = serve(requests[0].len(), &[KERNEL, DISK, r#"{"status":422}"#]);
        let mut driver = Driver::connect(address, 1, &requests).unwrap();
        let measured = driver.open_loop(300, Duration::from_millis(100)).unwrap();
        assert_eq!((measured.kernel.count(), measured.disk.count()), (10, 10));
        assert_eq!(measured.all.count(), 20);
        assert_eq!(measured.refused, BTreeMap::from([(422, 10)]));
        assert_eq!((measured.unanswered, measured.failed()), (0, 10));
        assert!(measured.elapsed >= Duration::from_millis(96));
    }

    #[test]
    fn a_caller_who_finds_no_connection_gives_up() {
        let requests = [request("{}", "t")];
        let address = serve(requests[0].len(), &[r#"{"status":422}"#, ""]);
        let mut driver = Driver::connect(address, 2, &requests).unwrap();
        let mut measured = Measured::new().unwrap();
        let start = Instant::now();
        // Each connection is refused once and then never answered again.
        let mut pace = Pace::at_once(4);
        while measured.refused.get(&422) != Some(&2) {
            driver.turn(&mut pace, start, &mut measured).unwrap();
        }
        let mut more = Pace::at_once(5);
        driver.turn(&mut more, start, &mut measured).unwrap();
        assert_eq!(measured.refusals.count(), 2);
        assert_eq!((measured.unsent, driver.in_flight()), (5, 2));
    }

    #[test]
    fn a_closed_loop_ends_with_every_request_answered() {
        let requests = [request("{}", "t"), request("[]", "t")];
        let address = serve(requests[0].len(), &[KERNEL]);
        let mut driver = Driver::connect(address, 4, &requests).unwrap();
        let measured = driver.closed_loop(4, Duration::from_millis(50)).unwrap();
        assert!(measured.all.count() >= 4);
        assert_eq!(measured.failed(), 0);
        assert!(measured.rate() > 0.0);
        assert_eq!(
            driver.record(3).unwrap(),
            vec![KERNEL.as_bytes().to_vec(); 3]
        );
        assert_eq!(
            driver.open_loop(100, Duration::ZERO).unwrap().all.count(),
            0
        );
    }

    #[test]
    fn load_stays_on_this_machine() {
        let requests = [request("{}", "t")];
        let address = SocketAddr::from(([192, 0, 2, 1], 80));
        let error = Driver::connect(address, 1, &requests).err().unwrap();
        assert!(error.to_string().contains("127.0.0.1 only"));
    }
}
