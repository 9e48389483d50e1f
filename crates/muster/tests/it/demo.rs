//! The demonstration starts, shows devices of every kind, and leaves nothing behind.

use domain::DeviceState;
use engine::people::operator;
use muster::demo::{Demo, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_enrols_its_devices() {
    let plan = Plan {
        devices: 16,
        port: 0,
        keep: None,
    };
    let demo = Demo::start(&plan, |_, _, _| {}).await.unwrap();
    let counts = demo.engine().fleet_counts(&operator()).await.unwrap();
    let enrolled: i64 = counts
        .devices
        .iter()
        .filter(|row| row.state == DeviceState::Enrolled)
        .map(|row| row.count)
        .sum();
    assert_eq!(enrolled, 16);
    assert!(demo.sign_in_url.expose().starts_with(&demo.console_url));
    demo.stop().await;
}
