//! Steps to packets: two hosts a conversation that keep what they have sent, nothing more.

use std::net::SocketAddr;

use goostat::decode::{Decoded, Fate, tcp_flags};

use super::generate::{Action, Id, Step};
use super::parse::address;
use super::{TcpDraft, UdpDraft, dress};
use crate::reference::RefPacket;

/// The endpoints of the conversations; whoever stands first is called the client, though trackers
/// may see it otherwise. Conversations with port 53 or 5353 are UDP.
pub(crate) const CONVERSATIONS: &[(&str, &str)] = &[
    ("10.0.0.1:40000", "198.51.100.2:80"),
    ("198.51.100.7:40001", "198.51.100.2:80"),
    ("10.0.0.1:40000", "198.51.100.2:53"),
    ("[2001:db8::1]:40000", "[fe80::2]:443"),
    ("198.51.100.7:3000", "198.51.100.2:2000"),
    ("10.0.0.1:7", "10.0.0.1:7"),
    ("224.0.0.251:5353", "192.168.1.2:5353"),
    ("[2001:db8::1]:5353", "[ff02::fb]:5353"),
    ("10.0.0.2:1023", "10.0.0.1:1024"),
];

/// Every trace begins here; steps backwards stay within a capture's range.
const BASE: i64 = 1_700_000_000_000_000_000;

/// One host in one conversation.
#[derive(Clone, Debug)]
struct Host {
    address: SocketAddr,
    isn: u32,
    /// The number it would send next.
    next: u32,
    window: u16,
    latest_id: u16,
    fin: Option<u32>,
    lost: Vec<(u32, u16)>,
}

struct Player {
    /// Client and server of each conversation.
    hosts: Vec<[Host; 2]>,
    now: i64,
    next_id: u16,
    /// Packets with their conversation.
    played: Vec<(usize, RefPacket)>,
}

/// What a host wants to send.
#[derive(Clone, Copy)]
struct Intent {
    seq: u32,
    flags: u8,
    len: u16,
    /// Added to the acknowledgment.
    ack_offset: i32,
    id: Option<u16>,
}

/// Plays the steps.
pub(crate) fn packets(first_numbers: [u32; 2], steps: &[Step]) -> Vec<RefPacket> {
    let host = |text: &str, isn: u32| Host {
        address: address(text),
        isn,
        // Its SYN may have been sent before the capture began.
        next: isn.wrapping_add(1),
        window: 65_535,
        latest_id: 1,
        fin: None,
        lost: Vec::new(),
    };
    let [client_isn, server_isn] = first_numbers;
    let mut player = Player {
        hosts: CONVERSATIONS
            .iter()
            .map(|(client, server)| [host(client, client_isn), host(server, server_isn)])
            .collect(),
        now: BASE,
        next_id: 100,
        played: Vec::new(),
    };
    for step in steps {
        player.play(step);
    }
    player
        .played
        .into_iter()
        .map(|(_, packet)| packet)
        .collect()
}

impl Player {
    fn play(&mut self, step: &Step) {
        let before = self.now;
        self.now = self
            .now
            .saturating_add(step.wait.microseconds * 1000)
            .max(0);
        self.act(step);
        if step.wait.once {
            self.now = before;
        }
    }

    fn me(&mut self, step: &Step) -> &mut Host {
        &mut self.hosts[step.conversation][usize::from(!step.from_client)]
    }

    fn peer(&self, step: &Step) -> &Host {
        &self.hosts[step.conversation][usize::from(step.from_client)]
    }

    fn act(&mut self, step: &Step) {
        let next = self.me(step).next;
        match step.action {
            Action::Ack { behind, times } => {
                for _ in 0..times {
                    self.send(step, ack_only(next, behind));
                }
            }
            Action::Data { len, push, times } => {
                for _ in 0..times {
                    let seq = self.me(step).next;
                    self.send(step, data(seq, len, push));
                }
            }
            Action::Lost { len } => {
                let me = self.me(step);
                me.lost.push((me.next, len));
                me.next = me.next.wrapping_add(u32::from(len));
            }
            Action::Recover => {
                let me = self.me(step);
                if !me.lost.is_empty() {
                    let (seq, len) = me.lost.remove(0);
                    self.send(step, data(seq, len, false));
                }
            }
            Action::Again { back, len, same_id } => {
                let id = same_id.then_some(self.me(step).latest_id);
                let seq = next.wrapping_sub(u32::from(back));
                let again = Intent {
                    id,
                    ..data(seq, len, true)
                };
                self.send(step, again);
            }
            Action::Duplicate { before } => self.duplicate(step, usize::from(before)),
            Action::Tail { len } => self.tail(step, u32::from(len)),
            Action::Foreign => self.foreign(),
            _ => self.act_on_connection(step, next),
        }
    }

    fn act_on_connection(&mut self, step: &Step, next: u32) {
        let ack_flag = |ack: bool| if ack { tcp_flags::ACK } else { 0 };
        match step.action {
            Action::Syn { ack, renumber } => {
                let me = self.me(step);
                me.isn = me.isn.wrapping_add(u32::from(renumber));
                let seq = me.isn;
                me.next = if renumber == 0 { me.next } else { seq };
                self.send(step, flagged(seq, tcp_flags::SYN | ack_flag(ack), 0));
            }
            Action::Fin { len, again } => {
                let seq = self.me(step).fin.filter(|_| again).unwrap_or(next);
                self.me(step).fin = Some(seq);
                let flags = tcp_flags::FIN | tcp_flags::ACK;
                self.send(step, flagged(seq, flags, len));
            }
            Action::Rst { ack, ahead } => {
                let seq = next.wrapping_add_signed(ahead);
                self.send(step, flagged(seq, tcp_flags::RST | ack_flag(ack), 0));
            }
            _ => self.act_on_state(step, next),
        }
    }

    fn act_on_state(&mut self, step: &Step, next: u32) {
        match step.action {
            Action::KeepAlive { byte } => {
                self.send(step, data(next.wrapping_sub(1), u16::from(byte), false));
            }
            Action::Probe => {
                // It stays the next number until it is acknowledged, which the steps decide.
                self.send(step, data(next, 1, false));
                self.me(step).next = next;
            }
            Action::Window { window } => {
                self.me(step).window = window;
                self.send(step, ack_only(next, 0));
            }
            Action::Odd { flags, ahead, len } => {
                let seq = next.wrapping_add_signed(ahead);
                self.send(step, flagged(seq, flags, u16::from(len)));
            }
            _ => {}
        }
    }

    fn send(&mut self, step: &Step, intent: Intent) {
        let peer = self.peer(step);
        let (destination, peer_next) = (peer.address, peer.next);
        let id = match (intent.id, step.dress.id) {
            (Some(id), _) | (None, Id::Of(id)) => id,
            (None, Id::Zero) => 0,
            (None, Id::Own) => {
                self.next_id = self.next_id.wrapping_add(1);
                self.next_id
            }
        };
        let time = self.now;
        let me = self.me(step);
        let source = me.address;
        me.latest_id = id;
        let is_udp = [source.port(), destination.port()]
            .iter()
            .any(|port| [53, 5353].contains(port));
        let packet = if is_udp {
            let payload_len = u32::from(intent.len);
            let ttl = step.dress.ttl;
            dress::udp(
                &UdpDraft {
                    time,
                    source,
                    destination,
                    ttl,
                    id,
                    payload_len,
                },
                &step.dress,
            )
        } else {
            advance(me, &intent);
            let draft = TcpDraft {
                time,
                source,
                destination,
                ttl: step.dress.ttl,
                id,
                seq: intent.seq,
                ack: acknowledged(&intent, peer_next),
                flags: intent.flags,
                window: me.window,
                options: dress::options(&step.dress, intent.flags),
                payload_len: u32::from(intent.len),
            };
            dress::tcp(&draft, &step.dress)
        };
        self.played
            .push((step.conversation, dress::captured(packet, &step.dress)));
    }

    /// A later fragment of the latest first fragment of the conversation.
    fn tail(&mut self, step: &Step, len: u32) {
        let of_conversation = self
            .played
            .iter()
            .rev()
            .filter(|(which, _)| *which == step.conversation);
        let found = of_conversation
            .filter_map(|(_, packet)| dress::tail(packet, len))
            .next();
        if let Some(packet) = found {
            let time = self.now;
            self.played
                .push((step.conversation, RefPacket { time, ..packet }));
        }
    }

    /// One of the latest packets of the conversation comes again.
    fn duplicate(&mut self, step: &Step, before: usize) {
        let of_conversation = self
            .played
            .iter()
            .rev()
            .filter(|(which, _)| *which == step.conversation);
        let found = of_conversation.map(|(_, packet)| *packet).nth(before - 1);
        if let Some(packet) = found {
            let time = self.now;
            self.played
                .push((step.conversation, RefPacket { time, ..packet }));
        }
    }

    fn foreign(&mut self) {
        let packet = RefPacket {
            time: self.now,
            captured_len: 60,
            original_len: 60,
            decoded: Decoded::Other(Fate::NonIp),
        };
        self.played.push((usize::MAX, packet));
    }
}

fn flagged(seq: u32, flags: u8, len: u16) -> Intent {
    Intent {
        seq,
        flags,
        len,
        ack_offset: 0,
        id: None,
    }
}

fn ack_only(seq: u32, behind: i32) -> Intent {
    Intent {
        ack_offset: -behind,
        ..flagged(seq, tcp_flags::ACK, 0)
    }
}

fn data(seq: u32, len: u16, push: bool) -> Intent {
    flagged(
        seq,
        tcp_flags::ACK | if push { tcp_flags::PSH } else { 0 },
        len,
    )
}

fn acknowledged(intent: &Intent, peer_next: u32) -> u32 {
    if intent.flags & tcp_flags::ACK == 0 {
        return 0;
    }
    peer_next.wrapping_add_signed(intent.ack_offset)
}

/// The next number moves on if the packet reaches beyond it.
fn advance(me: &mut Host, intent: &Intent) {
    let has = |flag: u8| u32::from(intent.flags & flag != 0);
    let numbers = u32::from(intent.len) + has(tcp_flags::SYN) + has(tcp_flags::FIN);
    let end = intent.seq.wrapping_add(numbers);
    if numbers > 0 && end.wrapping_sub(me.next) < 1 << 31 {
        me.next = end;
    }
}
