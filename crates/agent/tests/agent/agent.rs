use std::sync::Arc;
use std::time::Duration;

use agent::fake::Node;
use agent::{Agent, Options};
use bus::{Bus, InProcess};
use protocol::{Answer, CONTROL_QUEUE, Call, PowerState, Problem, Report, ReportAnswer};
use runtime::Runtime;
use tokio::sync::mpsc;

use crate::spec;

/// An agent on a fake node, and a control that takes reports and asks.
struct Cloud {
    runtime: Runtime,
    node: Node,
    agent: Agent,
    control: bus::rpc::Client,
    reports: mpsc::UnboundedReceiver<Report>,
}

impl Cloud {
    async fn start(orphans: Vec<String>, node: Node) -> Self {
        let runtime = Runtime::default();
        let bus: Arc<dyn Bus> = Arc::new(InProcess::default());
        let (sender, reports) = mpsc::unbounded_channel();
        let take = move |report: Report| {
            drop(sender.send(report));
            let orphans = orphans.clone();
            async move { ReportAnswer { orphans } }
        };
        bus::rpc::serve(Arc::clone(&bus), &runtime, CONTROL_QUEUE, take).await.unwrap();
        let control = bus::rpc::Client::new(Arc::clone(&bus), runtime.clone()).await.unwrap();
        let mut options = Options::new("node-1", "192.0.2.1");
        options.report_interval = Duration::from_secs(3600);
        let agent = Agent::start(runtime.clone(), bus, options, node.drivers()).await.unwrap();
        Self { runtime, node, agent, control, reports }
    }

    async fn ask(&self, call: Call) -> Answer {
        self.control.call("agent.node-1", &call, Duration::from_secs(20)).await.unwrap()
    }

    async fn build(&self, number: u8) {
        let server = spec::server(number);
        let fetch = Call::ImageFetch { image: spec::image(), url: "http://nowhere/".into(), token: "t".into() };
        assert_eq!(self.ask(fetch).await, Answer::Done);
        assert_eq!(self.ask(Call::DisksCreate { server: server.clone() }).await, Answer::Done);
        assert_eq!(self.ask(Call::PortsPlug { server: server.clone() }).await, Answer::Done);
        assert_eq!(self.ask(Call::ServerStart { server }).await, Answer::Done);
    }

    async fn report(&mut self) -> Report {
        tokio::time::timeout(Duration::from_secs(20), self.reports.recv()).await.unwrap().unwrap()
    }

    async fn end(self) {
        assert!(self.runtime.tasks.stop(Duration::from_secs(20)).await);
    }
}

#[tokio::test]
async fn a_server_lives_and_leaves_nothing() {
    let cloud = Cloud::start(vec![], Node::default()).await;
    let (id, server) = (spec::server(1).id, spec::server(1));
    cloud.build(1).await;
    assert_eq!((cloud.node.servers().len(), cloud.node.disks().len(), cloud.node.taps().len()), (1, 1, 1));
    // Again does no harm.
    cloud.build(1).await;
    assert_eq!(cloud.node.server_boots(&id), 1);
    let stop = Call::ServerStop { server_id: id.clone(), grace_seconds: 1 };
    assert_eq!(cloud.ask(stop.clone()).await, Answer::Done);
    assert_eq!(cloud.ask(stop).await, Answer::Done);
    assert_eq!(cloud.ask(Call::ServerStart { server }).await, Answer::Done);
    let output = cloud.ask(Call::ConsoleOutput { server_id: id.clone(), lines: Some(1) }).await;
    assert_eq!(output, Answer::ConsoleOutput("a-server login: ".to_owned()));
    for _ in 0..2 {
        assert_eq!(cloud.ask(Call::ServerDelete { server_id: id.clone(), taps: vec![] }).await, Answer::Done);
        assert!(cloud.node.is_empty());
    }
    let output = cloud.ask(Call::ConsoleOutput { server_id: id, lines: None }).await;
    assert_eq!(output, Answer::Problem(Problem::NotFound));
    cloud.end().await;
}

#[tokio::test]
async fn the_node_is_reported_at_start_and_servers_when_they_change_by_themselves() {
    let mut cloud = Cloud::start(vec![], Node::default()).await;
    let Report::Node(node) = cloud.report().await else { panic!("the first report is the node's") };
    assert_eq!((node.host.as_str(), node.hypervisor_type.as_str(), node.servers.len()), ("node-1", "fake", 0));
    cloud.build(1).await;
    cloud.node.server_crash(&spec::server(1).id).unwrap();
    loop {
        let Report::Server { host, server } = cloud.report().await else { panic!("only servers change") };
        assert_eq!(host, "node-1");
        if server.power_state == PowerState::Crashed {
            break;
        }
    }
    cloud.agent.report();
    loop {
        if let Report::Node(node) = cloud.report().await {
            assert_eq!(node.servers[0].power_state, PowerState::Crashed);
            break;
        }
    }
    cloud.end().await;
}

#[tokio::test]
async fn what_the_cloud_has_no_more_is_deleted() {
    let node = Node::default();
    let cloud = Cloud::start(vec![spec::server(1).id, "never-seen".to_owned()], node.clone()).await;
    cloud.build(1).await;
    cloud.build(2).await;
    let hold = node.hold("disks_delete");
    cloud.agent.report();
    hold.arrived(1).await;
    hold.release();
    // The lock of the server is free once it is all gone.
    let reread = Call::ServerStop { server_id: spec::server(1).id, grace_seconds: 0 };
    assert_eq!(cloud.ask(reread).await, Answer::Problem(Problem::NotFound));
    assert_eq!(node.servers(), [spec::server(2).id]);
    assert_eq!(node.disks(), [spec::server(2).id]);
    assert_eq!(node.taps(), [spec::server(2).ports[0].tap_name()]);
    cloud.end().await;
}

/// Control may say so of a server as it was before it came back to the node.
#[tokio::test]
async fn what_the_cloud_asks_about_meanwhile_is_not_deleted() {
    let node = Node::default();
    let mut cloud = Cloud::start(vec![spec::server(1).id], node.clone()).await;
    cloud.report().await;
    cloud.build(1).await;
    let hold = node.hold("info");
    cloud.agent.report();
    hold.arrived(1).await;
    assert_eq!(cloud.ask(Call::ServerStart { server: spec::server(1) }).await, Answer::Done);
    hold.release();
    while !matches!(cloud.report().await, Report::Node(_)) {}
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(node.servers(), [spec::server(1).id]);
    cloud.end().await;
}

#[tokio::test]
async fn calls_on_one_server_wait_for_each_other_and_others_do_not() {
    let cloud = Cloud::start(vec![], Node::default()).await;
    let hold = cloud.node.hold("ports_plug");
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let control = cloud.control.clone();
        let call = Call::PortsPlug { server: spec::server(1) };
        asking.spawn(async move {
            control.call::<_, Answer>("agent.node-1", &call, Duration::from_secs(20)).await.unwrap()
        });
    }
    hold.arrived(1).await;
    let output = cloud.ask(Call::ConsoleOutput { server_id: spec::server(1).id, lines: None }).await;
    assert_eq!(output, Answer::Problem(Problem::NotFound), "reading does not wait");
    let other = Call::ServerStop { server_id: spec::server(2).id, grace_seconds: 0 };
    assert_eq!(cloud.ask(other).await, Answer::Problem(Problem::NotFound), "another server does not wait");
    assert_eq!(cloud.node.calls().iter().filter(|call| call.call == "ports_plug").count(), 1);
    hold.step();
    hold.arrived(2).await;
    hold.step();
    assert_eq!(asking.join_all().await, [Answer::Done, Answer::Done]);
    cloud.end().await;
}
