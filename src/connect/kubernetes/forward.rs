//! Streams to a port of a pod.

use super::channels::{Layout, Pipe};
use super::{Cluster, ClusterError};
use k8s_openapi::api::core::v1::Pod;
use kube::Resource as _;
use kube::api::Request;
use tokio::io::{AsyncRead, AsyncWrite};

impl Cluster {
    /// A stream to a port of a pod, each a WebSocket of its own. What listens there is asked only when something is written: a port
    /// where nobody does is an error of the first read.
    ///
    /// # Errors
    /// When the pod is not there, or the user may not.
    pub async fn forward(
        &self,
        pod: &str,
        port: u16,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static + use<>, ClusterError> {
        let doing = format!("forwarding to port {port} of pod {pod}");
        let path = Pod::url_path(&(), Some(self.namespace()));
        let request = Request::new(path).portforward(pod, &[port]).map_err(|error| ClusterError::Broken {
            doing: doing.clone(),
            place: self.place.clone(),
            reason: error.to_string(),
        })?;
        let connection = self.call(&doing, || self.client.connect(request.clone())).await?;
        Ok(Pipe::over(connection.into_stream(), Layout::FORWARD))
    }
}
