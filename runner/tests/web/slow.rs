//! Callers that are slow on purpose, each from an address of its own: they keep nobody out, and cost little.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rec_market::ports;
use testkit::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::http;
use crate::served::Served;

/// How long they go on.
const ATTACK: Duration = Duration::from_secs(5);
/// How long anybody else may wait for a page meanwhile. Far more than it takes, because machines are busy.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// All the memory that the process may ever have, in MiB: 300 MB.
const MEMORY_MAX: u64 = 300_000_000 >> 20;
/// How often they say or take something.
const DRIP: Duration = Duration::from_millis(200);
/// A page with much on it.
const LARGE: &str = "/c/aveiro?period=2024";

async fn from(address: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, address), 0).into())?;
    socket.connect(to).await
}

/// Sends a head that never ends, byte by byte, again and again.
async fn drips(address: u8, to: SocketAddr) {
    loop {
        let Ok(mut stream) = from(address, to).await else { continue };
        if stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ").await.is_ok() {
            while stream.write_all(b"y").await.is_ok() {
                tokio::time::sleep(DRIP).await;
            }
        }
    }
}

/// Asks for large pages, one after the other, and takes a byte of them now and then.
async fn sips(address: u8, to: SocketAddr) {
    let request = format!("GET {LARGE} HTTP/1.1\r\nhost: localhost\r\n\r\n").repeat(20);
    loop {
        let Ok(mut stream) = from(address, to).await else { continue };
        let _ = stream.write_all(request.as_bytes()).await;
        let mut byte = [0; 1];
        while stream.read_exact(&mut byte).await.is_ok() {
            tokio::time::sleep(DRIP).await;
        }
    }
}

/// Sends a form whose body never ends.
async fn posts(address: u8, to: SocketAddr) {
    loop {
        let Ok(mut stream) = from(address, to).await else { continue };
        let head = b"POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n";
        if stream.write_all(head).await.is_ok() {
            while stream.write_all(b"token=x").await.is_ok() {
                tokio::time::sleep(DRIP).await;
            }
        }
    }
}

/// Connects and says nothing.
async fn idles(address: u8, to: SocketAddr) {
    loop {
        let Ok(mut stream) = from(address, to).await else { continue };
        let _ = stream.read(&mut [0; 1]).await;
    }
}

#[test]
fn slow_callers_keep_nobody_out_and_cost_little() {
    // They need many connections themselves.
    ports::raise(1, true).unwrap();
    let served = Served::small();
    let runtime = runtime();
    let mut slow = JoinSet::new();
    {
        let _inside = runtime.enter();
        let to = served.web;
        (0..300).for_each(|_| drop(slow.spawn(drips(2, to))));
        (0..50).for_each(|_| drop(slow.spawn(sips(3, to))));
        (0..100).for_each(|_| drop(slow.spawn(posts(4, to))));
        (0..600).for_each(|_| drop(slow.spawn(idles(5, to))));
    }
    let (until, mut waited, mut pages) = (Instant::now() + ATTACK, Duration::ZERO, 0);
    while Instant::now() < until {
        let asked = Instant::now();
        // Somebody may have to try again, but not for long.
        let page = b"GET /c/aveiro HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        eventually("others get their page", || http::send(served.web, page).is_some_and(|answer| answer.status == 200));
        waited = waited.max(asked.elapsed());
        pages += 1;
    }
    let memory = served.service.peak_memory();
    println!("{pages} pages for others, who waited {waited:?} at most; peak memory {memory} MiB");
    assert!(waited < WAIT_MAX, "others waited {waited:?}");
    assert!(memory <= MEMORY_MAX, "{memory} MiB");
    runtime.block_on(slow.shutdown());
    eventually("it answers health checks", || served.service.get("/ready").0 == 200);
}
