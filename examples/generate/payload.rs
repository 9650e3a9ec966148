//! What flows carry: bytes like those of encryption, text that can be compressed, DNS messages.

use super::rng::Rng;
use super::wire::Side;

/// Long enough that a compressor of gzip's reach finds no repetition.
const RANDOM_LEN: usize = 4 << 20;
const TEXT_LEN: usize = 1 << 20;
const WORDS: &str =
    "<p> </p> the flow packet trace of and measured <div> </div> host link time a probe";

/// The kind of bytes a flow carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum App {
    /// Encrypted.
    Random,
    /// HTTP without encryption.
    Text,
    /// DNS over UDP.
    Dns,
}

/// Bytes to take payloads from.
pub(crate) struct Payloads {
    random: Vec<u8>,
    text: Vec<u8>,
    message: Vec<u8>,
}

impl Payloads {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut text = Vec::with_capacity(TEXT_LEN + 16);
        let words: Vec<&str> = WORDS.split(' ').collect();
        while text.len() < TEXT_LEN {
            match rng.below(4) {
                0 => text.extend(format!("{:x}", rng.u16()).bytes()),
                _ => text.extend(words[rng.below(words.len())].bytes()),
            }
            text.push(b' ');
        }
        Self {
            random: (0..RANDOM_LEN / 8).flat_map(|_| rng.bytes::<8>()).collect(),
            text,
            message: Vec::new(),
        }
    }

    /// `len` bytes, in two pieces; `begins` says that they are the first of their side.
    pub(crate) fn stream(
        &self,
        rng: &mut Rng,
        app: App,
        from: Side,
        begins: bool,
        len: usize,
    ) -> [&[u8]; 2] {
        let pool = if app == App::Random {
            &self.random
        } else {
            &self.text
        };
        let head: &[u8] = match (app, from) {
            (App::Text, Side::Client) if begins => {
                b"GET /index.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
            }
            (App::Text, Side::Server) if begins => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
            }
            _ => b"",
        };
        let head = &head[..head.len().min(len)];
        let rest = len - head.len();
        let start = rng.below(pool.len() - rest);
        [head, &pool[start..start + rest]]
    }

    /// The `n`-th flow's DNS query or answer.
    pub(crate) fn dns(&mut self, n: u64, from: Side) -> &[u8] {
        let message = &mut self.message;
        let [a, b, c, d, ..] = n.to_le_bytes();
        message.clear();
        message.extend([a, b]);
        match from {
            Side::Client => message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
            Side::Server => message.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]),
        }
        let host = format!("h{:x}", n % 50_000);
        for label in [host.as_str(), "example", "com"] {
            message.extend(u8::try_from(label.len()));
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        if from == Side::Server {
            message.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, a, b, c, d]);
        }
        message
    }
}
