//! The one TLS stack of the process.

/// Makes rustls with ring the process's TLS provider. Clients need it before they are built; calling
/// it again does nothing.
pub fn install() {
    // Fails only when a provider is installed already, which is the aim.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
