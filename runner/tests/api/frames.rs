//! Frames of HTTP/2, as callers without manners write them.

/// A frame (RFC 9113, 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;
const INITIAL_WINDOW_SIZE: u16 = 4;

pub const GET_MATCHES: &str = "/proto.MarketService/GetMatches";
pub const UPDATE_PRICES: &str = "/proto.MarketService/UpdatePrices";

/// The beginning of a connection, and these frames.
pub fn http2(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let opening = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])];
    opening.into_iter().chain(frames).flatten().collect()
}

/// As [`http2`], from a caller that takes so many bytes of each answer.
pub fn http2_with_window(window: u32, frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat();
    http2(std::iter::once(frame(SETTINGS, 0, 0, &setting)).chain(frames))
}

/// A request's headers without an end of its body: POST, http, path, authority and content-type in HPACK's words.
pub fn request(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (name, value) in [(&[0x04_u8][..], path), (&[0x01], "market"), (&[0x0f, 0x10], "application/grpc")] {
        block.extend(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// A request whose message has no fields.
pub fn empty_request(stream: u32, path: &str) -> Vec<u8> {
    [request(stream, path), frame(DATA, END_STREAM, stream, &[0; 5])].concat()
}

/// The error codes of all frames of that kind; of `GOAWAY` it is the second word, of `RST_STREAM` the only one.
pub fn error_codes(mut said: &[u8], wanted: u8) -> Vec<u32> {
    let mut codes = Vec::new();
    while let Some((head, rest)) = said.split_at_checked(9) {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        if head[3] == wanted {
            let at = if wanted == GOAWAY { 4 } else { 0 };
            codes.push(u32::from_be_bytes(payload[at..at + 4].try_into().unwrap()));
        }
        said = rest;
    }
    codes
}
