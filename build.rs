//! Compiles the chain's messages with a pure Rust protobuf compiler: no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["emissions/emissions.proto", "feemarket/feemarket.proto"];
    let descriptors = protox::compile(files, ["src/chain/proto"])?;
    prost_build::Config::new().compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=src/chain/proto");
    Ok(())
}
