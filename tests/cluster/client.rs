//! The client on a real API server.

use crate::stage::stage;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};

#[test]
fn the_cluster_has_a_ready_node() {
    let Some(stage) = stage() else { return };
    let nodes: Api<Node> = Api::all(stage.cluster.client());
    let nodes = stage.block_on(nodes.list(&ListParams::default())).unwrap();
    let ready = |node: &Node| {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    assert!(nodes.items.iter().any(ready));
}
