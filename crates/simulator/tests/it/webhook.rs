//! The webhook receiver.

use std::time::Duration;

use bytes::Bytes;
use simulator::{
    http::{Client, Request, Tls},
    webhook::Receiver,
};

#[tokio::test]
async fn requests_are_recorded_and_answered_as_told() {
    let receiver = Receiver::start().await.unwrap();
    receiver.answer_with(503, 1);
    let mut client = Client::new(Tls::untrusting(), Duration::from_secs(10));
    let request = Request {
        method: http::Method::POST,
        url: receiver.url().to_owned(),
        headers: vec![("x-signature", "abc".into())],
        body: Bytes::from_static(b"{}"),
    };
    assert_eq!(client.send(&request).await.unwrap().status, 503);
    assert_eq!(client.send(&request).await.unwrap().status, 200);
    let first = receiver.next(Duration::from_secs(10)).await.unwrap();
    assert_eq!(
        (first.method.as_str(), &first.body[..], first.answered),
        ("POST", &b"{}"[..], 503)
    );
    assert_eq!(first.headers["x-signature"], "abc");
    assert_eq!(
        receiver
            .next(Duration::from_secs(10))
            .await
            .unwrap()
            .answered,
        200
    );
    assert_eq!(receiver.received().len(), 2);
    assert!(receiver.next(Duration::ZERO).await.is_none());
}
