//! Somebody else's system that receives webhooks, on loopback.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_lc_rs::hmac;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// One request as it arrived.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: mpsc::UnboundedReceiver<Received>,
    answers: Arc<Mutex<VecDeque<String>>>,
}

impl Receiver {
    /// Answers 204 to everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::<String>::new()));
        let queue = answers.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, queue) = (sender.clone(), queue.clone());
                tokio::spawn(async move { serve(stream, &sender, &queue).await });
            }
        });
        Self {
            url,
            requests,
            answers,
        }
    }

    /// The next request is answered so, for example `500 Internal Server Error`.
    pub(crate) fn answer_next(&self, status: &str) {
        self.answers.lock().unwrap().push_back(status.to_owned());
    }

    pub(crate) async fn next(&mut self) -> Received {
        self.requests.recv().await.unwrap()
    }

    /// Whether nothing more arrived.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .unwrap()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The sequence numbers of the events in it.
    pub(crate) fn seqs(&self) -> Vec<u64> {
        let json = self.json();
        let events = json["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["seq"].as_u64().unwrap())
            .collect()
    }

    /// Checks the signature as a receiver would.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let header = self.header("muster-signature");
        let (time, tag) = header.split_once(',').unwrap();
        let (time, tag) = (
            time.strip_prefix("t=").unwrap(),
            tag.strip_prefix("v1=").unwrap(),
        );
        let mut message = format!("{time}.").into_bytes();
        message.extend(&self.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, &message, &hex::decode(tag).unwrap()).is_ok()
    }
}

async fn serve(
    mut stream: TcpStream,
    sender: &mpsc::UnboundedSender<Received>,
    answers: &Mutex<VecDeque<String>>,
) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            read_more(&mut stream, &mut bytes).await?;
        };
        let headers = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let length = headers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())?;
        while bytes.len() < end + length {
            read_more(&mut stream, &mut bytes).await?;
        }
        let rest = bytes.split_off(end + length);
        let body = bytes.split_off(end);
        bytes = rest;
        let status = answers.lock().unwrap().pop_front();
        let status = status.unwrap_or_else(|| "204 No Content".to_owned());
        sender.send(Received { headers, body }).ok()?;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(bytes).await.ok()?;
    (read > 0).then_some(())
}
