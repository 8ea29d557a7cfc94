//! A DNS server (RFC 1035) that knows just enough: one question, answers of type A and AAAA that are never to be kept.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The names, each with its answers: the first query gets the first, the next the second, and so on in a circle.
type Names = HashMap<String, Vec<Vec<IpAddr>>>;

/// A DNS server on 127.0.0.1.
pub(super) struct Dns {
    names: Arc<Mutex<Names>>,
    answered: Arc<AtomicUsize>,
}

const A: u16 = 1;
const AAAA: u16 = 28;

impl Dns {
    pub(super) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
        let (names, answered): (Arc<Mutex<Names>>, Arc<AtomicUsize>) = Default::default();
        let (known, count) = (Arc::clone(&names), Arc::clone(&answered));
        std::thread::spawn(move || {
            // Queries of either type have their own place in the circle: a resolver asks for both.
            let mut asked: HashMap<(String, u16), usize> = HashMap::new();
            let mut query = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut query) {
                let Some((name, kind)) = question(&query[..length]) else { continue };
                let turn = asked.entry((name.clone(), kind)).or_default();
                let answers = known.lock().unwrap().get(&name).map(|turns| turns[*turn % turns.len()].clone());
                *turn += 1;
                count.fetch_add(1, Ordering::Relaxed);
                let _ = socket.send_to(&reply(&query[..length], kind, &answers.unwrap_or_default()), client);
            }
        });
        Self { names, answered }
    }

    /// A new name with these answers.
    pub(super) fn name(&self, answers: &[&[IpAddr]]) -> String {
        let mut names = self.names.lock().unwrap();
        let name = format!("n{}.example.test", names.len());
        names.insert(name.clone(), answers.iter().map(|answer| answer.to_vec()).collect());
        name
    }

    /// How many queries were answered.
    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

/// The name and the type that a query asks for.
fn question(query: &[u8]) -> Option<(String, u16)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8(query.get(at..at + length)?.to_vec()).ok()?);
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join(".").to_ascii_lowercase(), kind))
}

fn reply(query: &[u8], kind: u16, answers: &[IpAddr]) -> Vec<u8> {
    let records: Vec<Vec<u8>> = answers
        .iter()
        .filter_map(|address| match (address, kind) {
            (IpAddr::V4(address), A) => Some(address.octets().to_vec()),
            (IpAddr::V6(address), AAAA) => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap_or_default() + 5;
    let mut reply = query[..end].to_vec();
    // A response, with recursion; one question, so many answers, nothing else.
    reply[2..4].copy_from_slice(&[0x81, 0x80]);
    reply[6..12].copy_from_slice(&[0, records.len() as u8, 0, 0, 0, 0]);
    for record in records {
        // The name of the question, the type, the class IN, and no time to live.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 0]);
        reply.extend((record.len() as u16).to_be_bytes());
        reply.extend(record);
    }
    reply
}
