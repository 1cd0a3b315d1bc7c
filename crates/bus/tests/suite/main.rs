//! Every promise of the bus, on every bus.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bus::rpc::{self, Client};
use bus::testing::Broker;
use bus::{Bus, InProcess, Message, Rabbit};
use runtime::Runtime;

fn message(text: &str) -> Message {
    Message { body: text.to_owned().into(), reply_to: None, correlation_id: None }
}

async fn text(messages: &mut bus::Messages) -> String {
    let message = tokio::time::timeout(Duration::from_secs(20), messages.recv()).await.unwrap().unwrap();
    String::from_utf8(message.body.to_vec()).unwrap()
}

/// What every bus does.
async fn contract(bus: Arc<dyn Bus>, runtime: &Runtime) {
    // Each message reaches one of the queue's subscribers.
    let (mut one, mut two) = (bus.subscribe("work").await.unwrap(), bus.subscribe("work").await.unwrap());
    for number in 0..10 {
        bus.publish("work", message(&number.to_string())).await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 10 {
        let next = tokio::select! { Some(m) = one.recv() => m, Some(m) = two.recv() => m };
        seen.push(String::from_utf8(next.body.to_vec()).unwrap().parse::<i32>().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());

    // A question gets its own answer, also with many under way.
    rpc::serve(Arc::clone(&bus), runtime, "double", |number: i64| async move { number * 2 }).await.unwrap();
    let client = Client::new(Arc::clone(&bus), runtime.clone()).await.unwrap();
    let limit = Duration::from_secs(20);
    let numbers: Vec<i64> = (0..50).collect();
    let asking = numbers.iter().map(|number| client.call::<i64, i64>("double", number, limit));
    let answers = futures_util::future::join_all(asking).await;
    assert!(answers.into_iter().zip(&numbers).all(|(answer, number)| answer.unwrap() == number * 2));

    // Nobody there: the asker is told in time.
    let lonely = client.call::<i64, i64>("nobody", &1, Duration::from_millis(50)).await;
    assert!(matches!(lonely, Err(rpc::Error::Timeout { .. })));
}

#[tokio::test]
async fn in_process() {
    let runtime = Runtime::default();
    contract(Arc::new(InProcess::default()), &runtime).await;
    assert!(runtime.tasks.stop(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn rabbit_and_its_restart() {
    let broker = Broker::start().unwrap();
    let runtime = Runtime::default();
    let bus: Arc<dyn Bus> = Arc::new(Rabbit::new(&broker.uri(), runtime.clone()));
    contract(Arc::clone(&bus), &runtime).await;

    // The broker restarts: subscribers and publishers find it again, and later messages arrive.
    let mut messages = bus.subscribe("after").await.unwrap();
    bus.publish("after", message("before")).await.unwrap();
    assert_eq!(text(&mut messages).await, "before");
    broker.restart().unwrap();
    let mut tries = 0;
    while bus.publish("after", message("again")).await.is_err() {
        tries += 1;
        assert!(tries < 100);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(text(&mut messages).await, "again");
    assert!(runtime.tasks.stop(Duration::from_secs(5)).await);
}
