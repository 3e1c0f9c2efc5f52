//! The one TLS stack of the process.

/// Installs ring as the process's provider of cryptography. Every HTTP or WebSocket client calls it
/// before it is built; calls after the first change nothing.
pub fn install() {
    // The only failure is that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    #[test]
    fn may_be_installed_again() {
        super::install();
        super::install();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
