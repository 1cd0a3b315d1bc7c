use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use runtime::Runtime;
use tokio::sync::{Mutex, mpsc};

use crate::{Bus, Error, Message, Messages};

/// How long a message waits for a subscriber; a question that is older has no asker left.
const TTL_MILLIS: i32 = 60_000;
/// How many messages a subscriber takes before it has handed them on.
const PREFETCH: usize = 256;
/// How long a publisher waits for the broker.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);
/// How soon a subscriber whose broker went away looks for it again.
const RECONNECT: Duration = Duration::from_millis(500);

/// The bus of a cloud on several machines: RabbitMQ, with quorum queues and publisher confirms.
pub struct Rabbit {
    uri: String,
    runtime: Runtime,
    publisher: Mutex<Option<(Connection, Channel)>>,
}

impl Rabbit {
    /// A bus over the broker at `uri` (`amqp://user:password@host:5672/vhost`). It connects when it is first used, and
    /// again whenever the broker was away.
    pub fn new(uri: &str, runtime: Runtime) -> Self {
        Self { uri: uri.to_owned(), runtime, publisher: Mutex::new(None) }
    }

    /// The channel to publish on; connects when there is none.
    async fn channel(&self) -> Result<Channel, lapin::Error> {
        let mut publisher = self.publisher.lock().await;
        if let Some((connection, channel)) = &*publisher
            && connection.status().connected()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let (connection, channel) = connect(&self.uri).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *publisher = Some((connection, channel.clone()));
        Ok(channel)
    }

    async fn publish_confirmed(&self, queue: &str, message: &Message) -> Result<(), lapin::Error> {
        let mut properties = BasicProperties::default();
        if let Some(reply_to) = &message.reply_to {
            properties = properties.with_reply_to(reply_to.as_str().into());
        }
        if let Some(id) = &message.correlation_id {
            properties = properties.with_correlation_id(id.as_str().into());
        }
        let channel = self.channel().await?;
        let options = BasicPublishOptions::default();
        channel.basic_publish("".into(), queue.into(), options, &message.body, properties).await?.await?;
        Ok(())
    }
}

async fn connect(uri: &str) -> Result<(Connection, Channel), lapin::Error> {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// Reply queues live as long as their reader; all others last and are replicated.
async fn declare(channel: &Channel, queue: &str) -> Result<(), lapin::Error> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(TTL_MILLIS));
    let options = if queue.starts_with("reply.") {
        // Not exclusive: the reader must find its queue again on a new connection.
        arguments.insert("x-expires".into(), AMQPValue::LongInt(TTL_MILLIS));
        QueueDeclareOptions::default()
    } else {
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() }
    };
    channel.queue_declare(queue.into(), options, arguments).await?;
    Ok(())
}

async fn consume(uri: &str, queue: &str) -> Result<(Connection, Consumer), lapin::Error> {
    let (connection, channel) = connect(uri).await?;
    declare(&channel, queue).await?;
    let consumer =
        channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await?;
    Ok((connection, consumer))
}

/// Hands messages on until the broker or the subscriber goes away. `false`: the subscriber did.
async fn forward(mut consumer: Consumer, to: &mpsc::Sender<Message>) -> bool {
    loop {
        let delivery = tokio::select! {
            delivery = consumer.next() => delivery,
            () = to.closed() => return false,
        };
        let Some(Ok(delivery)) = delivery else { return true };
        let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(|text| text.as_str().to_owned());
        let message = Message {
            reply_to: text(delivery.properties.reply_to()),
            correlation_id: text(delivery.properties.correlation_id()),
            body: delivery.data.clone().into(),
        };
        // Acknowledged when it is taken: what must last is in the database, and a question is asked again.
        if delivery.ack(BasicAckOptions::default()).await.is_err() {
            return true;
        }
        if to.send(message).await.is_err() {
            return false;
        }
    }
}

#[async_trait]
impl Bus for Rabbit {
    async fn publish(&self, queue: &str, message: Message) -> Result<(), Error> {
        match tokio::time::timeout(PUBLISH_LIMIT, self.publish_confirmed(queue, &message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.publisher.lock().await.take();
                Err(Error::Unavailable(Box::new(error)))
            }
            Err(late) => {
                self.publisher.lock().await.take();
                Err(Error::Unavailable(Box::new(late)))
            }
        }
    }

    async fn subscribe(&self, queue: &str) -> Result<Messages, Error> {
        let (sender, receiver) = mpsc::channel(PREFETCH);
        let first = consume(&self.uri, queue).await.map_err(|error| Error::Unavailable(Box::new(error)))?;
        let (uri, queue) = (self.uri.clone(), queue.to_owned());
        self.runtime.tasks.spawn_until_stop("rabbit subscriber", async move {
            let mut consuming = Some(first);
            loop {
                if let Some((_connection, consumer)) = consuming.take()
                    && !forward(consumer, &sender).await
                {
                    return;
                }
                tokio::time::sleep(RECONNECT).await;
                match consume(&uri, &queue).await {
                    Ok(again) => consuming = Some(again),
                    Err(error) => tracing::warn!(%error, queue, "the broker is away"),
                }
            }
        });
        Ok(receiver)
    }
}
