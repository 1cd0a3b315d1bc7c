use agent::disks::Disks as _;
use agent::fake::{Node, Options};
use agent::hypervisor::Hypervisor as _;
use agent::ports::Ports as _;
use protocol::{ConsoleKind, PowerState, Problem, RebootKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::spec;

async fn build(node: &Node, number: u8) {
    node.image_fetch(&spec::image(), "", "").await.unwrap();
    node.disks_create(&spec::server(number)).await.unwrap();
    node.ports_plug(&spec::server(number)).await.unwrap();
    node.server_start(&spec::server(number)).await.unwrap();
}

#[tokio::test]
async fn the_nth_call_fails_before_or_after_its_work() {
    let node = Node::default();
    let lost = Problem::Temporary("lost".to_owned());
    node.fail("server_start", 2, lost.clone());
    build(&node, 1).await;
    assert_eq!(node.server_start(&spec::server(2)).await, Err(lost.clone()));
    build(&node, 2).await;
    node.fail_after("server_stop", 1, lost.clone());
    let id = spec::server(1).id;
    assert_eq!(node.server_stop(&id, std::time::Duration::ZERO).await, Err(lost.clone()));
    assert_eq!(node.server_state(&id).await, Ok(PowerState::Shutdown));
    node.fail_always("server_delete", lost.clone());
    assert_eq!(node.server_delete(&id).await, Err(lost.clone()));
    assert_eq!(node.server_delete(&id).await, Err(lost));
    node.heal();
    assert_eq!(node.server_delete(&id).await, Ok(()));
    assert_eq!(node.servers(), [spec::server(2).id]);
}

#[tokio::test]
async fn it_wants_what_a_real_node_wants() {
    let node = Node::default();
    assert!(matches!(node.disks_create(&spec::server(1)).await, Err(Problem::Temporary(_))), "no image");
    node.image_fetch(&spec::image(), "", "").await.unwrap();
    node.disks_create(&spec::server(1)).await.unwrap();
    assert!(matches!(node.server_start(&spec::server(1)).await, Err(Problem::Temporary(_))), "no tap");
    assert_eq!(node.server_reboot(&spec::server(1), RebootKind::Hard).await, Err(Problem::NotFound));
}

#[tokio::test]
async fn its_state_lasts_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { state_file: Some(dir.path().join("node.json")), ..Options::default() };
    build(&Node::new(options.clone()), 1).await;
    let node = Node::new(options);
    assert_eq!(node.server_state(&spec::server(1).id).await, Ok(PowerState::Running));
    assert_eq!((node.disks().len(), node.taps().len(), node.images().len()), (1, 1, 1));
}

#[tokio::test]
async fn its_consoles_answer_while_the_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::new(Options { console_dir: Some(dir.path().to_owned()), ..Options::default() });
    build(&node, 1).await;
    let id = spec::server(1).id;
    let address = node.console_address(&id, ConsoleKind::Vnc).await.unwrap();
    let mut greeting = [0; 12];
    let mut stream = tokio::net::UnixStream::connect(&address).await.unwrap();
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"RFB 003.008\n");
    for (said, expected) in [(&b"RFB 003.008\n"[..], &[1, 1][..]), (&[1], &[0, 0, 0, 0]), (&[1], &[2, 128, 1, 224])] {
        stream.write_all(said).await.unwrap();
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, expected, "as far as a screen of 640 times 480");
    }
    node.server_power_off(&id).unwrap();
    assert!(matches!(node.console_address(&id, ConsoleKind::Vnc).await, Err(Problem::Temporary(_))));
    node.server_delete(&id).await.unwrap();
    assert!(!std::path::Path::new(&address).exists());
}
