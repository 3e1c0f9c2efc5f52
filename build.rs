//! Compiles the chain's and the models' messages with a pure Rust protobuf compiler: no `protoc` is
//! needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["emissions/emissions.proto", "feemarket/feemarket.proto"];
    let descriptors = protox::compile(files, ["src/chain/proto"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    let files = ["commons.proto", "dynamic_subclass.proto", "health.proto"];
    let descriptors = protox::compile(files, ["src/models/proto"])?;
    // An answer of megabytes is handed on as it came, not copied.
    let mut models = prost_build::Config::new();
    models.bytes(["."]).compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=src/chain/proto");
    println!("cargo:rerun-if-changed=src/models/proto");
    Ok(())
}
