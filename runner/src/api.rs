//! The gRPC servers that the platform calls.
